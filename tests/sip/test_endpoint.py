"""Who is answered at the box's SIP address, and who is not."""

import logging

import pytest

from movoice_box.clock import SystemClock
from movoice_box.errors import TrunkError
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.native_trunk import NativeTrunk
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
