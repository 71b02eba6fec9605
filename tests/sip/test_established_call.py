"""What SIPp does not do in an established call: crossing BYEs, glare, lost packets, moved peers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import TrunkError
from movoice_box.sip.exchange import ack_of_failure
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import HeaderList, Request, Response, build_request
from movoice_box.sip.reinvite import glare_pause_s
from movoice_box.sip.timers import RFC_TIMERS, TimerValues
from movoice_box.sip.trunk import Answered, Dialog, Ended, MediaChanged
from tests.sip.bare import Stranger
from tests.sip.ends import HASTY, NUMBER, OFFER, a_trunk, true_soon, until

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
MOVED = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4002 RTP/AVP 0\r\n"
PERSON = PhoneNumber("+14155550100")
SHORT = [("Session-Expires", "4;refresher=uac"), ("Supported", "timer")]


@dataclass
class Talk:
    """A call between the box and a gateway that does only what the test writes."""

    gateway: Stranger
    dialog: Dialog
    invite: Request

    def request(
        self, method: str, cseq: int, body: bytes = b"", headers: HeaderList = ()
    ) -> Request:
        host, port = self.gateway.address
        lines = [
            ("Via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{method}{cseq}"),
            ("From", f"{self.invite.require('To')};tag=t"),
            ("To", self.invite.require("From")),
            ("Call-ID", self.invite.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<sip:gw@{host}:{port}>"),
            *headers,
        ]
        return build_request(method, parse_uri("sip:box@h"), lines, sdp=body)

    def send(self, request: Request) -> None:
        via = self.invite.via
        self.gateway.send(request.pack(), (via.host, via.port or 0))

    async def ask(self, request: Request) -> Response:
        self.send(request)
        return await self.gateway.expect(Response)


@asynccontextmanager
async def a_talk(
    timers: TimerValues = RFC_TIMERS, headers: HeaderList = (), contact: str = ""
) -> AsyncIterator[Talk]:
    async with await Stranger.open() as gateway, a_trunk(gateway.address, timers=timers) as trunk:
        dialog = await trunk.invite(NUMBER, OFFER)
        invite = await gateway.expect(Request)
        gateway.answer(invite, 200, tag="t", sdp=SDP, headers=headers, contact=contact)
        await until(dialog, Answered)
        assert (await gateway.expect(Request)).method == "ACK"
        yield Talk(gateway, dialog, invite)


async def test_byes_that_cross_end_the_call_once() -> None:
    async with a_talk() as talk:
        ending = asyncio.ensure_future(talk.dialog.end())
        ours = await talk.gateway.expect(Request)
        answer = await talk.ask(talk.request("BYE", 1))
        await ending
        ended = await talk.dialog.next_event()

    assert (ours.method, answer.status) == ("BYE", 200)
    assert isinstance(ended, Ended)
    assert ended.ended_by == "box"


async def test_answer_to_a_reinvite_is_repeated_until_its_ack() -> None:
    async with a_talk(HASTY) as talk:
        first = await talk.ask(talk.request("INVITE", 1, MOVED))
        again = await talk.gateway.expect(Response)
        ack = talk.request("ACK", 1)
        talk.send(ack)
        talk.send(ack)
        changed = await until(talk.dialog, MediaChanged)
        held = await talk.ask(talk.request("INVITE", 2, SDP))

    assert first.pack() == again.pack()
    assert changed.media.port == 4002
    assert held.status == 200


async def test_answer_to_a_reinvite_that_is_never_acknowledged_ends_the_call() -> None:
    async with a_talk(HASTY) as talk:
        await talk.ask(talk.request("INVITE", 1, MOVED))
        ended = await until(talk.dialog, Ended)

    assert ended.sip_reason == "the far end stopped answering"


async def test_our_refresh_gives_way_to_the_offer_of_the_far_end() -> None:
    """Both send a re-INVITE: each refuses the other's with 491, and ours comes again."""
    answer = [("Session-Expires", "90;refresher=uac"), ("Supported", "timer")]
    async with a_talk(headers=SHORT) as talk:
        ours = await talk.gateway.expect(Request)
        offer = talk.request("INVITE", 1, MOVED)
        theirs = await talk.ask(offer)
        talk.send(ack_of_failure(offer, theirs))
        update = await talk.ask(talk.request("UPDATE", 2, headers=answer))
        talk.gateway.answer(ours, 491, tag="t")
        assert (await talk.gateway.expect(Request)).method == "ACK"
        again = await talk.gateway.expect(Request)
        talk.gateway.answer(again, 200, tag="t", sdp=MOVED, headers=answer)
        changed = await until(talk.dialog, MediaChanged)

    assert (ours.method, theirs.status, update.status) == ("INVITE", 491, 200)
    assert (again.method, again.body) == ("INVITE", ours.body)
    assert again.cseq.sequence == ours.cseq.sequence + 1
    assert changed.media.port == 4002


@pytest.mark.parametrize(("is_caller", "low", "high"), [(True, 2.1, 4.0), (False, 0.0, 2.0)])
def test_who_made_the_call_waits_longer_after_a_491(
    is_caller: bool, low: float, high: float
) -> None:
    assert glare_pause_s(is_caller, lambda below: 0) == low
    assert glare_pause_s(is_caller, lambda below: below - 1) == high


async def test_probe_of_a_gateway_that_is_gone_ends_the_call() -> None:
    async with a_talk(HASTY) as talk:
        await talk.dialog.probe()
        ended = await until(talk.dialog, Ended)
        await talk.dialog.probe()

    assert ended.sip_reason == "the gateway answers no more"


async def test_contact_by_name_is_looked_up() -> None:
    async with (
        await Stranger.open() as moved,
        a_talk(contact=f"<sip:gw@localhost:{moved.address[1]}>") as talk,
    ):
        await true_soon(lambda: "look up localhost" not in _tasks())
        ending = asyncio.ensure_future(talk.dialog.end())
        bye = await moved.expect(Request)
        moved.answer(bye, 200, tag="t")
        await ending

    assert bye.method == "BYE"
    assert str(bye.uri).startswith("sip:gw@localhost")


async def test_second_transfer_waits_for_the_end_of_the_first() -> None:
    async with a_talk() as talk:
        first = asyncio.ensure_future(talk.dialog.transfer(PERSON))
        refer = await talk.gateway.expect(Request)
        with pytest.raises(TrunkError, match="under way already"):
            await talk.dialog.transfer(PERSON)
        talk.gateway.answer(refer, 603, tag="t")
        with pytest.raises(TrunkError, match="refused"):
            await first


async def test_transfer_that_nobody_waits_for_makes_way_for_another() -> None:
    async with a_talk() as talk:
        first = asyncio.ensure_future(talk.dialog.transfer(PERSON))
        refer = await talk.gateway.expect(Request)
        first.cancel()
        await asyncio.wait([first])
        talk.gateway.answer(refer, 202, tag="t")
        second = asyncio.ensure_future(talk.dialog.transfer(PERSON))
        again = await talk.gateway.expect(Request)
        talk.gateway.answer(again, 403, tag="t")
        with pytest.raises(TrunkError, match="refused"):
            await second


async def test_call_that_ends_takes_its_transfer_with_it() -> None:
    async with a_talk() as talk:
        transfer = asyncio.ensure_future(talk.dialog.transfer(PERSON))
        assert (await talk.gateway.expect(Request)).method == "REFER"
        await talk.ask(talk.request("BYE", 1))
        with pytest.raises(TrunkError, match="the call ended before it was transferred"):
            await transfer
        with pytest.raises(TrunkError, match="the call is over"):
            await talk.dialog.transfer(PERSON)
        with pytest.raises(TrunkError, match="the call is over"):
            await talk.dialog.send_digits("1")


async def test_challenged_request_is_sent_with_the_password() -> None:
    async with a_talk() as talk:
        transfer = asyncio.ensure_future(talk.dialog.transfer(PERSON))
        refer = await talk.gateway.expect(Request)
        talk.gateway.answer(refer, 401, tag="t", challenge='Digest realm="gw", nonce="1"')
        again = await talk.gateway.expect(Request)
        talk.gateway.answer(again, 405, tag="t")
        with pytest.raises(TrunkError, match="cannot transfer"):
            await transfer

    assert "Digest" in again.require("Authorization")
    assert again.cseq.sequence == refer.cseq.sequence + 1


def _tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}
