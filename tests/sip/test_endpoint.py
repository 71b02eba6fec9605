"""Who is answered at the box's SIP address, and who is not."""

import logging
from collections.abc import Callable

import pytest

from movoice_box.clock import SystemClock
from movoice_box.errors import TrunkError
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.line import Line
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.transport import Address, Destination
from movoice_box.sip.trunk import Ended
from tests.sip.bare import Stranger
from tests.sip.ends import (
    HASTY,
    LOCAL,
    NUMBER,
    OFFER,
    a_trunk,
    an_account,
    an_endpoint,
    let_in,
    true_soon,
    until,
)


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", 200),
        ("INVITE", 486),
        ("REGISTER", 405),
        ("NOTIFY", 481),
        ("BYE", 481),
        ("CANCEL", 481),
        ("DANCE", 501),
    ],
)
async def test_host_of_a_trunk_is_answered(method: str, status: int) -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await let_in(endpoint)

        response = await gateway.ask(gateway.request(method), endpoint.address)

    assert response.status == status
    assert response.to_tag


async def test_unknown_dialog_does_not_exist() -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await let_in(endpoint)

        response = await gateway.ask(gateway.request("INFO", to_tag="gone"), endpoint.address)

    assert response.status == 481


async def test_required_extension_is_refused_by_name() -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await let_in(endpoint)

        request = gateway.request("OPTIONS", require="precondition")
        response = await gateway.ask(request, endpoint.address)

    assert (response.status, response.get("Unsupported")) == (420, "precondition")


async def test_strangers_are_dropped_and_counted() -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as stranger:
        for method in ("OPTIONS", "INVITE", "BYE"):
            stranger.send(stranger.request(method).pack(), endpoint.address)
        await true_soon(lambda: endpoint.strangers == 3)

        assert stranger.received.empty()


async def test_closing_ends_live_calls_at_once() -> None:
    async with await Stranger.open() as silent:
        async with a_trunk(silent.address) as trunk:
            dialog = await trunk.invite(NUMBER, OFFER)
        ended = await until(dialog, Ended)
        await dialog.end()

    assert ended.ended_by == "box"


async def test_call_given_up_leaves_nothing_behind() -> None:
    async with await Stranger.open() as silent, an_endpoint(HASTY) as endpoint:
        trunk = NativeTrunk(an_account(silent.address), endpoint, SystemClock())
        dialog = await trunk.invite(NUMBER, OFFER)
        await dialog.end()
        await true_soon(lambda: endpoint.live_dialogs == 0)


async def test_taken_address_says_what_to_look_at() -> None:
    async with an_endpoint() as endpoint:
        with pytest.raises(TrunkError, match=r"\[sip\] listen"):
            await SipEndpoint(endpoint.address, SystemClock()).run()


async def test_endpoint_that_does_not_run_sends_nothing() -> None:
    endpoint = SipEndpoint(LOCAL, SystemClock())

    with pytest.raises(TrunkError, match="not running"):
        await let_in(endpoint)


async def test_passwords_do_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await let_in(endpoint)
        request = gateway.request("OPTIONS")
        request.headers.add("Authorization", "Digest response=secret")

        await gateway.ask(request, endpoint.address)

    assert "OPTIONS sip:box@127.0.0.1" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(("called", "taken_by"), [("bob", "bob"), ("box", "alice"), ("", "alice")])
async def test_call_comes_in_by_the_line_that_was_called_or_that_is_at_its_port(
    called: str, taken_by: str
) -> None:
    taken: list[str] = []

    def take(line: Line) -> Callable[[IncomingRequest], None]:
        def on_invite(invite: IncomingRequest) -> None:
            taken.append(line.user)
            invite.reply(480)

        return on_invite

    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        accounts = an_account(("127.0.0.1", 5060), username="bob"), an_account(gateway.address)
        for line in [Line(account, endpoint) for account in accounts]:
            line.on_invite = take(line)
            await line.candidates()
        invite = gateway.request("INVITE")
        invite.uri = parse_uri(f"sip:{called}@127.0.0.1" if called else "sip:127.0.0.1")
        await gateway.ask(invite, endpoint.address)

    assert taken == [taken_by]


async def test_trunk_that_is_gone_is_a_stranger_again() -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        (await let_in(endpoint)).close()
        gateway.send(gateway.request("OPTIONS").pack(), endpoint.address)
        await true_soon(lambda: endpoint.strangers == 1)

        assert gateway.received.empty()


@pytest.mark.parametrize(
    ("host", "heard_from", "goes_to"),
    [
        ("10.1.2.3", "8.8.8.8", ("8.8.8.8", 40_000)),
        ("192.168.1.9", "8.8.8.8", ("8.8.8.8", 40_000)),
        ("10.1.2.3", "192.168.1.9", ("10.1.2.3", 5062)),
        ("9.9.9.9", "8.8.8.8", ("9.9.9.9", 5062)),
        ("gw.invalid", "8.8.8.8", ("8.8.8.8", 40_000)),
    ],
)
async def test_gateway_that_names_an_address_behind_its_nat_is_reached_where_it_was_heard(
    host: str, heard_from: str, goes_to: Address
) -> None:
    async with an_endpoint() as endpoint:
        found = endpoint.route(parse_uri(f"sip:gw@{host}:5062"), Destination(heard_from, 40_000))

    assert found.socket_address == goes_to
