"""A stretch of network between the box and a carrier that loses chosen SIP messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from movoice_box.sip.transport import Address


class _End(asyncio.DatagramProtocol):
    """One of the two sockets; what it receives leaves by the other one."""

    def __init__(self, losses: dict[bytes, int]) -> None:
        self.peer: Address | None = None
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
        self.other.transport.sendto(data, self.other.peer)


@asynccontextmanager
async def lossy_path(port: int, carrier: Address, losses: dict[str, int]) -> AsyncIterator[Address]:
    """Relay between 127.0.0.1:`port` and the carrier.

    `losses` says how many messages that start with these words are lost: `{"ACK": 1}`.
    """
    left = {start.encode(): count for start, count in losses.items()}
    loop = asyncio.get_running_loop()
    front, back = _End(left), _End(left)
    front.other, back.other, back.peer = back, front, carrier
    await loop.create_datagram_endpoint(lambda: front, local_addr=("127.0.0.1", port))
    await loop.create_datagram_endpoint(lambda: back, local_addr=("127.0.0.1", 0))
    try:
        yield "127.0.0.1", port
    finally:
        front.transport.close()
        back.transport.close()
        assert not any(left.values()), f"never sent, so never lost: {left}"
