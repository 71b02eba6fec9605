"""A trunk with several addresses, some of them dead: calls go on where they may (RFC 3263 4.3)."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Request
from movoice_box.sip.native_dialog import NativeDialog
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.targets import Targets
from movoice_box.sip.timers import RFC_TIMERS, TimerValues
from movoice_box.sip.transport import Address, Destination
from movoice_box.sip.trunk import Answered, Ended
from tests.peers.sipp import free_udp_port, sipp_carrier
from tests.sip.bare import Stranger
from tests.sip.ends import HASTY, NUMBER, OFFER, an_account, an_endpoint, until

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"


def a_call(endpoint: SipEndpoint, account: TrunkAccount, *addresses: Address) -> NativeDialog:
    """A call to the first of `addresses` that takes it."""
    line = Line(account, endpoint)
    dialog = NativeDialog(
        line,
        line.caller("alice"),
        Targets(line.uri(NUMBER.e164), [Destination(*address) for address in addresses]),
        (),
        MediaNegotiation(OFFER, session_id=1),
        lambda _: None,
    )
    dialog.start()
    return dialog


@asynccontextmanager
async def calling(
    *addresses: Address, timers: TimerValues = RFC_TIMERS
) -> AsyncIterator[NativeDialog]:
    async with an_endpoint(timers) as endpoint:
        yield a_call(endpoint, an_account(addresses[0]), *addresses)


@pytest.mark.peer
async def test_closed_port_costs_no_call(tmp_path: Path) -> None:
    async with (
        sipp_carrier(tmp_path, "answer") as carrier,
        calling(("127.0.0.1", free_udp_port()), carrier) as dialog,
    ):
        await until(dialog, Answered)
        await dialog.end()


@pytest.mark.peer
async def test_silent_address_costs_no_call(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with (
            sipp_carrier(tmp_path, "answer") as carrier,
            calling(silent.getsockname(), carrier, timers=HASTY) as dialog,
        ):
            await until(dialog, Answered)
            await dialog.end()


@pytest.mark.peer
async def test_overloaded_address_costs_no_call(tmp_path: Path) -> None:
    full, free = tmp_path / "full", tmp_path / "free"
    full.mkdir()
    free.mkdir()
    async with (
        sipp_carrier(full, "overloaded") as first,
        sipp_carrier(free, "answer") as second,
        calling(first, second) as dialog,
    ):
        await until(dialog, Answered)
        await dialog.end()


@pytest.mark.parametrize("has_another", [True, False])
async def test_address_that_failed_comes_last_for_the_next_call(has_another: bool) -> None:
    async with await Stranger.open() as gateway, an_endpoint() as endpoint:
        dead = "127.0.0.1", free_udp_port()
        places = [Destination(*dead), Destination(*gateway.address)]
        others = [gateway.address] if has_another else []
        dialog = a_call(endpoint, an_account(dead), dead, *others)
        if has_another:
            gateway.answer(await gateway.expect(Request), 486, tag="t")
        await until(dialog, Ended)

        assert list(endpoint.locator.failed_last(places)) == places[::-1]


async def test_call_that_rang_goes_nowhere_else() -> None:
    async with (
        await Stranger.open() as first,
        await Stranger.open() as second,
        calling(first.address, second.address) as dialog,
    ):
        invite = await first.expect(Request)
        first.answer(invite, 180, tag="t")
        first.answer(invite, 503, tag="t")
        ended = await until(dialog, Ended)

    assert (ended.sip_status, ended.has_rung) == (503, True)
    assert second.received.empty()


async def test_the_same_call_comes_again_but_for_its_branch() -> None:
    async with (
        await Stranger.open() as first,
        await Stranger.open() as second,
        calling(first.address, second.address) as dialog,
    ):
        full = await first.expect(Request)
        first.answer(full, 503, tag="t")
        again = await second.expect(Request)
        second.answer(again, 486, tag="t")
        await until(dialog, Ended)

    assert (full.call_id, full.from_tag, full.cseq) == (again.call_id, again.from_tag, again.cseq)
    assert full.via.branch != again.via.branch


@pytest.mark.parametrize(
    ("status", "sent"), [(180, ["CANCEL"]), (200, ["ACK", "BYE"])], ids=["rings", "answers"]
)
async def test_address_that_wakes_up_late_is_sent_away(status: int, sent: list[str]) -> None:
    async with (
        await Stranger.open() as late,
        await Stranger.open() as carrier,
        calling(late.address, carrier.address, timers=HASTY) as dialog,
    ):
        invite = await late.expect(Request)
        other = await carrier.expect(Request)
        carrier.answer(other, 200, tag="answered", sdp=SDP)
        await until(dialog, Answered)
        while not late.received.empty():
            late.received.get_nowait()
        late.answer(invite, status, tag="late", sdp=SDP)
        received = [await late.expect(Request) for _ in sent]
        ack = await carrier.expect(Request)
        await dialog.end()
        bye = await carrier.expect(Request)

    assert [request.method for request in received] == sent
    assert received[-1].get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert [ack.method, bye.method] == ["ACK", "BYE"]


async def test_all_addresses_dead_is_unreachable() -> None:
    closed = [("127.0.0.1", free_udp_port()) for _ in range(3)]
    async with calling(*closed) as dialog:
        ended = await until(dialog, Ended)

    assert ended.disposition is Disposition.UNREACHABLE
