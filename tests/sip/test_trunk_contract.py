"""What the dialer may expect of any driver. pyVoIP's gaps fail here, each for the reason given."""

import asyncio
from pathlib import Path

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import Codec
from movoice_box.domain.trunk import TrunkDriver
from movoice_box.sip.trunk import Answered, EarlyMedia, Ended, MediaChanged, Ringing
from tests.sip.contract import BOTH, HASTY, events_up_to, outcome, unless_pyvoip
from tests.sip.drivers import a_driver
from tests.sip.ends import NUMBER, OFFER, events_of, until

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("driver", BOTH)
async def test_an_answer_is_acknowledged_and_ended_by_our_bye(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    async with a_driver(driver, tmp_path, "ring_then_answer") as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        answered = await until(dialog, Answered)
        await dialog.end()
        ended = await dialog.next_event()

    assert (answered.media is None) != (answered.audio is None)
    assert ended == Ended(
        disposition=Disposition.ANSWERED, sip_status=200, ended_by="box", has_rung=True
    )
    assert await dialog.next_event() == ended
    assert dialog.sip_call_id


@pytest.mark.parametrize("driver", BOTH)
async def test_the_bye_of_the_callee_ends_the_call(driver: TrunkDriver, tmp_path: Path) -> None:
    ended = await outcome(driver, tmp_path, "callee_hangs_up", rings=True)

    assert (ended.disposition, ended.ended_by) == (Disposition.ANSWERED, "callee")


@pytest.mark.parametrize("driver", BOTH)
@pytest.mark.parametrize(
    ("status", "disposition"), [(404, Disposition.INVALID_NUMBER), (503, Disposition.FAILED)]
)
async def test_a_refusal_that_pyvoip_knows_is_named(
    driver: TrunkDriver, tmp_path: Path, status: int, disposition: Disposition
) -> None:
    ended = await outcome(driver, tmp_path, "refuse", status=str(status))

    assert (ended.disposition, ended.sip_status) == (disposition, status)


@pytest.mark.parametrize("driver", BOTH)
async def test_a_phone_that_rings_out_is_no_answer(driver: TrunkDriver, tmp_path: Path) -> None:
    ended = await outcome(driver, tmp_path, "ring_out", HASTY)

    assert (ended.disposition, ended.ended_by) == (Disposition.NO_ANSWER, "box")


@pytest.mark.parametrize("driver", unless_pyvoip("does not tell a 180 from a 100"))
async def test_ringing_is_reported(driver: TrunkDriver, tmp_path: Path) -> None:
    async with a_driver(driver, tmp_path, "callee_hangs_up", rings=True) as trunk:
        events = await events_of(await trunk.invite(NUMBER, OFFER))

    assert events[0] == Ringing(180)


@pytest.mark.parametrize(
    "driver", unless_pyvoip("waits on for 100, 180 or 401; never acknowledges")
)
async def test_a_direct_answer_is_an_answer(driver: TrunkDriver, tmp_path: Path) -> None:
    async with a_driver(driver, tmp_path, "answer", account=HASTY) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


@pytest.mark.parametrize("driver", unless_pyvoip("tells nothing between the INVITE and the 200"))
async def test_early_media_is_reported(driver: TrunkDriver, tmp_path: Path) -> None:
    async with a_driver(driver, tmp_path, "early_media") as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        events = await events_up_to(dialog, Answered)
        await dialog.end()

    assert EarlyMedia in map(type, events)


@pytest.mark.parametrize(
    ("status", "disposition"),
    [
        (486, Disposition.BUSY),
        (603, Disposition.REJECTED),
        (480, Disposition.NO_ANSWER),
        (302, Disposition.FAILED),
    ],
)
@pytest.mark.parametrize("driver", unless_pyvoip("neither acknowledges nor tells it"))
async def test_a_refusal_is_acknowledged_and_named(
    driver: TrunkDriver, tmp_path: Path, status: int, disposition: Disposition
) -> None:
    ended = await outcome(driver, tmp_path, "refuse", HASTY, status=str(status))

    assert (ended.disposition, ended.sip_status) == (disposition, status)


@pytest.mark.parametrize("driver", unless_pyvoip("waits on for 100, 180 or 401"))
async def test_a_proxy_that_asks_for_the_password_gets_it(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    async with a_driver(driver, tmp_path, "proxy_challenge", account=HASTY) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


@pytest.mark.parametrize("driver", unless_pyvoip("sends an INVITE once only"))
async def test_an_invite_that_was_lost_is_sent_again(driver: TrunkDriver, tmp_path: Path) -> None:
    async with a_driver(driver, tmp_path, "answer_late", account={"ring_timeout_s": 3}) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


@pytest.mark.parametrize("driver", unless_pyvoip("has no CANCEL: the phone rings on"))
async def test_the_ring_timeout_stops_the_ringing(driver: TrunkDriver, tmp_path: Path) -> None:
    await outcome(driver, tmp_path, "no_answer", HASTY)


@pytest.mark.parametrize("driver", unless_pyvoip("has no CANCEL: the phone rings on"))
async def test_our_end_stops_the_ringing(driver: TrunkDriver, tmp_path: Path) -> None:
    async with a_driver(driver, tmp_path, "no_answer") as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await asyncio.sleep(0.3)
        await dialog.end()
        ended = await until(dialog, Ended)

    assert ended.disposition is Disposition.CANCELED


@pytest.mark.parametrize("driver", unless_pyvoip("answers a re-INVITE, and does not tell of it"))
async def test_hold_and_resume_are_reported(driver: TrunkDriver, tmp_path: Path) -> None:
    async with a_driver(driver, tmp_path, "hold_and_resume", rings=True) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        async with asyncio.timeout(2):
            await until(dialog, MediaChanged)
            await until(dialog, MediaChanged)
        await asyncio.sleep(0.5)
        await dialog.end()


@pytest.mark.parametrize(
    "driver", unless_pyvoip("makes an offer, and does not read its answer in the ACK")
)
async def test_late_offer_may_change_the_codec(driver: TrunkDriver, tmp_path: Path) -> None:
    async with a_driver(driver, tmp_path, "offerless_reinvite", rings=True) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        async with asyncio.timeout(1):
            changed = await until(dialog, MediaChanged)
        await dialog.end()

    assert changed.media.codec is Codec.PCMA
