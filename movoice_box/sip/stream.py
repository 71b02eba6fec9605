"""One TCP or TLS connection of SIP: framing, keep-alive, and what it can no longer be trusted with.

A connection that stands still is noticed by the kernel where our bytes are not acknowledged
(TCP_USER_TIMEOUT), and by a missing pong where the far end has ever answered a ping.
"""

import asyncio
import math
import socket
from dataclasses import dataclass
from typing import Protocol, cast

from movoice_box.domain.trunk import Transport
from movoice_box.errors import SipError
from movoice_box.sip.framing import Framer, KeepAlive
from movoice_box.sip.transport import Address, Destination, unmapped

_MOST_UNSENT_BYTES = 1024 * 1024
_UNACKNOWLEDGED_MS = 20_000
_PROBES = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 4}


@dataclass(frozen=True, slots=True)
class FlowTimes:
    """In seconds. `connect_s` is for TCP and TLS together, `message_s` for a message once begun.

    Pings go out between the two `keep_alive_s`: NATs forget UDP after 30 s of silence. A pong must
    come within `pong_s` (RFC 5626 4.4.1).
    """

    connect_s: float = 5.0
    message_s: float = 32.0
    keep_alive_s: tuple[float, float] = (25.0, 30.0)
    pong_s: float = 10.0


RFC_FLOW_TIMES = FlowTimes()


class FlowOwner(Protocol):
    """Who holds the connections of an endpoint."""

    def admits(self, flow: "Flow") -> bool:
        """Whether a connection that came in may stay."""
        ...

    def on_message(self, flow: "Flow", data: bytes) -> None: ...

    def on_hostile(self, flow: "Flow", reason: str) -> None:
        """The bytes that came could not be followed; the connection is being closed."""
        ...

    def on_lost(self, flow: "Flow") -> None: ...


class Flow(asyncio.Protocol):
    """A connection, also while it is being made: what is sent meanwhile waits in it."""

    def __init__(self, owner: FlowOwner, times: FlowTimes, destination: Destination) -> None:
        self.destination = destination
        self.local: Address | None = None
        """Our end of it, None until it is open."""
        self.opening: asyncio.Task[str | None] | None = None
        """Makes the connection; its result says why there is none. None of one that came in."""
        self.is_closed = False
        self.opened_at = math.inf
        self.heard_at = 0.0
        """When it was made and when bytes came last, by the loop's clock."""
        self._owner = owner
        self._times = times
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting = bytearray()
        self._framer = Framer()
        self._answers_pings = False
        self._pong: asyncio.TimerHandle | None = None
        self._whole: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self.is_closed

    def send(self, data: bytes) -> None:
        """Hand bytes to the kernel; a peer that takes none loses the connection."""
        if self._transport is None:
            self._waiting += data
        elif not self._transport.is_closing():
            self._transport.write(data)
        unsent = self._transport.get_write_buffer_size() if self._transport else len(self._waiting)
        if unsent > _MOST_UNSENT_BYTES:
            self.abort()

    def ping(self) -> None:
        """Keep the path open; where pings were answered before, a pong must follow."""
        if self.is_open:
            self.send(KeepAlive.PING.value)
            if self._answers_pings and self._pong is None:
                self._pong = self._loop.call_later(self._times.pong_s, self.abort)

    def close(self) -> None:
        """Send what is waiting, then close."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Close at once: what was sent over it is not worth another try."""
        self.opened_at = math.inf
        if self._transport:
            self._transport.abort()
        else:
            self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.local = unmapped(transport.get_extra_info("sockname"))
        self.opened_at = self.heard_at = self._loop.time()
        if self.is_closed:  # given up meanwhile
            self._transport.abort()
            return
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if waiting:
            self.send(waiting)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        self._stop(self._pong)
        self._pong = None
        try:
            frames = self._framer.feed(data)
        except SipError as error:
            self._owner.on_hostile(self, error.message)
            self.abort()
            return
        for frame in frames:
            match frame:
                case KeepAlive.PING:
                    self.send(KeepAlive.PONG.value)
                case KeepAlive.PONG:
                    self._answers_pings = True
                case _:
                    self._owner.on_message(self, frame)
        self._watch_message(has_progressed=bool(frames))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._stop(self._pong)
        self._stop(self._whole)
        self._owner.on_lost(self)

    def _watch_message(self, *, has_progressed: bool) -> None:
        """A message that drips in slowly must not hold the connection for ever."""
        if has_progressed or not self._framer.is_inside:
            self._stop(self._whole)
            self._whole = None
        if self._framer.is_inside and self._whole is None:
            self._whole = self._loop.call_later(self._times.message_s, self._on_never_whole)

    def _on_never_whole(self) -> None:
        self._owner.on_hostile(self, f"a message was not whole after {self._times.message_s:g} s")
        self.abort()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer:
            timer.cancel()


class AcceptedFlow(Flow):
    """A TCP connection that came in; its destination is where it came from."""

    def __init__(self, owner: FlowOwner, times: FlowTimes) -> None:
        super().__init__(owner, times, Destination("", 0, Transport.TCP))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = unmapped(transport.get_extra_info("peername") or ("", 0))
        self.destination = Destination(*peer, Transport.TCP)
        super().connection_made(transport)
        if self._owner.admits(self):
            tune(transport.get_extra_info("socket"))
        else:
            self.abort()


def tune(sock: socket.socket) -> None:
    """Let the kernel find out in about 20 s that the other side is gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _PROBES.items():
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
