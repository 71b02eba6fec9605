"""Registration and calls through an authenticating proxy, by each transport."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.trunk import Transport
from movoice_box.sip.dialog import Caller, ConfirmedDialog
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import Request, Response
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.trunk import Answered, Ended, IncomingCall
from tests.peers.authority import Authority
from tests.peers.kamailio import Kamailio, kamailio
from tests.peers.sipp import USER, free_udp_port, sipp_carrier
from tests.sip.bare import Stranger
from tests.sip.ends import NUMBER, OFFER, an_account, an_endpoint, events_of, true_soon, until

pytestmark = pytest.mark.peer

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
AUTHORITY = Authority.create()


@asynccontextmanager
async def a_registered_trunk(
    proxy: Kamailio, transport: Transport, calls: asyncio.Queue[IncomingCall], **account: Any
) -> AsyncIterator[NativeTrunk]:
    changes = {"transport": transport, "tls_ca": AUTHORITY.pem, "register": True} | account
    account_there = an_account(proxy.address(transport), **changes)
    async with an_endpoint() as endpoint, asyncio.TaskGroup() as group:
        trunk = NativeTrunk(account_there, endpoint, SystemClock(), calls.put_nowait)
        running = group.create_task(trunk.run())
        await true_soon(lambda: trunk.status.is_up is True)
        yield trunk
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("transport", Transport)
async def test_call_out_through_the_proxy(transport: Transport, tmp_path: Path) -> None:
    gateway = free_udp_port()
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path)
    async with (
        sipp_carrier(tmp_path, "answer", port=gateway),
        kamailio(tmp_path, gateway, certificate) as proxy,
        a_registered_trunk(proxy, transport, asyncio.Queue()) as trunk,
    ):
        dialog = await trunk.invite(NUMBER, OFFER)
        await until(dialog, Answered)
        await dialog.end()
        events = await events_of(dialog)

    assert isinstance(events[-1], Ended)
    assert events[-1].sip_status == 200
    for method in ("REGISTER", "INVITE", "ACK", "BYE"):
        assert f"seen {method} from 127.0.0.1 by {transport}" in proxy.seen


@pytest.mark.parametrize("transport", Transport)
async def test_call_that_comes_back_by_the_registration(
    transport: Transport, tmp_path: Path
) -> None:
    calls: asyncio.Queue[IncomingCall] = asyncio.Queue()
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path)
    async with (
        kamailio(tmp_path, certificate=certificate) as proxy,
        a_registered_trunk(proxy, transport, calls),
        await Stranger.open() as desk,
    ):
        host, port = desk.address
        caller = Caller(
            local=desk.address,
            contact=f"<sip:desk@{host}:{port}>",
            from_=f"<sip:desk@{host}>;tag=desk",
            call_id="back",
        )
        uri = parse_uri(f"sip:{USER}@127.0.0.1:{proxy.port}")
        invite = caller.request("INVITE", uri, f"<{uri}>", 1, sdp=SDP)
        desk.send(invite.pack(), ("127.0.0.1", proxy.port))
        dialog = (await asyncio.wait_for(calls.get(), 10)).answer(OFFER)
        while (response := await desk.expect(Response)).status < 200:
            pass
        established = ConfirmedDialog.establish(caller, invite, response)
        desk.send(established.request("ACK").pack(), ("127.0.0.1", proxy.port))
        await until(dialog, Answered)
        ending = asyncio.ensure_future(dialog.end())
        bye = await desk.expect(Request)
        desk.answer(bye, 200, tag="")
        await ending

    assert response.status == 200
    assert bye.method == "BYE"
    assert f"seen BYE from 127.0.0.1 by {transport}" in proxy.seen


async def test_proxy_that_dies_and_comes_back_is_registered_with_again(tmp_path: Path) -> None:
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path)
    async with AsyncExitStack() as life:
        first = await life.enter_async_context(kamailio(tmp_path, 9, certificate))
        ports = first.port, first.tls_port
        async with a_registered_trunk(first, Transport.TLS, asyncio.Queue()) as trunk:
            await life.aclose()
            await true_soon(lambda: trunk.status.is_up is False)
            async with kamailio(tmp_path, 9, certificate, ports) as again:
                await true_soon(lambda: trunk.status.is_up is True)

    assert f"seen REGISTER from 127.0.0.1 by {Transport.TLS}" in again.seen


@pytest.mark.parametrize(
    ("host", "is_ours", "is_expired", "sentence"),
    [
        ("127.0.0.1", False, False, "an authority that this box does not know"),
        ("sip.example", True, False, "another name than '127.0.0.1'"),
        ("127.0.0.1", True, True, "has expired"),
    ],
)
async def test_certificate_that_is_not_believed(
    host: str, is_ours: bool, is_expired: bool, sentence: str, tmp_path: Path
) -> None:
    certificate = AUTHORITY.certify(host, tmp_path, is_expired=is_expired)
    async with kamailio(tmp_path, certificate=certificate) as proxy, an_endpoint() as endpoint:
        account = an_account(
            proxy.address(Transport.TLS),
            transport=Transport.TLS,
            tls_ca=AUTHORITY.pem if is_ours else None,
        )
        status = await NativeTrunk(account, endpoint, SystemClock()).test()

    assert status.is_up is False
    assert sentence in status.detail
    assert proxy.seen == ""


async def test_proxy_with_old_tls_is_told_from_one_that_is_down(tmp_path: Path) -> None:
    certificate = AUTHORITY.certify("127.0.0.1", tmp_path)
    async with (
        kamailio(tmp_path, certificate=certificate, tls_method="TLSv1") as proxy,
        an_endpoint() as endpoint,
    ):
        account = an_account(proxy.address(Transport.TLS), transport=Transport.TLS)
        status = await NativeTrunk(account, endpoint, SystemClock()).test()

    assert "has no TLS 1.2 or later" in status.detail
