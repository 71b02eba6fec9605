"""A gateway that speaks SIP over TCP as the test writes it, and one that can be stopped."""

import asyncio
import socket
import ssl
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from movoice_box.clock import SystemClock
from movoice_box.domain.trunk import Transport
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.framing import Framer
from movoice_box.sip.headers import bracketed
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Request, Response, parse, response_to
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.transport import Address
from tests.peers.authority import Certificate
from tests.peers.sockets import free_port
from tests.sip.ends import an_account

# Answers each ping with a pong, and nothing else.
_PONGS = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
while True:
    peer, _ = server.accept()
    while data := peer.recv(65536):
        if data.endswith(b"\\r\\n\\r\\n") and len(data) == 4:
            peer.sendall(b"\\r\\n")
"""


class Connection:
    """One connection of the gateway with the box."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = Framer()
        self._frames: list[bytes] = []

    @classmethod
    async def open(cls, box: Address, host: str = "127.0.0.1") -> Self:
        return cls(*await asyncio.open_connection(*box, local_addr=(host, 0)))

    @property
    def own_end(self) -> Address:
        host, port, *_ = self._writer.get_extra_info("sockname")
        return host, port

    @property
    def box_end(self) -> Address:
        host, port, *_ = self._writer.get_extra_info("peername")
        return host, port

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def answer(self, request: Request, status: int, *, tag: str = "gw", sdp: bytes = b"") -> None:
        host, port = self.own_end
        contact = f"<sip:gw@{bracketed(host)}:{port};transport=tcp>"
        response = response_to(request, status, to_tag=tag, headers=[("Contact", contact)], sdp=sdp)
        self.send(response.pack())

    async def request(self) -> Request:
        message = await self._message()
        assert isinstance(message, Request), message
        return message

    async def response(self) -> Response:
        message = await self._message()
        assert isinstance(message, Response), message
        return message

    async def ended(self) -> bool:
        """Wait until the box has closed it."""
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                while await self._reader.read(65_536):
                    pass
        return True

    def reset(self) -> None:
        """End it as a crash does."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        self._writer.close()

    def close(self) -> None:
        self._writer.transport.abort()

    async def _message(self) -> Request | Response:
        async with asyncio.timeout(10):
            while not self._frames:
                data = await self._reader.read(65_536)
                assert data, "the box closed the connection"
                self._frames += [found for found in self._framer.feed(data) if type(found) is bytes]
        return parse(self._frames.pop(0))


class TcpGateway:
    """Accepts connections of the box; the test takes them one by one."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Connection] = asyncio.Queue()
        self._taken: list[Connection] = []
        self._server: asyncio.Server

    @classmethod
    @asynccontextmanager
    async def open(
        cls, host: str = "127.0.0.1", port: int = 0, certificate: Certificate | None = None
    ) -> AsyncIterator[Self]:
        """By TLS where there is a `certificate`."""
        gateway, tls = cls(), None
        if certificate:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate.chain, certificate.key)
        gateway._server = await asyncio.start_server(gateway._accept, host, port, ssl=tls)
        try:
            yield gateway
        finally:
            gateway._server.close()
            await asyncio.sleep(0.01)  # for what was accepted a moment ago
            while not gateway.connections.empty():
                gateway._taken.append(gateway.connections.get_nowait())
            for connection in gateway._taken:
                connection.close()
            await asyncio.sleep(0)

    @property
    def address(self) -> Address:
        host, port, *_ = self._server.sockets[0].getsockname()
        return host, port

    async def connection(self) -> Connection:
        async with asyncio.timeout(10):
            connection = await self.connections.get()
        self._taken.append(connection)
        return connection

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections.put_nowait(Connection(reader, writer))


@asynccontextmanager
async def ponging_process() -> AsyncIterator[tuple[Address, asyncio.subprocess.Process]]:
    """A program that accepts connections and answers pings."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PONGS, str(port)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield ("127.0.0.1", port), process
    finally:
        process.kill()
        await process.wait()


def a_tcp_trunk(address: Address, endpoint: SipEndpoint, **account: Any) -> NativeTrunk:
    account = {"transport": Transport.TCP} | account
    return NativeTrunk(an_account(address, **account), endpoint, SystemClock())


def a_tcp_line(address: Address, endpoint: SipEndpoint) -> Line:
    return Line(an_account(address, transport=Transport.TCP), endpoint)
