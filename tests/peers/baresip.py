"""baresip as the callee's phone: it answers, plays a clip, hears, and presses keys."""

import asyncio
import re
import shutil
import wave
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.peers.authority import Certificate
from tests.peers.sipp import free_udp_port
from tests.peers.sockets import free_port

_MODULES = "/usr/lib/baresip/modules"
_RTP_PORTS = 40
_STAYS_S = 60  # baresip hangs up when its file ends
_READY = "baresip is ready."

# `aubridge` with nobody on its other side stands in for the loudspeaker: without a player baresip
# decodes nothing. `sndfile` writes what is heard to a file; `stdio` takes keys on standard input.
_CONFIG = """
poll_method epoll
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
rtp_ports {rtp_low}-{rtp_high}
jitter_buffer_type fixed
audio_source aufile,{clip}
audio_player aubridge,nobody
audio_alert aubridge,nobody
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
{tls}
audio_telev_pt 101
snd_path {folder}
module_path {modules}
module g711.so
module g722.so
module opus.so
module srtp.so
module aufile.so
module aubridge.so
module sndfile.so
module stdio.so
module_tmp account.so
module_app menu.so
"""
_ACCOUNT = "<sip:{user}@127.0.0.1:{port}>;regint=0;answermode=auto;audio_codecs={codecs}\n"


@dataclass(frozen=True)
class Baresip:
    """A phone on `address` that answers calls to its number."""

    address: tuple[str, int]
    """By UDP and TCP; TLS is on the port above, where it has a certificate."""
    folder: Path
    process: Process

    async def press(self, key: str) -> None:
        """Press a key for as long as baresip takes a press to be: about a third of a second."""
        assert self.process.stdin is not None
        self.process.stdin.write(key.encode())
        await self.process.stdin.drain()

    @property
    def tls_address(self) -> tuple[str, int]:
        host, port = self.address
        return host, port + 1

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def keys_heard(self) -> str:
        """Of all calls, whole once the phone is gone."""
        return "".join(re.findall(r"received event: '(.)' \(end=1\)", self.log))

    def heard(self) -> bytes:
        """PCM of the last call at 8 kHz, whole once the phone is gone."""
        (file,) = self.folder.glob("dump-*-dec.wav")
        with wave.open(str(file)) as recording:
            pcm = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
            left = pcm.reshape(-1, recording.getnchannels())[:, 0]
            rate = recording.getframerate()
        heard: bytes = soxr.resample(left, rate, 8000).tobytes() if rate != 8000 else left.tobytes()
        return heard


@asynccontextmanager
async def baresip_phone(
    folder: Path,
    user: str,
    says: bytes,
    codecs: str = "PCMU/8000/1,PCMA/8000/1",
    more: str = "",
    certificate: Certificate | None = None,
) -> AsyncIterator[Baresip]:
    """A phone with the number `user`, which plays the PCM `says` once answered, then is silent.

    `more` are parameters of its account, such as `;ptime=40`. With a `certificate` it takes TLS.
    """
    if (program := shutil.which("baresip")) is None:
        pytest.fail("baresip is missing: apt install baresip, or deselect with -m 'not peer'")
    port = free_port()
    tls = ""
    if certificate:
        (folder / "tls.pem").write_bytes(
            certificate.key.read_bytes() + certificate.chain.read_bytes()
        )
        tls = f"sip_certificate {folder / 'tls.pem'}"
    _write_config(folder, user, says, codecs + more, port, tls)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(program, "-v", "-f", str(folder)), cwd=folder, stdin=PIPE, stdout=log, stderr=log
        )
    phone = Baresip(("127.0.0.1", port), folder, process)
    try:
        await _ready(phone)
        yield phone
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _write_config(folder: Path, user: str, says: bytes, codecs: str, port: int, tls: str) -> None:
    clip = folder / "says.wav"
    rate = int(codecs.split("/")[1])  # its own resampling to 16 kHz leaves next to nothing
    pcm = np.frombuffer(says, dtype="<i2")
    with wave.open(str(clip), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(soxr.resample(pcm, 8000, rate).tobytes() if rate != 8000 else says)
        file.writeframes(bytes(2 * rate * _STAYS_S))
    rtp_low = min(free_udp_port(), 65_000) // 2 * 2
    config = _CONFIG.format(
        port=port,
        tls=tls,
        rtp_low=rtp_low,
        rtp_high=rtp_low + _RTP_PORTS,
        clip=clip,
        rate=rate,
        folder=folder,
        modules=_MODULES,
    )
    (folder / "config").write_text(config, encoding="utf-8")
    account = _ACCOUNT.format(user=user, port=port, codecs=codecs)
    (folder / "accounts").write_text(account, encoding="utf-8")
    (folder / "contacts").write_text("", encoding="utf-8")


async def _ready(phone: Baresip) -> None:
    async with asyncio.timeout(10):
        for _ in count():
            if _READY in phone.log:
                return
            assert phone.process.returncode is None, phone.log
            await asyncio.sleep(0.02)
