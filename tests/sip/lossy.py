"""A stretch of network between the box and a carrier that loses chosen SIP messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from movoice_box.sip.transport import Address


class _End(asyncio.DatagramProtocol):
    """One of the two sockets; what it receives leaves by the other one."""

    def __init__(self, losses: dict[bytes, int], answers_options: bool) -> None:
        self._answers_options = answers_options
        self.peer: Address | None = None
        self.renamed = b"", b""
        self.other: _End
        self.transport: asyncio.DatagramTransport
        self._losses = losses

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, source: Address) -> None:
        self.peer = self.peer or source
        for start, left in self._losses.items():
            if data.startswith(start) and left:
                self._losses[start] = left - 1
                return
        if self._answers_options and data.startswith(b"OPTIONS "):
            return self.transport.sendto(_ok(data), source)
        self.other.transport.sendto(data.replace(*self.renamed), self.other.peer)


def _ok(options: bytes) -> bytes:
    copied = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")
    lines = [line for line in options.split(b"\r\n") if line.lower().startswith(copied)]
    return b"\r\n".join([b"SIP/2.0 200 OK", *lines, b"Content-Length: 0", b"", b""])


@asynccontextmanager
async def lossy_path(
    port: int,
    carrier: Address,
    losses: dict[str, int],
    *,
    answers_options: bool = False,
    renames_contact: bool = False,
) -> AsyncIterator[Address]:
    """Relay between 127.0.0.1:`port` and the carrier.

    `losses` says how many messages that start with these words are lost: `{"ACK": 1}`. Where it
    `answers_options`, the carrier sees none: SIPp would take each for a call. Where it
    `renames_contact`, what is said inside a call passes here too, though the carrier does not know.
    """
    left = {start.encode(): count for start, count in losses.items()}
    loop = asyncio.get_running_loop()
    front, back = _End(left, answers_options), _End(left, answers_options)
    front.other, back.other, back.peer = back, front, carrier
    if renames_contact:
        back.renamed = f":{carrier[1]}>\r\n".encode(), f":{port}>\r\n".encode()
    await loop.create_datagram_endpoint(lambda: front, local_addr=("127.0.0.1", port))
    await loop.create_datagram_endpoint(lambda: back, local_addr=("127.0.0.1", 0))
    try:
        yield "127.0.0.1", port
    finally:
        front.transport.close()
        back.transport.close()
        assert not any(left.values()), f"never sent, so never lost: {left}"
