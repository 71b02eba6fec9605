"""A bare UDP socket that speaks SIP only as the test writes it."""

import asyncio
from typing import Self, TypeVar

from movoice_box.sip.dialog import Caller
from movoice_box.sip.headers import bracketed, parse_uri
from movoice_box.sip.messages import HeaderList, Request, Response, parse, response_to
from movoice_box.sip.transport import Address

Kind = TypeVar("Kind", Request, Response)


class Stranger(asyncio.DatagramProtocol):
    """A bare socket: what it sends is what the test wrote."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._peer: Address
        self._transport: asyncio.DatagramTransport

    @classmethod
    async def open(cls, host: str = "127.0.0.1", port: int = 0) -> Self:
        loop = asyncio.get_running_loop()
        _, stranger = await loop.create_datagram_endpoint(cls, local_addr=(host, port))
        return stranger

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, source: Address) -> None:
        self._peer = source[:2]
        self.received.put_nowait(data)

    @property
    def address(self) -> Address:
        host, port, *_ = self._transport.get_extra_info("sockname")
        return host, port

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def request(
        self, method: str, *, to_tag: str = "", call_id: str = "", require: str = ""
    ) -> Request:
        caller = Caller(
            local=self.address,
            contact="<sip:x@127.0.0.1>",
            from_="<sip:x@127.0.0.1>;tag=x",
            call_id=call_id or f"{method}-{to_tag}",
        )
        to = f"<sip:box@127.0.0.1>{f';tag={to_tag}' if to_tag else ''}"
        headers = [("Require", require)] if require else []
        return caller.request(method, parse_uri("sip:box@127.0.0.1"), to, 1, headers=headers)

    def send(self, data: bytes, destination: Address) -> None:
        self._transport.sendto(data, destination)

    async def ask(self, request: Request, destination: Address) -> Response:
        self.send(request.pack(), destination)
        return await self.expect(Response)

    async def expect(self, kind: type[Kind]) -> Kind:
        """The next message, which must be a request or a response as asked."""
        async with asyncio.timeout(10):
            message = parse(await self.received.get())
        assert isinstance(message, kind), message
        return message

    def answer(
        self,
        request: Request,
        status: int,
        *,
        tag: str,
        sdp: bytes = b"",
        seen_from: str = "",
        challenge: str = "",
        contact: str = "",
        headers: HeaderList = (),
    ) -> None:
        """Respond to a request of the box; `seen_from` goes into its Via, as NATs make it."""
        host, port = self.address
        lines = [("Contact", contact or f"<sip:gw@{bracketed(host)}:{port}>"), *headers]
        if challenge:
            lines.append(("WWW-Authenticate", challenge))
        response = response_to(request, status, to_tag=tag, headers=lines, sdp=sdp)
        if seen_from:
            response.headers.set("Via", f"{response.values('Via')[0]};received={seen_from}")
        self.send(response.pack(), self._peer)
