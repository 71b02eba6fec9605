"""Voice and key presses between the box and a phone that no one here wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from movoice_box.clock import SystemClock
from movoice_box.domain.media import Codec, MediaTarget, MediaWishes
from movoice_box.domain.trunk import Transport
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.settings import Rtp
from movoice_box.sip.trunk import Answered, Dialog, Ended, MediaChanged
from tests.peers.authority import Authority
from tests.peers.baresip import Baresip, baresip_phone
from tests.rtp.ends import Ear
from tests.rtp.test_recorder import read
from tests.sip.ends import NUMBER, a_trunk, until

pytestmark = pytest.mark.peer

RATE = 8000


def sweep(seconds: float, from_hz: float, to_hz: float) -> bytes:
    """A tone that glides: no two moments are alike, so that it can be found in a recording."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * (from_hz * time + (to_hz - from_hz) * time**2 / (2 * seconds))
    return (8_000 * np.sin(phase)).astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * int(seconds * RATE))


AUTHORITY = Authority.create()
ANY_CODEC = MediaWishes(codecs=tuple(Codec))
GREETING = sweep(2.0, 300, 1500)
REPLY = sweep(2.0, 3000, 1800)


@dataclass(frozen=True)
class Found:
    """A clip found in a recording: `likeness` from 0 to 1; `energy` relative to the clip's."""

    likeness: float
    energy: float
    seconds_at: float


def find(clip: bytes, recording: bytes) -> Found:
    """Where `recording` is most like `clip`, by normalised cross-correlation."""
    wanted, heard = _samples(clip), _samples(recording)
    size = len(wanted) + len(heard)
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    at = int(np.argmax(product[: len(heard)]))
    piece = heard[at : at + len(wanted)]
    norm = np.linalg.norm(wanted[: len(piece)]) * np.linalg.norm(piece)
    likeness = float(np.dot(wanted[: len(piece)], piece) / norm)
    energy = float(np.sum(heard**2) / np.sum(wanted**2))
    return Found(likeness=likeness, energy=energy, seconds_at=at / RATE)


def _samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


@asynccontextmanager
async def answered_call(
    phone: Baresip, wishes: MediaWishes = ANY_CODEC, ca: str | None = None
) -> AsyncIterator[tuple[RtpSession, Answered]]:
    """A call from the box to the phone, media connected; ended by our BYE.

    By TLS where there is a `ca` that vouches for the phone.
    """
    media = MediaEngine(Rtp(port_min=20_000, port_max=29_998), SystemClock())
    account: dict[str, Any] = {"transport": Transport.TLS, "tls_ca": ca} if ca else {}
    address = phone.tls_address if ca else phone.address
    async with a_trunk(address, **account) as trunk, asyncio.TaskGroup() as group:
        running = group.create_task(media.run())
        session = await media.open(trunk.local_address(), wishes)
        dialog = await trunk.invite(NUMBER, session.offer)
        answered = await until(dialog, Answered)
        assert answered.media is not None
        session.connect(answered.media)
        yield session, answered
        await dialog.end()
        await session.close()
        running.cancel()


@asynccontextmanager
async def encrypted_call(
    phone: Baresip,
) -> AsyncIterator[tuple[RtpSession, Dialog, list[MediaTarget]]]:
    """A call by TLS and SRTP, which the phone ends; its media, and what was agreed of that."""
    media = MediaEngine(Rtp(port_min=20_000, port_max=29_998), SystemClock())
    async with (
        a_trunk(phone.tls_address, transport=Transport.TLS, tls_ca=AUTHORITY.pem) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(media.run())
        session = await media.open(trunk.local_address(), MediaWishes(is_srtp=True))
        dialog = await trunk.invite(NUMBER, session.offer)
        answered = await until(dialog, Answered)
        assert answered.media is not None
        session.connect(answered.media)
        yield session, dialog, [answered.media]
        await session.close()
        running.cancel()


@dataclass(frozen=True)
class Way:
    """How a call may be carried: `names` as baresip has them."""

    codec: Codec
    names: str
    more: str = ""
    ptime_ms: int = 20
    is_srtp: bool = False
    is_tls: bool = False
    likeness: float = 0.98  # Opus is lossy, and a band of G.722 alone shifts the phases


WAYS = [
    pytest.param(Way(Codec.PCMU, "PCMU/8000/1"), id="PCMU"),
    pytest.param(Way(Codec.PCMA, "PCMA/8000/1"), id="PCMA"),
    pytest.param(Way(Codec.G722, "G722/16000/1", likeness=0.85), id="G722"),
    pytest.param(Way(Codec.OPUS, "opus/48000/2", likeness=0.95), id="Opus"),
    pytest.param(Way(Codec.PCMA, "PCMA/8000/1", ";ptime=40", ptime_ms=40), id="40 ms"),
    pytest.param(Way(Codec.PCMU, "PCMU/8000/1", ";mediaenc=srtp-mand", is_srtp=True), id="SRTP"),
    pytest.param(
        Way(Codec.PCMA, "PCMA/8000/1", ";mediaenc=srtp-mand", is_srtp=True, is_tls=True),
        id="SRTP and TLS",
    ),
]


@pytest.mark.parametrize("way", WAYS)
async def test_each_side_recognises_the_voice_of_the_other(tmp_path: Path, way: Way) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    says = silence(0.5) + REPLY
    wishes = MediaWishes(codecs=tuple(Codec), ptime_ms=way.ptime_ms, is_srtp=way.is_srtp)
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path) if way.is_tls else None
    ca = AUTHORITY.pem if way.is_tls else None
    async with (
        baresip_phone(folder, NUMBER.e164, says, way.names, way.more, certificate) as phone,
        asyncio.TaskGroup() as group,
        answered_call(phone, wishes, ca) as (session, answered),
    ):
        ear = Ear(session, group)
        session.start_recording(tmp_path / "call.wav")
        await session.play(GREETING)
        await asyncio.sleep(1.0)
        statistics = session.statistics

    assert answered.media
    assert (answered.media.codec, answered.media.ptime_ms) == (way.codec, way.ptime_ms)
    assert (answered.media.srtp is not None) == way.is_srtp
    by_phone = find(GREETING, phone.heard())
    by_box = find(REPLY, ear.pcm)
    assert by_phone.likeness > way.likeness
    assert by_phone.energy == pytest.approx(1, abs=0.05)
    assert by_box.likeness > way.likeness
    assert by_box.energy == pytest.approx(1, abs=0.05)
    assert len(ear.pcm) / 2 / RATE == pytest.approx(3.0, abs=0.1)
    assert (statistics.lost, statistics.late, statistics.strangers) == (0, 0, 0)
    left, right = read(tmp_path / "call.wav")
    assert find(REPLY, left.tobytes()).likeness > way.likeness
    assert find(GREETING, right.tobytes()).likeness > 0.98


async def test_a_greeting_that_is_cut_short_is_heard_cut_short(tmp_path: Path) -> None:
    async with (
        baresip_phone(tmp_path, NUMBER.e164, b"") as phone,
        asyncio.TaskGroup() as group,
        answered_call(phone) as (session, _),
    ):
        await session.play(silence(0.5))  # until the phone's own buffer has settled
        speaking = group.create_task(session.play(GREETING))
        await asyncio.sleep(1.0)
        speaking.cancel()
        await asyncio.sleep(0.5)

    assert find(GREETING, phone.heard()).energy == pytest.approx(0.5, abs=0.05)


async def test_keys_pressed_on_the_phone_are_heard_once_each(tmp_path: Path) -> None:
    async with (
        baresip_phone(tmp_path, NUMBER.e164, b"") as phone,
        answered_call(phone) as (session, _),
    ):
        async with asyncio.timeout(10):
            pressed = []
            for key in "5#1":
                await phone.press(key)
                pressed.append(await session.next_digit())
            await asyncio.sleep(0.5)
        statistics = session.statistics

    assert pressed == ["5", "#", "1"]
    assert statistics.lost == 0


async def test_keys_that_the_box_sends_are_heard_by_the_phone(tmp_path: Path) -> None:
    async with (
        baresip_phone(tmp_path, NUMBER.e164, b"") as phone,
        answered_call(phone) as (session, _),
    ):
        await session.send_digits("1122*0#")
        await asyncio.sleep(0.5)

    assert phone.keys_heard == "1122*0#"


async def test_an_encrypted_call_is_held_resumed_and_ended_by_the_phone(tmp_path: Path) -> None:
    hold, resume, hang_up = "xXb"
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path)
    says = sweep(8.0, 3000, 500)
    async with (
        baresip_phone(
            *(tmp_path, NUMBER.e164, says, "PCMU/8000/1", ";mediaenc=srtp-mand", certificate)
        ) as phone,
        asyncio.TaskGroup() as group,
        encrypted_call(phone) as (session, dialog, targets),
    ):
        ear = Ear(session, group)
        await session.play(GREETING)
        for key in (hold, resume):
            await phone.press(key)
            targets.append((await until(dialog, MediaChanged)).media)
            session.connect(targets[-1])
        await session.send_digits("5#")
        await phone.press(hang_up)
        ended = await until(dialog, Ended)
        statistics = session.statistics

    assert [target.is_sending for target in targets] == [True, False, True]
    assert all(target.srtp for target in targets)
    assert ended.ended_by == "callee"
    assert find(GREETING, phone.heard()).likeness > 0.98
    assert phone.keys_heard == "5#"
    assert find(ear.pcm[-2400:-800], says).likeness > 0.98
    assert (statistics.invalid, statistics.strangers) == (0, 0)
