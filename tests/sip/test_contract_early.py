"""What both drivers do before the answer: reliable ringing, several phones, early media."""

import asyncio
from pathlib import Path

import pytest

from movoice_box.domain.media import Codec
from movoice_box.domain.trunk import TrunkDriver
from movoice_box.sip.trunk import Answered, DialogEvent, EarlyMedia, Ringing
from tests.peers.sipp import free_udp_port, sipp_carrier
from tests.sip.contract import HASTY, events_up_to, unless_pyvoip
from tests.sip.drivers import a_driver
from tests.sip.ends import NUMBER, OFFER, a_trunk, until
from tests.sip.lossy import lossy_path

pytestmark = pytest.mark.peer


async def early_events(driver: TrunkDriver, folder: Path, scenario: str) -> list[DialogEvent]:
    """What happens up to the answer, that included; the call is ended then."""
    async with a_driver(driver, folder, scenario, HASTY, finish_s=0.5) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        events = await events_up_to(dialog, Answered)
        await asyncio.sleep(0.3)  # the other phone is answered, too
        await dialog.end()
    return events


@pytest.mark.parametrize("driver", unless_pyvoip("knows no 100rel: waits on for 100, 180 or 401"))
async def test_reliable_ringing_is_acknowledged_and_its_sdp_is_the_answer(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    events = await early_events(driver, tmp_path, "reliable_ringing")

    assert list(map(type, events)) == [Ringing, EarlyMedia, Ringing]


@pytest.mark.parametrize("driver", unless_pyvoip("takes every 200 for the same callee's"))
async def test_one_of_two_phones_is_talked_to_and_the_other_hung_up_on(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    events = await early_events(driver, tmp_path, "fork")

    played = [event.media.codec for event in events if isinstance(event, EarlyMedia)]
    assert played == [Codec.PCMU, Codec.PCMA]
    assert [event for event in events if isinstance(event, Ringing)] == [Ringing(183), Ringing(180)]


@pytest.mark.parametrize("driver", unless_pyvoip("knows no UPDATE"))
async def test_early_media_may_change(driver: TrunkDriver, tmp_path: Path) -> None:
    events = await early_events(driver, tmp_path, "early_update")

    assert isinstance(events[-1], EarlyMedia)
    assert events[-1].media.codec is Codec.PCMA


@pytest.mark.parametrize("lost", ["SIP/2.0 183", "PRACK", "SIP/2.0 200"])
async def test_reliable_ringing_survives_the_loss_of(tmp_path: Path, lost: str) -> None:
    front = free_udp_port()
    ringing = sipp_carrier(tmp_path, "reliable_ringing", contact_port=str(front))
    async with (
        ringing as carrier,
        lossy_path(front, carrier, {lost: 1}) as path,
        a_trunk(path) as trunk,
    ):
        dialog = await trunk.invite(NUMBER, OFFER)
        early = await until(dialog, EarlyMedia)
        answered = await until(dialog, Answered)
        await dialog.end()

    assert answered.media == early.media
