"""Where both drivers take a call that the trunk sends away, and what the trunk is told."""

from pathlib import Path
from typing import Any

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import CallerIdHeader, TrunkDriver
from movoice_box.sip.trunk import Answered, CallDetails, Ringing
from tests.peers.sipp import free_udp_port, sipp_carrier
from tests.sip.contract import BOTH, HASTY, outcome, unless_pyvoip
from tests.sip.drivers import a_driver
from tests.sip.ends import NUMBER, OFFER, a_trunk, events_of, until

pytestmark = pytest.mark.peer

QUICK: dict[str, Any] = {"finish_s": 0.5}


@pytest.mark.parametrize("driver", unless_pyvoip("neither acknowledges nor tells a 302"))
async def test_redirect_to_the_trunks_own_address_is_followed(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    port = free_udp_port()
    account = {**HASTY, "follows_redirects": True}
    target = f"sip:{NUMBER}@127.0.0.1:{port}"
    async with a_driver(
        driver, tmp_path, "redirect", account, port=port, target=target, **QUICK
    ) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


async def test_redirect_is_followed_through_the_outbound_proxy(tmp_path: Path) -> None:
    target = f"sip:{NUMBER}@carrier.invalid:5070"
    async with sipp_carrier(tmp_path, "redirect", target=target, **QUICK) as (host, port):
        home = "carrier.invalid", 5060
        by_proxy = f"{host}:{port}"
        async with a_trunk(home, follows_redirects=True, outbound_proxy=by_proxy) as trunk:
            dialog = await trunk.invite(NUMBER, OFFER)
            await until(dialog, Answered)
            await dialog.end()


@pytest.mark.parametrize(
    ("follows", "target", "why"),
    [
        (True, "sip:+911234567890@127.0.0.1", "a number that the box has not checked"),
        (True, f"sip:{NUMBER}@192.0.2.66", "not the trunk's own address"),
        (False, f"sip:{NUMBER}@127.0.0.1", "are not to be followed"),
    ],
)
async def test_redirect_elsewhere_ends_the_call(
    tmp_path: Path, follows: bool, target: str, why: str
) -> None:
    account = {"follows_redirects": follows}
    ended = await outcome(
        TrunkDriver.NATIVE, tmp_path, "redirect_away", account, target=target, **QUICK
    )

    assert (ended.disposition, ended.sip_status) == (Disposition.FAILED, 302)
    assert why in ended.sip_reason


@pytest.mark.parametrize("driver", unless_pyvoip("does not tell Retry-After"))
async def test_overloaded_trunk_says_how_long_it_wants_to_rest(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    ended = await outcome(
        driver, tmp_path, "refuse", HASTY, status="503", reason="Retry-After: 30 (busy)", **QUICK
    )

    assert (ended.sip_status, ended.retry_after_s, ended.has_rung) == (503, 30, True)


async def test_extension_that_the_trunk_asks_for_is_named(tmp_path: Path) -> None:
    ended = await outcome(
        TrunkDriver.NATIVE, tmp_path, "refuse", status="421", reason="Require: sec-agree", **QUICK
    )

    assert "asks for the extension sec-agree" in ended.sip_reason


@pytest.mark.parametrize("driver", unless_pyvoip("tells the trunk its account and nothing else"))
async def test_trunk_is_told_who_calls_and_for_which_call(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    account = {
        **HASTY,
        "caller_id": "+14155550111",
        "caller_id_header": CallerIdHeader.P_ASSERTED_IDENTITY,
        "is_private": True,
        "call_id_header": "X-Call-Id",
    }
    details = CallDetails(caller_id="+14155550100", call_id="call_1")
    async with a_driver(driver, tmp_path, "identity", account, **QUICK) as trunk:
        await events_of(await trunk.invite(NUMBER, OFFER, details))


@pytest.mark.parametrize("driver", BOTH)
async def test_extension_is_dialed_as_it_is(driver: TrunkDriver, tmp_path: Path) -> None:
    account = {"allows_extensions": True, "number_prefix": "9"}
    words = {"header": "To", "pattern": "sip:101@"}
    async with a_driver(driver, tmp_path, "header", account, **words) as trunk:
        events = await events_of(await trunk.invite(PhoneNumber("101"), OFFER))

    assert Ringing not in map(type, events)


@pytest.mark.parametrize("driver", unless_pyvoip("gives no reason"))
async def test_our_bye_says_that_it_is_a_normal_clearing(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    async with a_driver(driver, tmp_path, "reason_of_bye", **QUICK) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()


async def test_our_cancel_says_that_nobody_answered(tmp_path: Path) -> None:
    why = "Q.850;cause=19"
    await outcome(TrunkDriver.NATIVE, tmp_path, "reason_of_cancel", HASTY, pattern=why, **QUICK)


@pytest.mark.parametrize("driver", unless_pyvoip("waits on for 100, 180 or 401"))
async def test_longer_session_is_asked_for_where_ours_is_too_brief(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    async with a_driver(driver, tmp_path, "session_interval", HASTY, **QUICK) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()
