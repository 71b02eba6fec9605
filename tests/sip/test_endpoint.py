"""Who is answered at the box's SIP address, and who is not."""

import asyncio
import logging
from typing import Self

import pytest

from movoice_box.clock import SystemClock
from movoice_box.errors import TrunkError
from movoice_box.sip.dialog import Caller
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import Request, Response, parse
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.transport import Address
from movoice_box.sip.trunk import Ended
from tests.sip.ends import (
    HASTY,
    LOCAL,
    NUMBER,
    OFFER,
    a_trunk,
    an_account,
    an_endpoint,
    true_soon,
    until,
)


class Stranger(asyncio.DatagramProtocol):
    """A bare socket: what it sends is what the test wrote."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport

    @classmethod
    async def open(cls) -> Self:
        loop = asyncio.get_running_loop()
        _, stranger = await loop.create_datagram_endpoint(cls, local_addr=LOCAL)
        return stranger

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, source: Address) -> None:
        self.received.put_nowait(data)

    @property
    def address(self) -> Address:
        address: Address = self._transport.get_extra_info("sockname")
        return address

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def request(self, method: str, *, to_tag: str = "", require: str = "") -> Request:
        caller = Caller(
            local=self.address,
            contact="<sip:x@127.0.0.1>",
            from_="<sip:x@127.0.0.1>;tag=x",
            call_id=f"{method}-{to_tag}",
        )
        to = f"<sip:box@127.0.0.1>{f';tag={to_tag}' if to_tag else ''}"
        headers = [("Require", require)] if require else []
        return caller.request(method, parse_uri("sip:box@127.0.0.1"), to, 1, headers=headers)

    def send(self, data: bytes, destination: Address) -> None:
        self._transport.sendto(data, destination)

    async def ask(self, request: Request, destination: Address) -> Response:
        self.send(request.pack(), destination)
        async with asyncio.timeout(10):
            response = parse(await self.received.get())
        assert isinstance(response, Response)
        return response


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", 200),
        ("INVITE", 486),
        ("REGISTER", 405),
        ("NOTIFY", 405),
        ("BYE", 481),
        ("CANCEL", 481),
        ("DANCE", 501),
    ],
)
async def test_host_of_a_trunk_is_answered(method: str, status: int) -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await endpoint.find("127.0.0.1", 5060)

        response = await gateway.ask(gateway.request(method), endpoint.address)

    assert response.status == status
    assert response.to_tag


async def test_unknown_dialog_does_not_exist() -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await endpoint.find("127.0.0.1", 5060)

        response = await gateway.ask(gateway.request("INFO", to_tag="gone"), endpoint.address)

    assert response.status == 481


async def test_required_extension_is_refused_by_name() -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await endpoint.find("127.0.0.1", 5060)

        request = gateway.request("OPTIONS", require="100rel")
        response = await gateway.ask(request, endpoint.address)

    assert (response.status, response.get("Unsupported")) == (420, "100rel")


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
        await endpoint.find("127.0.0.1", 5060)


async def test_passwords_do_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with an_endpoint() as endpoint, await Stranger.open() as gateway:
        await endpoint.find("127.0.0.1", 5060)
        request = gateway.request("OPTIONS")
        request.headers.add("Authorization", "Digest response=secret")

        await gateway.ask(request, endpoint.address)

    assert "OPTIONS sip:box@127.0.0.1" in caplog.text
    assert "secret" not in caplog.text
