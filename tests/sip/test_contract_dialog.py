"""What a far end may do in a call that it answered, and what the box may ask of it there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import Codec
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkDriver
from movoice_box.errors import TrunkError
from movoice_box.sip.trunk import TRANSFER_REFUSED, Answered, Ended, KeyPressed, MediaChanged
from tests.peers.sipp_callee import (
    OUR_BYE,
    ask,
    hear,
    notify,
    pause,
    reinvite,
    say,
    sdp,
    wait_for,
)
from tests.sip.contract import unless_pyvoip
from tests.sip.drivers import a_driver
from tests.sip.ends import NUMBER, OFFER, events_of, until

pytestmark = pytest.mark.peer

NATIVE = TrunkDriver.NATIVE
PERSON = PhoneNumber("+14155550100")
ALLOWS_UPDATE = "Allow: INVITE, ACK, BYE, UPDATE"
TIMER = "Supported: timer\nRequire: timer\nSession-Expires: 4;refresher="


def played(then: str, *, headers: str = ALLOWS_UPDATE, check: str = "") -> dict[str, Any]:
    """The words of `answer_then`."""
    return {"then": then, "headers": headers, "check": check}


@pytest.mark.parametrize("driver", unless_pyvoip("does not know UPDATE: never answers it"))
async def test_update_moves_the_media_or_only_asks(driver: TrunkDriver, tmp_path: Path) -> None:
    then = (
        pause(100)
        + ask("UPDATE", 1)
        + hear(200)
        + ask("UPDATE", 2, sdp(port=6002))
        + hear(200, ("", "m=audio [1-9][0-9]* RTP/AVP 0"))
    )
    async with a_driver(driver, tmp_path, "answer_then", rings=True, **played(then + OUR_BYE)) as t:
        dialog = await t.invite(NUMBER, OFFER)
        async with asyncio.timeout(2):
            changed = await until(dialog, MediaChanged)
        await asyncio.sleep(0.2)
        await dialog.end()

    assert changed.media.port == 6002


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_offer_that_cannot_be_taken_leaves_the_media(method: str, tmp_path: Path) -> None:
    refused = ask(method, 1, sdp(codec=18)) + hear(488, ("Warning", "no common codec"))
    if method == "INVITE":
        refused += ask("ACK", 1)
    then = refused + reinvite(2, sdp(direction="sendonly"))
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then + OUR_BYE)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        changed = await until(dialog, MediaChanged)
        await asyncio.sleep(0.2)
        await dialog.end()

    assert (changed.media.codec, changed.media.is_sending) == (Codec.PCMU, False)


async def test_holds_moves_and_codec_changes_follow_one_another(tmp_path: Path) -> None:
    steps = [
        sdp(2, direction="sendonly"),
        sdp(3),
        sdp(4, direction="inactive"),
        sdp(5, codec=8),
        sdp(6, address="0.0.0.0", codec=8),
        sdp(7, port=6004),
    ]
    then = "".join(pause(60) + reinvite(n, step) for n, step in enumerate(steps, 1))
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then + OUR_BYE)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        heard = [(await until(dialog, MediaChanged)).media for _ in steps]
        await asyncio.sleep(0.2)
        await dialog.end()

    assert [media.is_sending for media in heard] == [False, True, False, True, False, True]
    assert heard[3].codec is Codec.PCMA
    assert (heard[5].codec, heard[5].port) == (Codec.PCMU, 6004)


async def test_offer_that_meets_ours_is_told_to_wait(tmp_path: Path) -> None:
    """Our offer is in the 200 of an offerless re-INVITE until the ACK answers it."""
    then = (
        ask("INVITE", 1)
        + hear(200)
        + ask("UPDATE", 2, sdp(port=6002))
        + hear(491)
        + ask("ACK", 1, sdp(codec=8))
        + ask("UPDATE", 3, sdp(3, codec=8, port=6004))
        + hear(200)
    )
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then + OUR_BYE)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        while (await until(dialog, MediaChanged)).media.port != 6004:
            pass
        await asyncio.sleep(0.2)
        await dialog.end()


@pytest.mark.parametrize("driver", unless_pyvoip("answers nothing but INVITE, BYE and CANCEL"))
async def test_what_belongs_to_no_call_gets_481(driver: TrunkDriver, tmp_path: Path) -> None:
    then = (
        ask("PRACK", 1, headers="RAck: 1 1 INVITE")
        + hear(481)
        + ask("NOTIFY", 2, headers="Event: refer\nSubscription-State: active")
        + hear(481)
        + ask("OPTIONS", 3).replace("To:[$caller]", "To:[$caller]x")
        + hear(481)
        + ask("OPTIONS", 2)
        + hear(500)
    )
    async with a_driver(driver, tmp_path, "answer_then", rings=True, **played(then + OUR_BYE)) as t:
        dialog = await t.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(0.4)
        await dialog.end()


@pytest.mark.parametrize("driver", unless_pyvoip("keeps no session timer: refreshes nothing"))
async def test_session_is_refreshed_by_update(driver: TrunkDriver, tmp_path: Path) -> None:
    proposal = (
        '<ereg regexp="1800" search_in="hdr" header="Session-Expires:" check_it="true" '
        'assign_to="p"/><log message="[$p]"/>'
    )
    refresh = wait_for("UPDATE", ("Session-Expires", "4;refresher=uac"))
    then = refresh + say(200, *f"{TIMER}uac".splitlines()) + OUR_BYE
    words = played(then, headers=f"{TIMER}uac\n{ALLOWS_UPDATE}", check=proposal)
    async with a_driver(driver, tmp_path, "answer_then", rings=True, **words) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(2.4)
        await dialog.end()


async def test_session_is_refreshed_by_what_was_said_before_where_update_is_unknown(
    tmp_path: Path,
) -> None:
    refresh = wait_for("INVITE", ("", "o=- [0-9]+ 1 IN"), ("Session-Expires", "4;refresher=uac"))
    then = (
        wait_for("UPDATE")
        + say(405)
        + refresh
        + say(200, *f"{TIMER}uac".splitlines(), body=sdp(1))
        + wait_for("ACK")
    )
    words = played(then + OUR_BYE, headers=f"{TIMER}uac\n{ALLOWS_UPDATE}")
    async with a_driver(NATIVE, tmp_path, "answer_then", **words) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(2.4)
        await dialog.end()


async def test_interval_that_is_too_brief_for_a_proxy_is_made_longer(tmp_path: Path) -> None:
    longer = wait_for("UPDATE", ("Session-Expires", "120;refresher=uac"), ("Min-SE", "120"))
    then = wait_for("UPDATE") + say(422, "Min-SE: 120") + longer + say(200) + OUR_BYE
    words = played(then, headers=f"{TIMER}uac\n{ALLOWS_UPDATE}")
    async with a_driver(NATIVE, tmp_path, "answer_then", **words) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(2.4)
        await dialog.end()


@pytest.mark.parametrize(("status", "reason"), [(481, "no longer knows"), (408, "answers no more")])
async def test_refresh_that_is_denied_ends_the_call(
    status: int, reason: str, tmp_path: Path
) -> None:
    then = wait_for("UPDATE") + say(status) + OUR_BYE
    words = played(then, headers=f"{TIMER}uac\n{ALLOWS_UPDATE}")
    async with a_driver(NATIVE, tmp_path, "answer_then", **words) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.ended_by) == (Disposition.ANSWERED, "network")
    assert reason in ended.sip_reason


async def test_session_that_nobody_refreshes_is_over(tmp_path: Path) -> None:
    then = wait_for("BYE", ("Reason", "SIP;cause=408")) + say(200)
    words = played(then, headers=f"{TIMER}uas\n{ALLOWS_UPDATE}")
    async with a_driver(NATIVE, tmp_path, "answer_then", **words) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert isinstance(ended, Ended)
    assert ended.sip_reason == "nobody refreshed the session in time"


async def test_far_end_refreshes_the_session(tmp_path: Path) -> None:
    wants = "Supported: timer\nSession-Expires: {}"
    then = (
        ask("UPDATE", 1, headers=wants.format("60"))
        + hear(422, ("Min-SE", "90"))
        + ask("UPDATE", 2, headers=wants.format("90;refresher=uac"))
        + hear(200, ("Session-Expires", "90;refresher=uac"), ("Require", "timer"))
        + ask("INVITE", 3, sdp(1), headers=wants.format("600;refresher=uas"))
        + hear(200, ("Session-Expires", "600;refresher=uas"))
        + ask("ACK", 3)
    )
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then + OUR_BYE)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(0.4)
        await dialog.end()


REFER = wait_for("REFER", ("Refer-To", "sip:.14155550100@127.0.0.1"), ("Referred-By", "sip:alice@"))
TAKEN = REFER + say(202) + notify(1, "100 Trying")


@pytest.mark.parametrize("driver", unless_pyvoip("has no REFER: a transfer is refused in the box"))
async def test_call_is_handed_over(driver: TrunkDriver, tmp_path: Path) -> None:
    then = TAKEN + notify(2, "180 Ringing") + notify(3, "200 OK", "terminated;reason=noresource")
    async with a_driver(driver, tmp_path, "answer_then", rings=True, **played(then + OUR_BYE)) as t:
        dialog = await t.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        try:
            await dialog.transfer(PERSON)
        except TrunkError as error:
            pytest.fail(error.message)
        await dialog.end()


async def test_gateway_that_hangs_up_instead_of_reporting_has_handed_over(tmp_path: Path) -> None:
    then = REFER + say(202) + ask("BYE", 1) + hear(200)
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.transfer(PERSON)
        ended = await until(dialog, Ended)

    assert ended.ended_by == "callee"


@pytest.mark.parametrize(
    ("then", "reason", "code"),
    [
        (REFER + say(603), "refused to transfer the call to .14155550100: 603", TRANSFER_REFUSED),
        (REFER + say(405), "cannot transfer calls", TRANSFER_REFUSED),
        (TAKEN + notify(2, "486 Busy Here", "terminated"), "failed: 486 Busy Here", "trunk"),
    ],
    ids=["refused", "unknown", "busy"],
)
async def test_transfer_that_fails_leaves_the_call(
    then: str, reason: str, code: str, tmp_path: Path
) -> None:
    then += reinvite(9, sdp(port=6002)) + OUR_BYE
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        with pytest.raises(TrunkError, match=reason) as error:
            await dialog.transfer(PERSON)
        assert error.value.code == code
        await until(dialog, MediaChanged)
        await asyncio.sleep(0.2)
        await dialog.end()


async def test_nobody_steers_the_box_by_refer(tmp_path: Path) -> None:
    then = ask("REFER", 1, headers="Refer-To: <sip:premium@far.example>") + hear(603)
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then + OUR_BYE)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await asyncio.sleep(0.2)
        await dialog.end()


@pytest.mark.parametrize("driver", unless_pyvoip("does not know INFO: never answers it"))
async def test_keys_come_by_info(driver: TrunkDriver, tmp_path: Path) -> None:
    relay, plain = "application/dtmf-relay", "application/dtmf"
    then = (
        pause(100)
        + ask("INFO", 1, "Signal=5\nDuration=160\n", kind=relay)
        + hear(200)
        + ask("INFO", 2, "11", kind=plain)
        + hear(200)
        + ask("INFO", 3)
        + hear(200)
        + ask("INFO", 4, "x", kind="application/media_control+xml")
        + hear(415, ("Accept", relay))
    )
    async with a_driver(driver, tmp_path, "answer_then", rings=True, **played(then + OUR_BYE)) as t:
        dialog = await t.invite(NUMBER, OFFER)
        async with asyncio.timeout(2):
            keys = [(await until(dialog, KeyPressed)).digit for _ in range(2)]
        await asyncio.sleep(0.2)
        await dialog.end()

    assert keys == ["5", "#"]


async def test_keys_go_by_info(tmp_path: Path) -> None:
    then = "".join(
        wait_for("INFO", ("", f"Signal={digit}"), ("Content-Type", "application/dtmf-relay"))
        + say(200)
        for digit in ("4", "[*]")
    )
    refused = wait_for("INFO") + say(415)
    then += refused + wait_for("INFO", ("Content-Type", "application/dtmf"), ("", "7")) + say(200)
    then += wait_for("INFO") + say(488)
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then + OUR_BYE)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        with pytest.raises(TrunkError, match="not answered yet"):
            await dialog.send_digits("1")
        await until(dialog, Answered)
        await dialog.send_digits("4*")
        await dialog.send_digits("7")
        with pytest.raises(TrunkError, match="key '1' by INFO was refused: 488"):
            await dialog.send_digits("1")
        await dialog.end()


async def test_probe_finds_the_call_alive_or_lost(tmp_path: Path) -> None:
    then = wait_for("OPTIONS") + say(486) + wait_for("OPTIONS") + say(481) + OUR_BYE
    async with a_driver(NATIVE, tmp_path, "answer_then", **played(then)) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.probe()
        await dialog.probe()
        ended = await until(dialog, Ended)

    assert ended.sip_reason == "the gateway no longer knows the call (481)"
