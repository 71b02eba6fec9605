"""Calls that come in: who calls, and what SIPp does not do."""

import asyncio
import random
from collections.abc import Callable

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import Codec, MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.call_progress import Emit
from movoice_box.sip.dialog import cancel_of
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.incoming_call import Reception, called_number, calling_number
from movoice_box.sip.incoming_progress import (
    Action,
    IncomingProgress,
    ReliableRinging,
    Step,
)
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Request, Response, build_request
from movoice_box.sip.timers import RFC_TIMERS, Fail, Failure, Send
from movoice_box.sip.trunk import Answered, Ended, MediaChanged
from tests.sip.bare import Stranger
from tests.sip.ends import HASTY, OFFER, an_account, events_of, true_soon, until
from tests.sip.harness import Harness
from tests.sip.inbound import Office, an_office
from tests.sip.streams import Connection

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
MEDIA = MediaTarget(address="192.0.2.9", port=4000, codec=Codec.PCMU)
OTHER_MEDIA = MediaTarget(address="192.0.2.9", port=4002, codec=Codec.PCMA)


def an_invite(*headers: tuple[str, str], uri: str = "sip:box@127.0.0.1") -> Request:
    lines = [("To", "<sip:+911@gw>"), *headers]
    if not any(name == "From" for name, _ in headers):
        lines.append(("From", "<sip:+912@gw>;tag=x"))
    return build_request("INVITE", parse_uri(uri), lines)


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        ([], "+912"),
        ([("From", '"Asha" <sip:+913;phone-context=x@gw;user=phone>;tag=x')], "+913"),
        ([("From", "<sip:anonymous@anonymous.invalid>;tag=x")], ""),
        ([("From", "<sip:gw>;tag=x")], ""),
        ([("P-Asserted-Identity", "<sip:+914@gw>")], "+914"),
        ([("P-Asserted-Identity", "<tel:+914>, <sip:a@gw>")], "+914"),
        ([("Remote-Party-ID", "<sip:+915@gw>;party=calling;privacy=off")], "+915"),
        ([("Remote-Party-ID", "<sip:+915@gw>;privacy=full")], ""),
        (
            [("P-Asserted-Identity", "<sip:+914@gw>"), ("Remote-Party-ID", "<sip:+915@gw>")],
            "+914",
        ),
        ([("P-Asserted-Identity", "<sip:+914@gw>"), ("Privacy", "critical; id")], ""),
        ([("P-Asserted-Identity", "<sip:+914@gw>"), ("Privacy", "none")], "+914"),
        ([("P-Asserted-Identity", '"')], "+912"),
        ([("From", "<sip:Restricted@gw>;tag=x")], ""),
    ],
)
def test_caller_is_who_the_trunk_vouches_for(headers: list[tuple[str, str]], number: str) -> None:
    assert calling_number(an_invite(*headers)) == number


@pytest.mark.parametrize(
    ("uri", "number"),
    [("sip:+919@127.0.0.1", "+919"), ("sip:box@127.0.0.1", "+911"), ("sip:127.0.0.1", "+911")],
)
def test_called_is_the_number_that_was_dialed(uri: str, number: str) -> None:
    assert called_number(an_invite(uri=uri), "box") == number


async def an_incoming(office: Office, gateway: Stranger, **headers: str) -> Request:
    """An INVITE of the gateway that rings in the office by now."""
    invite = gateway.request("INVITE", call_id=headers.pop("call_id", "in"), **headers)
    invite.headers.set("Contact", "<sip:gw@{}:{}>".format(*gateway.address))
    invite.body = SDP
    gateway.send(invite.pack(), office.endpoint.address)
    assert (await gateway.expect(Response)).status == 100
    return invite


def inside(invite: Request, method: str, response: Response, cseq: int) -> Request:
    """A request of the caller in the dialog of this response."""
    headers = [(name, invite.require(name)) for name in ("Via", "From", "Call-ID")]
    via = headers[0][1].replace(invite.via.branch, f"z9hG4bK{method}{cseq}")
    lines = [("Via", via), *headers[1:], ("To", response.require("To"))]
    return build_request(method, parse_uri("sip:box@h"), [*lines, ("CSeq", f"{cseq} {method}")])


async def test_stranger_is_neither_heard_nor_answered() -> None:
    async with an_office(username="box") as office, await Stranger.open("127.0.0.2") as stranger:
        invite = stranger.request("INVITE")
        stranger.send(invite.pack(), office.endpoint.address)
        await true_soon(lambda: office.endpoint.strangers == 1)

        assert office.ringing.empty()
        assert stranger.received.empty()


async def test_copies_of_an_invite_ring_once() -> None:
    async with an_office() as office, await Stranger.open() as gateway:
        invite = await an_incoming(office, gateway)
        rings = await gateway.expect(Response)
        gateway.send(invite.pack(), office.endpoint.address)  # as it was
        again = await gateway.expect(Response)
        via = invite.require("Via").replace(invite.via.branch, "z9hG4bKother")
        invite.headers.set("Via", via)
        merged = await gateway.ask(invite, office.endpoint.address)

        assert (rings.status, again.status) == (180, 180)
        assert again.to_tag == rings.to_tag
        assert merged.status == 482
        assert office.ringing.qsize() == 1


async def test_call_that_was_forked_to_two_of_our_lines_rings_once() -> None:
    async with an_office(username="box") as office, await Stranger.open() as gateway:
        line = Line(an_account(("127.0.0.1", 9), username="desk"), office.endpoint)
        line.on_invite = Reception(line, office.ringing.put_nowait).on_invite
        await line.candidates()
        invite = await an_incoming(office, gateway)
        assert (await gateway.expect(Response)).status == 180
        via = invite.require("Via").replace(invite.via.branch, "z9hG4bKother")
        invite.headers.set("Via", via)
        invite.uri = parse_uri("sip:desk@127.0.0.1")
        merged = await gateway.ask(invite, office.endpoint.address)
        once = office.ringing.qsize()

    assert (merged.status, once) == (482, 1)


async def test_answer_is_repeated_until_its_ack() -> None:
    async with an_office(timers=HASTY) as office, await Stranger.open() as gateway:
        invite = await an_incoming(office, gateway)
        assert (await gateway.expect(Response)).status == 180
        dialog = (await office.call()).answer(OFFER)
        answers = [await gateway.expect(Response) for _ in range(3)]
        ack = inside(invite, "ACK", answers[0], 1)
        for _ in range(2):  # the second one changes nothing
            gateway.send(ack.pack(), office.endpoint.address)
        await until(dialog, Answered)

        assert [answer.status for answer in answers] == [200, 200, 200]
        assert len({answer.pack() for answer in answers}) == 1


async def test_cancel_that_crosses_our_answer_changes_nothing() -> None:
    async with an_office(timers=HASTY) as office, await Stranger.open() as writer:
        gateway = await Connection.open(office.endpoint.address)
        invite = writer.request("INVITE")
        invite.body = SDP
        gateway.send(invite.pack())
        dialog = (await office.call()).answer(OFFER)
        gateway.send(cancel_of(invite).pack())
        responses = [await gateway.response() for _ in range(4)]
        gateway.send(inside(invite, "ACK", responses[2], 1).pack())
        answered = await until(dialog, Answered)
        gateway.close()

    said = [f"{response.status} {response.cseq.method}" for response in responses]
    assert said == ["100 INVITE", "180 INVITE", "200 INVITE", "200 CANCEL"]
    assert answered.media


async def test_answer_without_an_ack_is_ended_by_our_bye() -> None:
    async with an_office(timers=HASTY) as office, await Stranger.open() as gateway:
        await an_incoming(office, gateway)
        dialog = (await office.call()).answer(OFFER)
        (ended,) = await events_of(dialog)
        async with asyncio.timeout(5):
            while not (await gateway.received.get()).startswith(b"BYE "):
                pass

    assert isinstance(ended, Ended)
    assert ended.disposition is Disposition.FAILED
    assert ended.sip_reason == "the caller never acknowledged our answer"


async def test_ringing_that_is_never_acknowledged_is_refused() -> None:
    async with an_office(timers=HASTY) as office, await Stranger.open() as gateway:
        await an_incoming(office, gateway, require="100rel")
        rings = [await gateway.expect(Response)]
        while rings[-1].status == 180:
            rings.append(await gateway.expect(Response))

    assert len({ring.get("RSeq") for ring in rings[:-1]}) == 1
    assert len(rings) > 3
    assert rings[-1].status == 504


async def test_prack_that_crosses_our_answer_is_accepted() -> None:
    async with an_office() as office, await Stranger.open() as gateway:
        invite = await an_incoming(office, gateway, require="100rel")
        rings = await gateway.expect(Response)
        (await office.call()).answer(OFFER)
        assert (await gateway.expect(Response)).status == 200
        statuses = []
        for cseq, rseq in ((2, int(rings.require("RSeq"))), (3, 1)):
            prack = inside(invite, "PRACK", rings, cseq)
            prack.headers.set("RAck", f"{rseq} 1 INVITE")
            gateway.send(prack.pack(), office.endpoint.address)
            while (response := await gateway.expect(Response)).cseq.method != "PRACK":
                pass
            statuses.append(response.status)

    assert statuses == [200, 481]


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("UPDATE", b"", 200), ("UPDATE", SDP, 500), ("OPTIONS", b"", 200), ("PRACK", b"", 481)],
)
async def test_request_while_it_rings(method: str, body: bytes, status: int) -> None:
    async with an_office() as office, await Stranger.open() as gateway:
        invite = await an_incoming(office, gateway)
        request = inside(invite, method, await gateway.expect(Response), 2)
        request.body = body
        response = await gateway.ask(request, office.endpoint.address)

    assert response.status == status
    assert (response.get("Retry-After") is not None) is (status == 500)


async def test_caller_that_hangs_up_while_it_rings() -> None:
    async with an_office() as office, await Stranger.open() as gateway:
        invite = await an_incoming(office, gateway)
        bye = inside(invite, "BYE", await gateway.expect(Response), 2)
        gateway.send(bye.pack(), office.endpoint.address)
        statuses = [(await gateway.expect(Response)).status for _ in range(2)]

    assert statuses == [200, 487]


async def test_box_that_stops_ends_its_calls() -> None:
    async with await Stranger.open() as gateway:
        async with an_office() as office:
            await an_incoming(office, gateway)
            answered = (await office.call()).answer(OFFER)
        ended = await until(answered, Ended)

    assert ended.ended_by == "box"


def a_talk() -> tuple[IncomingProgress, Harness]:
    progress = IncomingProgress()
    harness = Harness(progress)
    harness.perform(progress.on_ack(MEDIA))
    return progress, harness


def test_ack_makes_it_an_answered_call() -> None:
    progress, harness = a_talk()
    harness.perform(progress.on_ack(MEDIA))

    assert harness.actions == [Emit(Answered(MEDIA))]


def test_our_bye_waits_for_the_ack() -> None:
    progress = IncomingProgress()
    harness = Harness(progress)

    assert harness.perform(progress.end()) == []
    assert harness.perform(progress.on_ack(MEDIA)) == [Step.SEND_BYE]
    harness.perform(progress.on_bye_done())
    assert progress.ended
    assert progress.ended.ended_by == "box"


def test_end_is_reported_in_two_seconds_although_no_ack_comes() -> None:
    progress = IncomingProgress()
    harness = Harness(progress)
    harness.perform(progress.end())

    harness.pass_time(2)

    assert progress.ended
    assert harness.perform(progress.on_ack_missing()) == [Step.SEND_BYE]


def test_bye_that_crosses_ours_ends_the_call_once() -> None:
    progress, harness = a_talk()
    harness.perform(progress.end())
    harness.perform(progress.on_bye(16))
    harness.perform(progress.on_bye_done())

    assert progress.ended
    told = [action for action in harness.actions if isinstance(action, Emit)]
    assert told[1:] == [Emit(progress.ended)]
    assert progress.ended.ended_by == "box"


def test_media_is_told_when_it_changes() -> None:
    progress, harness = a_talk()
    harness.perform(progress.on_media(MEDIA))
    harness.perform(progress.on_media(OTHER_MEDIA))

    assert harness.actions[1:] == [Emit(MediaChanged(OTHER_MEDIA))]


def test_answer_that_cannot_be_used_ends_the_call() -> None:
    progress = IncomingProgress()
    harness = Harness(progress)

    assert harness.perform(progress.on_ack(SdpError("no common codec"))) == [Step.SEND_BYE]
    harness.perform(progress.on_bye_done())
    assert progress.ended
    assert progress.ended.disposition is Disposition.FAILED


def test_any_course_reports_one_end() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        progress = IncomingProgress()
        harness = Harness(progress)
        events: list[Callable[[], list[Action]]] = [
            progress.end,
            progress.on_bye_done,
            progress.on_closed,
            progress.on_ack_missing,
            lambda p=progress: p.on_ack(MEDIA),  # type: ignore[misc]
            lambda p=progress: p.on_bye(None),  # type: ignore[misc]
            lambda p=progress: p.on_lost("lost"),  # type: ignore[misc]
            lambda p=progress: p.on_media(OTHER_MEDIA),  # type: ignore[misc]
            lambda p=progress: p.on_key("5"),  # type: ignore[misc]
        ]
        for _ in range(12):
            harness.perform(chance.choice(events)())
        harness.perform(progress.end())
        harness.pass_time(2)

        told = [action.event for action in harness.actions if isinstance(action, Emit)]
        assert [isinstance(event, Ended) for event in told].count(True) == 1, seed
        assert isinstance(told[-1], Ended), seed


def test_reliable_ringing_is_repeated_and_given_up() -> None:
    ringing = ReliableRinging(7, RFC_TIMERS)
    harness = Harness(ringing)
    harness.perform(ringing.start())

    harness.pass_time(60)

    assert [at for at, _ in harness.done] == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 32]
    assert harness.actions[-1] == Fail(Failure.TIMEOUT)


@pytest.mark.parametrize(
    ("rack", "is_ours"),
    [("7 3 INVITE", True), ("8 3 INVITE", False), ("7 4 INVITE", False), ("", False), ("7", False)],
)
def test_prack_names_what_it_acknowledges(rack: str, is_ours: bool) -> None:
    ringing = ReliableRinging(7, RFC_TIMERS)
    harness = Harness(ringing)
    harness.perform(ringing.start())

    found, actions = ringing.on_prack(rack, 3)
    harness.perform(actions)

    assert found is is_ours
    assert (harness.pass_time(0.5) == [Send("180")]) is not is_ours
