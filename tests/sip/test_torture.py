"""The messages of RFC 4475 at the box's SIP port: each is answered as its text asks, or dropped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from movoice_box.clock import SystemClock
from movoice_box.errors import SipError
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.headers import NameAddr, Via, split_list
from movoice_box.sip.messages import Request, Response, parse
from movoice_box.sip.transport import Address
from tests.sip.bare import Stranger
from tests.sip.ends import let_in, true_soon
from tests.sip.rfc4475 import (
    APPLICATION,
    INVALID,
    INVALID_RESPONSES,
    VALID,
    VALID_RESPONSES,
)

TRUNK = "127.44.75.1"  # answers go to the ports that the messages name, where nobody listens
NOTHING = 0

ANSWERS = {
    "wsinv": 481,  # its To has a tag: it belongs to a dialog that is none of ours
    "intmeth": 501,
    "esc01": 486,
    "escnull": 405,
    "esc02": 501,
    "lwsdisp": 200,
    "longreq": 486,
    "dblreq": 405,
    "semiuri": 200,
    "transports": 200,
    "mpart01": 405,
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 486,  # liberal: the headers in the URI are ignored
    "baddate": 486,  # a Date that nobody reads
    "regbadct": 405,
    "badaspec": 200,  # liberal
    "baddn": 200,  # liberal
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 501,
    "badbranch": 200,
    "insuf": NOTHING,  # nothing to answer to without From, To and Call-ID
    "multi01": 400,
    "mcl01": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": 400,
    "bext01": 420,
    "invut": 415,
    "regaut01": 405,
    "zeromf": 200,  # for us, whatever its hops
    "cparam01": 405,
    "cparam02": 405,
    "regescrt": 405,
    "sdp01": 406,
    "inv2543": 486,
    "unreason": NOTHING,
    "noreason": NOTHING,
    "bcast": NOTHING,  # for an address that is none of ours
    "scalarlg": NOTHING,
    "bigcode": NOTHING,
}
MESSAGES = {**VALID, **VALID_RESPONSES, **INVALID, **INVALID_RESPONSES, **APPLICATION}


class Tap:
    """What the endpoint sends."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()

    def on_sip(self, data: bytes, source: Address, destination: Address) -> None:
        if destination[0] == TRUNK:
            self.sent.put_nowait(data)


@asynccontextmanager
async def a_tapped_endpoint() -> AsyncIterator[tuple[SipEndpoint, Tap]]:
    """An endpoint with a trunk at `TRUNK`."""
    tap = Tap()
    async with SipEndpoint(("127.0.0.1", 0), SystemClock()) as endpoint:
        endpoint.tap = tap
        await let_in(endpoint, TRUNK)
        yield endpoint, tap


async def answers_to(name: str) -> list[str]:
    """What is sent, after all that was set off by this message is done.

    As text: an answer repeats the Via that made its request unreadable.
    """
    async with a_tapped_endpoint() as (endpoint, tap), await Stranger.open(TRUNK) as gateway:
        gateway.send(MESSAGES[name], endpoint.address)
        gateway.send(gateway.request("OPTIONS", call_id="last").pack(), endpoint.address)
        sent: list[str] = []
        while not sent or "Call-ID: last\r\n" not in sent[-1]:
            sent.append((await tap.sent.get()).decode())
    return sent[:-1]


@pytest.mark.parametrize("name", ANSWERS)
async def test_each_message_gets_its_answer_or_none(name: str) -> None:
    statuses = [answer.split(" ", 2)[1] for answer in await answers_to(name)]

    final = {int(status) for status in statuses if not status.startswith("1")}
    assert final == ({ANSWERS[name]} if ANSWERS[name] else set())


async def answer_to(name: str) -> Response:
    answer = parse((await answers_to(name))[-1].encode())
    assert isinstance(answer, Response)
    return answer


async def test_answers_say_what_would_be_accepted() -> None:
    unsupported = "nothingSupportsThis, nothingSupportsThisEither"

    assert (await answer_to("bext01")).get("Unsupported") == unsupported
    assert (await answer_to("invut")).get("Accept") == "application/sdp"
    assert (await answer_to("sdp01")).get("Accept") == "application/sdp"
    assert "INVITE" in (await answer_to("intmeth")).require("Allow")


async def test_a_refusal_says_what_cannot_be_read() -> None:
    refusal = await answer_to("clerr")

    assert refusal.get("Warning") == (
        '399 Movoice-Box "body of 154 bytes, Content-Length says 9999"'
    )
    assert refusal.call_id == "clerr.0ha0isndaksdjweiafasdk3"


async def test_strangers_learn_nothing_from_what_cannot_be_read() -> None:
    async with a_tapped_endpoint() as (endpoint, _), await Stranger.open() as stranger:
        stranger.send(MESSAGES["clerr"], endpoint.address)
        await true_soon(lambda: endpoint.malformed == 1)

        assert stranger.received.empty()


@pytest.mark.parametrize("name", [*VALID, *VALID_RESPONSES])
def test_valid_messages_are_read(name: str) -> None:
    message = parse(MESSAGES[name])

    assert message.call_id
    assert parse(message.pack()).body == message.body


@pytest.mark.parametrize("name", INVALID_RESPONSES)
def test_invalid_responses_are_not_read(name: str) -> None:
    with pytest.raises(SipError):
        parse(MESSAGES[name])


def a_request(name: str) -> Request:
    message = parse(MESSAGES[name])
    assert isinstance(message, Request)
    return message


def test_wsinv_is_read_through_folds_blanks_and_compact_forms() -> None:
    message = a_request("wsinv")

    assert (message.to_tag, message.from_tag) == ("1918181833n", "98asjd8")
    assert (message.cseq.sequence, message.cseq.method) == (9, "INVITE")
    assert message.via.branch == "390skdjuw"
    vias = [Via.parse(value) for value in split_list(message.values("Via"))]
    assert [(via.transport, via.host) for via in vias] == [
        ("UDP", "192.0.2.2"),
        ("TCP", "spindle.example.com"),
        ("UDP", "192.168.255.111"),
    ]
    assert message.contact
    assert message.contact.parameters == {"newparam": "newvalue", "secondparam": "", "q": "0.33"}
    assert message.get("Subject") == ""
    assert message.has_sdp


def test_intmeth_keeps_every_unusual_character() -> None:
    message = a_request("intmeth")

    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.uri.host == "example.com"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.via.branch == "z9hG4bK-.!%66*_+`'~"


def test_escapes_are_undone_once_and_written_again() -> None:
    assert a_request("esc01").uri.user == "sips:user@example.com"
    assert str(a_request("esc01").uri).endswith("%40example.com@example.net")
    assert a_request("semiuri").uri.user == "user;par=u@example.net"
    assert str(a_request("semiuri").uri) == "sip:user;par=u%40example.net@example.com"
    assert "v%61lue%25%34%31" in a_request("esc01").require("Contact")
    assert [NameAddr.parse(one).uri.user for one in a_request("escnull").values("Contact")] == [
        "\0",
        "\0\0",
    ]
    assert a_request("esc02").method == "RE%47IST%45R"
    assert len(a_request("esc02").values("Contact")) == 2


def test_longreq_has_all_its_vias_and_its_long_values() -> None:
    message = a_request("longreq")

    assert len(message.values("Via")) == 34
    assert len(message.from_tag) == 155
    assert message.uri.host == "example.com"


def test_a_parameter_is_of_the_uri_only_inside_brackets() -> None:
    outside, inside = a_request("cparam01").contact, a_request("cparam02").contact

    assert outside
    assert inside
    assert (outside.parameters, "unknownparam" in outside.uri.parameters) == (
        {"unknownparam": ""},
        False,
    )
    assert (inside.parameters, "unknownparam" in inside.uri.parameters) == ({}, True)


def test_binary_bodies_are_whole() -> None:
    assert a_request("mpart01").body.count(b"\0") == 44


def test_reason_phrases_may_be_any_text_or_none() -> None:
    assert str(parse(MESSAGES["unreason"]).start_line).endswith("- простое")
    assert parse(MESSAGES["noreason"]).start_line.strip() == "SIP/2.0 100"
