"""SIPp's own user agent as the caller: what a load generator in C makes of the same calls."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from movoice_box.bench.peers import LOOPBACK, free_udp_port, kill
from movoice_box.errors import TrunkError

_CLIP_BYTES = 80_000  # ten seconds of PCMU, played over and over

_CALLER = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="calls that talk">
  <send retrans="500" start_rtd="1"><![CDATA[
INVITE sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:bench@[local_ip]:[local_port]>;tag=caller[call_number]
To: <sip:[field0]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:bench@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rtd="1"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:bench@[local_ip]:[local_port]>;tag=caller[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <nop><action><exec rtp_stream="clip.ulaw,-1,0"/></action></nop>
  <pause milliseconds="{talk_ms}"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:bench@[local_ip]:[local_port]>;tag=caller[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
"""


@asynccontextmanager
async def sipp_caller(
    gateway_port: int, numbers: Sequence[str], per_second: float, talk_ms: int
) -> AsyncIterator[tuple[Process, Path]]:
    """SIPp calling each of `numbers` once, and the folder of its files.

    It ends by itself after the last call. Raises `TrunkError` when it is not installed.
    """
    if (program := shutil.which("sipp")) is None:
        raise TrunkError("SIPp is missing: apt install sip-tester")
    with TemporaryDirectory(prefix="movoice-bench-") as name:
        folder = Path(name)
        (folder / "caller.xml").write_text(_CALLER.replace("{talk_ms}", str(talk_ms)))
        (folder / "clip.ulaw").write_bytes(bytes(range(256)) * (_CLIP_BYTES // 256))
        rows = "".join(f"{number};\n" for number in numbers)
        (folder / "numbers.csv").write_text(f"SEQUENTIAL\n{rows}")
        process = await asyncio.create_subprocess_exec(
            *(program, "-i", LOOPBACK, "-mi", LOOPBACK, "-sf", "caller.xml", "-inf", "numbers.csv"),
            *("-p", str(free_udp_port()), "-cp", str(free_udp_port()), "-nostdin", "-trace_rtt"),
            *("-m", str(len(numbers)), "-l", "5000", "-r", f"{round(1000 * per_second)}"),
            *("-rp", "1000000", "-rtt_freq", "1", f"{LOOPBACK}:{gateway_port}"),
            cwd=folder,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        try:
            yield process, folder
        finally:
            await kill(process)


def response_times_ms(folder: Path) -> list[float]:
    """Of each call from the INVITE to the 200, once SIPp has ended."""
    (file,) = folder.glob("caller_*_rtt.csv")
    rows = file.read_text(encoding="ascii").splitlines()[1:]
    return [float(row.split(";")[1]) for row in rows if row]
