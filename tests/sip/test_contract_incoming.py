"""Calls that come in, with SIPp and baresip as the callers."""

import asyncio
from pathlib import Path

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import Codec
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import SdpError, TrunkError
from movoice_box.sip.messages import Request
from movoice_box.sip.trunk import Answered, Ended, MediaChanged
from tests.peers.baresip import baresip_phone
from tests.peers.sipp_callee import sdp
from tests.peers.sipp_caller import SDP, call, maybe, pause, receive, receive_request, send
from tests.sip.bare import Stranger
from tests.sip.drivers import a_pyvoip_trunk
from tests.sip.ends import OFFER, events_of, until
from tests.sip.inbound import an_office

pytestmark = pytest.mark.peer

RINGS = receive(100) + receive(180)
ANSWERED = RINGS + receive(200) + send("ACK", in_dialog=True)
THEIR_BYE = send("BYE", cseq=9, in_dialog=True) + receive(200)


async def test_call_is_answered_and_ended_by_the_caller(tmp_path: Path) -> None:
    async with an_office() as office, asyncio.TaskGroup() as group:
        invite = send("INVITE", sdp=SDP)
        group.create_task(call(tmp_path, office.endpoint.address, invite, ANSWERED, THEIR_BYE))
        incoming = await office.call()
        dialog = incoming.answer(OFFER)
        *_, answered, ended = await events_of(dialog)

    assert (incoming.caller, incoming.called) == ("caller", "+919876543210")
    assert incoming.account is office.trunk.account
    assert isinstance(answered, Answered)
    assert answered.media
    assert answered.media.codec is Codec.PCMU
    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.ended_by) == (Disposition.ANSWERED, "callee")
    assert office.endpoint.live_dialogs == 0


async def test_box_hangs_up(tmp_path: Path) -> None:
    async with an_office() as office, asyncio.TaskGroup() as group:
        invite = send("INVITE", sdp=SDP)
        ours = receive_request("BYE")
        group.create_task(call(tmp_path, office.endpoint.address, invite, ANSWERED, ours))
        dialog = (await office.call()).answer(OFFER)
        await until(dialog, Answered)
        await dialog.end()
        ended = await until(dialog, Ended)

    assert (ended.ended_by, ended.sip_status) == ("box", 200)


async def test_offer_may_be_left_to_the_box(tmp_path: Path) -> None:
    acknowledged = RINGS + receive(200) + send("ACK", in_dialog=True, sdp=sdp(codec=8))
    async with an_office() as office, asyncio.TaskGroup() as group:
        invite = send("INVITE")
        group.create_task(call(tmp_path, office.endpoint.address, invite, acknowledged, THEIR_BYE))
        answered, _ = await events_of((await office.call()).answer(OFFER))

    assert isinstance(answered, Answered)
    assert answered.media
    assert answered.media.codec is Codec.PCMA


async def test_ack_without_the_answer_ends_the_call(tmp_path: Path) -> None:
    async with an_office() as office, asyncio.TaskGroup() as group:
        invite = send("INVITE")
        ours = receive_request("BYE")
        group.create_task(call(tmp_path, office.endpoint.address, invite, ANSWERED, ours))
        (ended,) = await events_of((await office.call()).answer(OFFER))

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.sip_reason) == (Disposition.FAILED, "the ACK brought no SDP")


async def test_caller_gives_up(tmp_path: Path) -> None:
    canceled = (
        send("INVITE", branch="z9hG4bKx[call_number]", sdp=SDP)
        + RINGS
        + send("CANCEL", branch="z9hG4bKx[call_number]")
        + receive(200)
        + receive(487)
        + send("ACK", branch="z9hG4bKx[call_number]")
    )
    async with an_office() as office:
        await call(tmp_path, office.endpoint.address, canceled)
        incoming = await office.call()
        incoming.refuse(486)
        dialog = incoming.answer(OFFER)
        ended = await dialog.next_event()
        await dialog.end()

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.sip_status) == (Disposition.CANCELED, 487)


async def test_call_is_refused(tmp_path: Path) -> None:
    async with an_office() as office, asyncio.TaskGroup() as group:
        refused = send("INVITE", sdp=SDP) + RINGS + receive(486) + send("ACK")
        group.create_task(call(tmp_path, office.endpoint.address, refused))
        (await office.call()).refuse(486)


async def test_call_without_a_common_codec_is_refused(tmp_path: Path) -> None:
    async with an_office() as office, asyncio.TaskGroup() as group:
        refusal = RINGS + receive(488, header=("Warning", "no common codec")) + send("ACK")
        invite = send("INVITE", sdp=sdp(codec=18))
        group.create_task(call(tmp_path, office.endpoint.address, invite, refusal))
        incoming = await office.call()
        with pytest.raises(SdpError, match="no common codec"):
            incoming.answer(OFFER)


async def test_call_that_nobody_takes_rings_out(tmp_path: Path) -> None:
    async with an_office(ring_timeout_s=1) as office:
        rung_out = send("INVITE", sdp=SDP) + RINGS + receive(480) + send("ACK")
        await call(tmp_path, office.endpoint.address, rung_out)


async def test_box_that_takes_no_calls_is_busy(tmp_path: Path) -> None:
    async with an_office(takes_calls=False) as office:
        busy = send("INVITE", sdp=SDP) + receive(486) + send("ACK")
        await call(tmp_path, office.endpoint.address, busy)


async def test_session_timer_of_a_caller(tmp_path: Path) -> None:
    brief = "Supported: timer\nSession-Expires: 60"
    enough = "Supported: timer\nMin-SE: 90\nSession-Expires: 90;refresher=uac"
    refused = send("INVITE", headers=brief, sdp=SDP) + receive(422, header=("Min-SE", "90"))
    taken = (
        send("INVITE", cseq=2, headers=enough, sdp=SDP)
        + RINGS
        + receive(200, header=("Session-Expires", "90;refresher=uac"))
        + send("ACK", cseq=2, in_dialog=True)
        + send("UPDATE", cseq=3, in_dialog=True, headers=enough)
        + receive(200, header=("Session-Expires", "90;refresher=uac"))
        + send("INVITE", cseq=4, in_dialog=True, headers=enough, sdp=sdp(port=6002))
        + receive(200)
        + send("ACK", cseq=4, in_dialog=True)
        + pause(100)
    )
    async with an_office() as office, asyncio.TaskGroup() as group:
        messages = refused, send("ACK"), taken, THEIR_BYE
        group.create_task(call(tmp_path, office.endpoint.address, *messages))
        dialog = (await office.call()).answer(OFFER)
        changed = await until(dialog, MediaChanged)
        await until(dialog, Ended)

    assert changed.media.port == 6002


async def test_ringing_is_acknowledged_where_the_caller_requires_it(tmp_path: Path) -> None:
    invite = send("INVITE", headers="Require: 100rel", sdp=SDP)
    rings = receive(100) + receive(180, header=("RSeq", "[0-9]+")).replace(
        "<action>",
        '<action><ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" '
        'assign_to="rseq"/>',
    ).replace('response="180"', 'response="180" rrs="true"')
    wrong = send("PRACK", cseq=2, in_dialog=True, headers="RAck: 1 77 INVITE") + receive(481)
    right = send("PRACK", cseq=3, in_dialog=True, headers="RAck: [$rseq] 1 INVITE") + receive(200)
    answered = maybe(180) + receive(200) + send("ACK", cseq=1, in_dialog=True)
    async with an_office() as office, asyncio.TaskGroup() as group:
        messages = invite, rings, wrong, right, answered, THEIR_BYE
        group.create_task(call(tmp_path, office.endpoint.address, *messages))
        incoming = await office.call()
        await asyncio.sleep(0.2)
        dialog = incoming.answer(OFFER)
        await until(dialog, Answered)
        await until(dialog, Ended)


async def test_caller_whose_gateway_transfers_nobody_stays_with_us(tmp_path: Path) -> None:
    refused = receive_request("REFER").replace("200 OK", "603 Decline")
    async with an_office() as office, asyncio.TaskGroup() as group:
        messages = send("INVITE", sdp=SDP), ANSWERED, refused, receive_request("BYE")
        group.create_task(call(tmp_path, office.endpoint.address, *messages))
        dialog = (await office.call()).answer(OFFER)
        await until(dialog, Answered)
        with pytest.raises(TrunkError, match="603 Decline"):
            await dialog.transfer(PhoneNumber("+14155550100"))
        await dialog.end()


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="answers every call that comes in with 486"
)
async def test_pyvoip_takes_calls() -> None:
    async with await Stranger.open() as gateway, asyncio.TaskGroup() as group:
        registering = group.create_task(gateway.expect(Request))
        registering.add_done_callback(lambda done: gateway.answer(done.result(), 200, tag="t"))
        async with a_pyvoip_trunk(gateway.address):
            contact = registering.result().contact
            assert contact is not None
            invite = gateway.request("INVITE", call_id="call-in")
            response = await gateway.ask(invite, (contact.uri.host, contact.uri.port or 5060))

    assert response.status < 300


async def test_a_telephone_calls_and_is_heard_and_hung_up_on(tmp_path: Path) -> None:
    async with an_office() as office, baresip_phone(tmp_path, "asha", bytes(1600)) as phone:
        host, port = office.endpoint.address
        await phone.press(f"/dial sip:+911@{host}:{port}\n")
        incoming = await office.call()
        dialog = incoming.answer(OFFER)
        answered = await until(dialog, Answered)
        await dialog.probe()
        await dialog.end()
        ended = await until(dialog, Ended)

    assert (incoming.caller, incoming.called) == ("asha", "+911")
    assert answered.media
    assert answered.media.codec is Codec.PCMU
    assert ended.ended_by == "box"
