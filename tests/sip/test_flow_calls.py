"""Calls by TCP and TLS: over a connection that is lost, by a proxy, to a second address."""

import asyncio
from pathlib import Path

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.trunk import Transport
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.locate import Locator
from movoice_box.sip.messages import Request
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.trunk import Answered, Ended
from tests.peers.authority import Authority
from tests.peers.name_server import name_server
from tests.peers.sipp import sipp_carrier
from tests.peers.sockets import free_port
from tests.sip.bare import Stranger
from tests.sip.ends import (
    LOCAL,
    NUMBER,
    OFFER,
    an_account,
    an_endpoint,
    events_of,
    until,
)
from tests.sip.streams import Connection, TcpGateway, a_tcp_trunk

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
SDP_6 = SDP.replace(b"IP4 127.0.0.1", b"IP6 ::1")


@pytest.mark.peer
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_sipp_is_called_by_each_family(
    host: str, transport: Transport, tmp_path: Path
) -> None:
    by_tcp = transport is Transport.TCP
    async with (
        sipp_carrier(tmp_path, "answer", host=host, by_tcp=by_tcp) as address,
        an_endpoint(listen=(host, 0)) as endpoint,
    ):
        trunk = a_tcp_trunk(address, endpoint, transport=transport)
        dialog = await trunk.invite(NUMBER, MediaOffer(address=host, port=40_000))
        answered = await until(dialog, Answered)
        await dialog.end()

    assert answered.media
    assert answered.media.address == host


@pytest.mark.parametrize(("host", "sdp"), [("127.0.0.1", SDP), ("::1", SDP_6)], ids=["v4", "v6"])
async def test_call_is_ended_over_a_new_connection_when_the_first_is_reset(
    host: str, sdp: bytes
) -> None:
    async with TcpGateway.open(host) as gateway, an_endpoint(listen=(host, 0)) as endpoint:
        trunk = a_tcp_trunk(gateway.address, endpoint)
        dialog = await trunk.invite(NUMBER, MediaOffer(address=host, port=40_000))
        first = await gateway.connection()
        invite = await first.request()
        first.answer(invite, 200, sdp=sdp)
        await until(dialog, Answered)
        ack = await first.request()
        first.reset()
        ending = asyncio.ensure_future(dialog.end())
        second = await gateway.connection()
        bye = await second.request()
        second.answer(bye, 200)
        await ending

    assert [request.method for request in (invite, ack, bye)] == ["INVITE", "ACK", "BYE"]
    assert invite.via.transport == bye.via.transport == "TCP"
    assert str(invite.contact and invite.contact.uri).endswith(";transport=tcp")


async def test_request_that_is_waiting_fails_with_its_connection() -> None:
    async with TcpGateway.open() as gateway, an_endpoint() as endpoint:
        trunk = a_tcp_trunk(gateway.address, endpoint)
        dialog = await trunk.invite(NUMBER, OFFER)
        connection = await gateway.connection()
        await connection.request()
        connection.reset()
        events = await events_of(dialog)

    assert isinstance(events[-1], Ended)
    assert "is closed or has no route" in events[-1].sip_reason


async def test_call_that_rings_outlives_its_connection() -> None:
    async with TcpGateway.open() as gateway, an_endpoint() as endpoint:
        trunk = a_tcp_trunk(gateway.address, endpoint)
        dialog = await trunk.invite(NUMBER, OFFER)
        first = await gateway.connection()
        invite = await first.request()
        first.answer(invite, 180)
        await asyncio.wait_for(dialog.next_event(), 10)
        first.reset()
        again = await Connection.open(endpoint.address)
        again.answer(invite, 200, sdp=SDP)  # RFC 3261 18.2.2: the gateway connects to our Via
        await until(dialog, Answered)
        again.close()


async def test_call_that_rings_ends_when_the_gateway_is_gone_with_its_connection() -> None:
    async with an_endpoint() as endpoint:
        async with TcpGateway.open() as gateway:
            trunk = a_tcp_trunk(gateway.address, endpoint)
            dialog = await trunk.invite(NUMBER, OFFER)
            connection = await gateway.connection()
            connection.answer(await connection.request(), 180)
            await asyncio.wait_for(dialog.next_event(), 10)
        (ended,) = await events_of(dialog)

    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.has_rung) == (Disposition.FAILED, True)
    assert "connection to the trunk was lost" in ended.sip_reason
    assert endpoint.live_dialogs == 0


async def test_phone_that_rings_is_stopped_when_a_tls_connection_is_lost(tmp_path: Path) -> None:
    authority = Authority.create()
    certificate = authority.certify("127.0.0.1", tmp_path)
    async with TcpGateway.open(certificate=certificate) as gateway, an_endpoint() as endpoint:
        trunk = a_tcp_trunk(
            gateway.address, endpoint, transport=Transport.TLS, tls_ca=authority.pem
        )
        dialog = await trunk.invite(NUMBER, OFFER)
        first = await gateway.connection()
        invite = await first.request()
        first.answer(invite, 180)
        await asyncio.wait_for(dialog.next_event(), 10)
        first.reset()
        second = await gateway.connection()
        cancel = await second.request()
        second.answer(cancel, 200)
        second.answer(invite, 487)
        (ended,) = await events_of(dialog)

    assert (cancel.method, cancel.via.branch) == ("CANCEL", invite.via.branch)
    assert isinstance(ended, Ended)
    assert (ended.disposition, ended.sip_status) == (Disposition.FAILED, 487)


async def test_contact_by_tls_is_our_end_of_the_connection(tmp_path: Path) -> None:
    authority = Authority.create()
    certificate = authority.certify("127.0.0.1", tmp_path)
    async with TcpGateway.open(certificate=certificate) as gateway, an_endpoint() as endpoint:
        trunk = a_tcp_trunk(
            gateway.address, endpoint, transport=Transport.TLS, tls_ca=authority.pem
        )
        await trunk.invite(NUMBER, OFFER)
        first = await gateway.connection()
        invite = await first.request()
        box = first.box_end

    assert invite.contact
    assert (invite.contact.uri.host, invite.contact.uri.port) == box


async def test_outbound_proxy_is_the_first_hop() -> None:
    async with await Stranger.open() as proxy, an_endpoint() as endpoint:
        host, port = proxy.address
        account = an_account(("carrier.invalid", 5060), outbound_proxy=f"{host}:{port}")
        await NativeTrunk(account, endpoint, SystemClock()).invite(NUMBER, OFFER)
        invite = await proxy.expect(Request)

    assert str(invite.uri) == "sip:+919876543210@carrier.invalid"
    assert invite.values("Route") == [f"<sip:{host}:{port};lr>"]


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_call_goes_to_the_second_service_when_the_first_is_closed(
    transport: Transport,
) -> None:
    async with await Stranger.open("127.0.0.3") as by_udp, TcpGateway.open("127.0.0.3") as by_tcp:
        port = (by_udp if transport is Transport.UDP else by_tcp).address[1]
        records = [f"10 0 {free_port('127.0.0.2')} 127.0.0.2.", f"20 0 {port} 127.0.0.3."]
        zone = {f"_sip._{transport}.carrier.test": (60, "SRV", records)}
        async with name_server(zone) as server:
            locator = Locator(SystemClock(), server.resolver)
            async with SipEndpoint(LOCAL, SystemClock(), locator=locator) as endpoint:
                account = an_account(("carrier.test", None), transport=transport)
                trunk = NativeTrunk(account, endpoint, SystemClock())
                await trunk.reach()
                await trunk.invite(NUMBER, OFFER)
                if transport is Transport.UDP:
                    invite = await by_udp.expect(Request)
                else:
                    invite = await (await by_tcp.connection()).request()

    assert str(invite.uri) == "sip:+919876543210@carrier.test"
