"""What a person does with the phone in a call: holds it, takes it up again, hangs up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import Codec, MediaWishes
from movoice_box.domain.trunk import Transport
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.settings import Rtp
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.trunk import Answered, Dialog, Ended, MediaChanged
from tests.peers.authority import Authority
from tests.peers.baresip import Baresip, baresip_phone
from tests.peers.kamailio import kamailio
from tests.peers.test_baresip_media import GREETING, RATE, find, sweep
from tests.rtp.ends import Ear
from tests.sip.ends import NUMBER, a_trunk, until

pytestmark = pytest.mark.peer

AUTHORITY = Authority.create()
HOLD, RESUME, HANG_UP = "x", "X", "b"  # baresip's own keys


@dataclass(frozen=True)
class Way:
    """A codec as baresip names it, and what is between the two: nothing, or a proxy."""

    codec: Codec
    name: str
    proxied_by: Transport | None = None
    likeness: float = 0.98


@asynccontextmanager
async def a_trunk_to(phone: Baresip, way: Way, folder: Path) -> AsyncIterator[NativeTrunk]:
    """Straight to the phone, or by a proxy that asks for the password and stays in the route."""
    if way.proxied_by is None:
        async with a_trunk(phone.address) as trunk:
            yield trunk
        return
    certificate = AUTHORITY.certify("127.0.0.1", folder)
    async with (
        kamailio(folder, phone.address[1], certificate) as proxy,
        a_trunk(
            proxy.address(way.proxied_by), transport=way.proxied_by, tls_ca=AUTHORITY.pem
        ) as trunk,
    ):
        yield trunk
        assert f"seen ACK from 127.0.0.1 by {way.proxied_by}" in proxy.seen
        in_call = [line for line in proxy.seen.splitlines() if "by udp" in line]
        assert [line.split()[1] for line in in_call] == ["INVITE", "ACK", "INVITE", "ACK", "BYE"]


@asynccontextmanager
async def a_session(trunk: NativeTrunk) -> AsyncIterator[RtpSession]:
    media = MediaEngine(Rtp(port_min=20_000, port_max=29_998), SystemClock())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(media.run())
        await trunk.reach()
        session = await media.open(trunk.local_address(), MediaWishes())
        yield session
        await session.close()
        running.cancel()


async def changed(dialog: Dialog, session: RtpSession) -> bool:
    """Do what the far end says of its media next; tells whether it wants to hear us."""
    media = (await until(dialog, MediaChanged)).media
    session.connect(media)
    return media.is_sending


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(Way(Codec.PCMU, "PCMU/8000/1"), id="PCMU"),
        pytest.param(Way(Codec.PCMA, "PCMA/8000/1"), id="PCMA"),
        pytest.param(Way(Codec.G722, "G722/16000/1", likeness=0.85), id="G722"),
        pytest.param(Way(Codec.PCMA, "PCMA/8000/1", Transport.TCP), id="by a proxy and TCP"),
        pytest.param(Way(Codec.PCMU, "PCMU/8000/1", Transport.TLS), id="by a proxy and TLS"),
    ],
)
async def test_a_phone_that_holds_the_call_misses_nothing_and_hangs_up(
    tmp_path: Path, way: Way
) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    says = sweep(8.0, 3000, 500)
    async with (
        baresip_phone(folder, NUMBER.e164, says, way.name) as phone,
        a_trunk_to(phone, way, tmp_path) as trunk,
        asyncio.TaskGroup() as group,
        a_session(trunk) as session,
    ):
        ear = Ear(session, group)
        dialog = await trunk.invite(NUMBER, session.offer)
        answered = await until(dialog, Answered)
        assert answered.media is not None
        session.connect(answered.media)
        speaking = group.create_task(session.play(GREETING[: 3 * RATE]))
        await asyncio.sleep(0.7)
        await phone.press(HOLD)
        wants_sound = [await changed(dialog, session)]
        sent = session.statistics.sent
        await dialog.probe()
        await asyncio.sleep(0.2)
        sent_while_held = session.statistics.sent - sent
        await phone.press(RESUME)
        wants_sound.append(await changed(dialog, session))
        await speaking
        await session.send_digits("5")
        await phone.press(HANG_UP)
        ended = await until(dialog, Ended)

    assert answered.media.codec is way.codec
    assert wants_sound == [False, True]
    assert sent_while_held <= 1
    assert (ended.disposition, ended.ended_by) == (Disposition.ANSWERED, "callee")
    assert find(GREETING[:RATE], phone.heard()).likeness > way.likeness
    assert phone.keys_heard == "5"
    latest = find(ear.pcm[-RATE:-1600], says)
    assert latest.likeness > way.likeness
    assert latest.seconds_at > 1
