"""Connections: made, used both ways, lost, and abused."""

import asyncio
import random
import signal

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.line import Line
from movoice_box.sip.locate import Locator
from movoice_box.sip.messages import Request
from movoice_box.sip.stream import FlowTimes
from movoice_box.sip.timers import Failure
from movoice_box.sip.transport import Address, Destination
from tests.peers.name_server import name_server
from tests.peers.sockets import free_port
from tests.sip.bare import Stranger
from tests.sip.ends import HASTY, LOCAL, an_account, an_endpoint, let_in
from tests.sip.streams import Connection, TcpGateway, a_tcp_line, ponging_process

QUICK = FlowTimes(connect_s=0.5, message_s=0.3, keep_alive_s=(0.05, 0.06), pong_s=0.2)


async def ask(line: Line) -> int | Failure:
    """The status of the answer to an OPTIONS."""
    destination = await line.find()
    uri = line.uri(None)
    options = line.caller("box").request("OPTIONS", uri, f"<{uri}>", 1)
    outcome = await line.endpoint.ask(options, destination)
    return outcome if isinstance(outcome, Failure) else outcome.status


async def test_request_into_a_dead_connection_goes_out_again_by_a_new_one() -> None:
    async with TcpGateway.open() as gateway, an_endpoint() as endpoint:
        line = a_tcp_line(gateway.address, endpoint)
        await line.find()
        first = await gateway.connection()
        asking = asyncio.ensure_future(ask(line))
        options = await first.request()
        first.reset()
        second = await gateway.connection()
        again = await second.request()
        second.answer(again, 200)

        assert await asking == 200
    assert again.via.branch == options.via.branch


async def test_gateway_that_comes_back_is_reached_again() -> None:
    port = free_port()
    async with an_endpoint() as endpoint:
        line = a_tcp_line(("127.0.0.1", port), endpoint)
        with pytest.raises(TrunkError, match="refused the connection"):
            await ask(line)
        async with TcpGateway.open(port=port) as gateway:
            asking = asyncio.ensure_future(ask(line))
            connection = await gateway.connection()
            connection.answer(await connection.request(), 200)

            assert await asking == 200


async def test_gateway_that_accepts_and_never_answers_gets_a_new_connection() -> None:
    async with TcpGateway.open() as gateway, an_endpoint(timers=HASTY) as endpoint:
        line = a_tcp_line(gateway.address, endpoint)
        assert await ask(line) is Failure.TIMEOUT
        first = await gateway.connection()
        assert await first.ended()
        asking = asyncio.ensure_future(ask(line))
        second = await gateway.connection()
        second.answer(await second.request(), 200)

        assert await asking == 200


async def test_peer_that_stops_answering_pings_loses_its_connection_and_its_requests() -> None:
    async with ponging_process() as (address, process), an_endpoint(times=QUICK) as endpoint:
        line = a_tcp_line(address, endpoint)
        destination = await line.find()
        await asyncio.sleep(0.5)  # pings and pongs
        assert endpoint.own_end(destination)
        process.send_signal(signal.SIGSTOP)

        assert await ask(line) is Failure.UNREACHABLE


async def test_peer_that_never_answered_a_ping_keeps_its_connection() -> None:
    async with TcpGateway.open() as gateway, an_endpoint(times=QUICK) as endpoint:
        line = a_tcp_line(gateway.address, endpoint)
        own = endpoint.own_end(await line.find())
        await asyncio.sleep(0.5)

        assert own
        assert endpoint.own_end(await line.find()) == own


async def test_peer_that_reads_nothing_loses_its_connection() -> None:
    async with TcpGateway.open() as gateway, an_endpoint() as endpoint:
        destination = await a_tcp_line(gateway.address, endpoint).find()
        for _ in range(20_000):
            endpoint.transmit(bytes(1024), destination)
            await asyncio.sleep(0)
            if endpoint.own_end(destination) is None:
                break

        assert endpoint.own_end(destination) is None


async def test_request_by_tcp_is_answered_by_the_same_connection() -> None:
    async with an_endpoint() as endpoint:
        await let_in(endpoint)
        async with await Stranger.open() as writer:
            connection = await Connection.open(endpoint.address)
            connection.send(writer.request("OPTIONS").pack() + b"\r\n\r\n")
            response = await connection.response()
            connection.close()

    assert response.status == 200


async def test_connection_that_names_many_ports_is_known_by_the_last_one() -> None:
    async with an_endpoint() as endpoint, await Stranger.open() as writer:
        await let_in(endpoint)
        connection = await Connection.open(endpoint.address)
        for port in range(20_000, 20_050):
            options = writer.request("OPTIONS", call_id=f"{port}")
            options.headers.set("Via", f"SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bK{port}")
            connection.send(options.pack())
            await connection.response()
        ports = [port for port in range(20_000, 20_050) if is_reached(endpoint, port)]
        connection.close()

    assert ports == [20_049]


def is_reached(endpoint: SipEndpoint, port: int) -> bool:
    """Whether there is a connection to this port of 127.0.0.1."""
    return endpoint.own_end(Destination("127.0.0.1", port, Transport.TCP)) is not None


async def test_strangers_connection_is_closed_and_counted() -> None:
    async with an_endpoint() as endpoint:
        await let_in(endpoint, "127.0.0.1")
        stranger = await Connection.open(endpoint.address, "127.0.0.7")

        assert await stranger.ended()
        assert endpoint.strangers == 1
        stranger.close()


async def test_connection_of_a_trunk_that_is_gone_is_closed() -> None:
    async with TcpGateway.open() as gateway, an_endpoint(times=QUICK) as endpoint:
        line = a_tcp_line(gateway.address, endpoint)
        await line.find()
        connection = await gateway.connection()
        line.close()

        assert await connection.ended()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: box\r\n\r\n",
        b"SIP/2.0 200 OK\r\nX: " + b"a" * 70_000,
        b"OPTIONS sip:box SIP/2.0\r\nContent-Length: -5\r\n\r\n",
        b"OPTIONS sip:box SIP/2.0\r\nContent-Length: 4000000000\r\n\r\n",
        b"OPTIONS sip:box SIP/2.0\r\nVia: and then nothing",
        random.Random(5).randbytes(200_000),
    ],
    ids=["http", "endless header", "negative", "huge", "never whole", "random"],
)
async def test_hostile_stream_is_closed_and_the_endpoint_lives(data: bytes) -> None:
    async with an_endpoint(times=QUICK) as endpoint, await Stranger.open() as neighbour:
        await let_in(endpoint)
        hostile = await Connection.open(endpoint.address)
        hostile.send(data)
        assert await hostile.ended()
        answer = await neighbour.ask(neighbour.request("OPTIONS"), endpoint.address)
        hostile.close()

    assert answer.status == 200


async def test_dual_stack_endpoint_reaches_both() -> None:
    async with an_endpoint(listen=("::", 0)) as endpoint:
        for host in ("127.0.0.1", "::1"):
            async with await Stranger.open(host) as gateway, TcpGateway.open(host) as by_tcp:
                line = Line(an_account(gateway.address), endpoint)
                asking = asyncio.ensure_future(ask(line))
                gateway.answer(await gateway.expect(Request), 200, tag="t")
                assert await asking == 200
                assert line.local_address() == host
                asking = asyncio.ensure_future(ask(a_tcp_line(by_tcp.address, endpoint)))
                connection = await by_tcp.connection()
                connection.answer(await connection.request(), 200)
                assert await asking == 200


async def test_tap_sees_both_ways() -> None:
    seen: list[tuple[bytes, Address, Address]] = []

    class Tap:
        def on_sip(self, data: bytes, source: Address, destination: Address) -> None:
            seen.append((data[:7], source, destination))

    async with TcpGateway.open() as gateway, an_endpoint() as endpoint:
        endpoint.tap = Tap()
        asking = asyncio.ensure_future(ask(a_tcp_line(gateway.address, endpoint)))
        connection = await gateway.connection()
        connection.answer(await connection.request(), 200)
        await asking
        box, there = connection.box_end, gateway.address

    assert seen == [(b"OPTIONS", box, there), (b"SIP/2.0", there, box)]


async def test_registered_trunk_is_kept_open_through_nats() -> None:
    async with await Stranger.open() as gateway, an_endpoint(times=QUICK) as endpoint:
        line = Line(an_account(gateway.address, register=True), endpoint)
        await line.find()
        async with asyncio.timeout(10):
            assert await gateway.received.get() == b"\r\n\r\n"


async def test_address_that_failed_comes_last() -> None:
    records = ["10 0 5071 127.0.0.2.", "20 0 5072 127.0.0.3."]
    async with name_server({"_sip._udp.carrier.test": (60, "SRV", records)}) as server:
        locator = Locator(SystemClock(), server.resolver)
        async with SipEndpoint(LOCAL, SystemClock(), locator=locator) as endpoint:
            line = Line(an_account(("carrier.test", None)), endpoint)
            first, second = await line.candidates()
            line.mark_failed(first)

            assert await line.candidates() == (second, first)
            assert await line.find() == second


async def test_port_without_tls_says_so() -> None:
    async with TcpGateway.open() as gateway, an_endpoint() as endpoint:
        line = Line(an_account(gateway.address, transport=Transport.TLS), endpoint)
        finding = asyncio.ensure_future(line.find())
        connection = await gateway.connection()
        connection.send(b"SIP/2.0 400 Bad Request\r\n\r\n")

        with pytest.raises(TrunkError, match="does not speak TLS on this port"):
            await finding


async def test_host_that_never_answers_says_so() -> None:
    async with TcpGateway.open() as gateway, an_endpoint(times=QUICK) as endpoint:
        line = Line(an_account(gateway.address, transport=Transport.TLS), endpoint)

        with pytest.raises(TrunkError, match="no answer from tls 127"):
            await line.find()


async def test_closing_tells_who_waits_for_a_connection() -> None:
    async with TcpGateway.open() as gateway:
        async with an_endpoint() as endpoint:
            line = Line(an_account(gateway.address, transport=Transport.TLS), endpoint)
            finding = asyncio.ensure_future(line.find())
            await gateway.connection()

        with pytest.raises(TrunkError, match="endpoint was closed"):
            await finding
