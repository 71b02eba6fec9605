"""Every TCP and TLS connection of the endpoint: one a destination, used both ways (RFC 5923).

TLS connections are ours alone; TCP ones also come in, from the hosts of trunks only.
"""

import asyncio
import logging
import socket
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.stream import AcceptedFlow, Flow, FlowTimes, tune
from movoice_box.sip.tls import context_for, explain_failure
from movoice_box.sip.transport import ANYWHERE, Address, Destination, socket_for

logger = logging.getLogger(__name__)

_CLOSE_S = 1.0
_MOST_ACCEPTED = 64  # connections of one host
_MOST_RETURNS = 1024


class FlowUser(Protocol):
    """Who sends and receives over the connections."""

    def on_message(self, data: bytes, source: Destination) -> None: ...

    def on_flow_lost(self, destination: Destination, opened_at: float) -> None:
        """The connection there has ended; one that was given up was opened in infinity."""
        ...


class FlowPool:
    """Opens connections as they are needed and accepts those of known hosts."""

    def __init__(
        self, user: FlowUser, bound: Address, is_known: Callable[[str], bool], times: FlowTimes
    ) -> None:
        self.strangers = 0
        """Connections closed at once, because nobody here knows the host."""
        self._user = user
        self._bound = bound
        self._is_known = is_known
        self._times = times
        self._loop = asyncio.get_running_loop()
        self._flows: dict[Destination, Flow] = {}
        self._accepted: dict[Destination, Flow] = {}
        self._returns: OrderedDict[Destination, Destination] = OrderedDict()
        self._openings: set[asyncio.Task[str | None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Accept TCP where UDP is bound too. Raises `TrunkError`."""
        sock = socket_for(self._bound, socket.SOCK_STREAM)
        sock.listen()
        self._server = await self._loop.create_server(
            lambda: AcceptedFlow(self, self._times), sock=sock
        )

    async def connect(self, destination: Destination) -> None:
        """Wait until there is a connection. Raises `TrunkError` that says why there is none."""
        flow = self._flow_to(destination)
        if flow.opening and (trouble := await asyncio.shield(flow.opening)):
            raise TrunkError(trouble)

    def send(self, data: bytes, destination: Destination) -> None:
        """Send over the connection there, which is made first where there is none."""
        self._flow_to(destination).send(data)

    def local_address(self, destination: Destination) -> Address | None:
        """Our end of the connection there; None where there is none."""
        flow = self._flows.get(destination)
        return flow.local if flow else None

    def expect_at(self, source: Destination, port: int) -> None:
        """The host behind an accepted connection says that it listens at `port` (its Via).

        What goes there takes this connection while it lasts; what goes to this connection takes
        that port once it is gone (RFC 3261 18.2.2).
        """
        if (flow := self._accepted.get(source)) is None:
            return
        listening = Destination(source.address, port, Transport.TCP)
        earlier = self._returns.get(source)
        if earlier not in (None, listening) and self._flows.get(earlier) is flow:
            del self._flows[earlier]  # one name is enough: the host must not fill our memory
        self._returns[source] = listening
        self._returns.move_to_end(source)
        while len(self._returns) > _MOST_RETURNS:
            self._returns.popitem(last=False)
        self._flows.setdefault(listening, flow)

    def distrust(self, destination: Destination, since: float) -> None:
        """A request was not answered: where nothing was heard since, use a new connection."""
        flow = self._flows.get(destination)
        if flow and flow.heard_at < since:
            logger.warning(
                "SIP connection to %s was closed: nothing is answered there", destination
            )
            flow.abort()

    def keep_alive(self) -> None:
        """Ping every connection; close those whose trunk is gone."""
        for flow in {*self._flows.values()}:
            if self._is_known(flow.destination.address):
                flow.ping()
            else:
                flow.close()

    async def close(self) -> None:
        """Close all: what was sent still leaves, for a second at most."""
        if self._server:
            self._server.close()
        for opening in self._openings:
            opening.cancel()
        if self._openings:
            await asyncio.wait(self._openings)
        for flow in {*self._flows.values()}:
            flow.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                while self._flows:  # noqa: ASYNC110 (at most a second, at the end)
                    await asyncio.sleep(0.01)
        for flow in {*self._flows.values()}:
            flow.abort()

    def admits(self, flow: Flow) -> bool:
        peer = flow.destination
        siblings = sum(found.address == peer.address for found in self._accepted)
        if not self._is_known(peer.address) or siblings >= _MOST_ACCEPTED:
            self.strangers += 1
            return False
        self._flows[peer] = self._accepted[peer] = flow
        return True

    def on_message(self, flow: Flow, data: bytes) -> None:
        self._user.on_message(data, flow.destination)

    def on_hostile(self, flow: Flow, reason: str) -> None:
        logger.warning("SIP connection to %s was closed: %s", flow.destination, reason)

    def on_lost(self, flow: Flow) -> None:
        self._accepted.pop(flow.destination, None)
        for destination in [key for key, found in self._flows.items() if found is flow]:
            del self._flows[destination]
            self._user.on_flow_lost(destination, flow.opened_at)

    def _flow_to(self, destination: Destination) -> Flow:
        if flow := self._flows.get(destination):
            return flow
        if listening := self._returns.get(destination):
            return self._flow_to(listening)
        flow = Flow(self, self._times, destination)
        self._flows[destination] = flow
        flow.opening = self._loop.create_task(self._open(flow), name=f"connection to {destination}")
        self._openings.add(flow.opening)
        flow.opening.add_done_callback(self._openings.discard)
        return flow

    async def _open(self, flow: Flow) -> str | None:
        """Why there is no connection, None where there is one."""
        destination, limit_s = flow.destination, self._times.connect_s
        try:
            async with asyncio.timeout(limit_s):
                await self._make(flow)
        except TrunkError as error:
            trouble = error.message
        except OSError as error:  # so are TimeoutError and all errors of ssl
            trouble = explain_failure(error, destination, limit_s)
        except asyncio.CancelledError:  # by `close`: this task ends, and those who wait are told
            trouble = "the SIP endpoint was closed"
        else:
            return None
        logger.warning("no SIP connection: %s", trouble)
        flow.abort()
        return trouble

    async def _make(self, flow: Flow) -> None:
        destination = flow.destination
        tls = destination.tls
        context = await asyncio.to_thread(context_for, tls.ca) if tls else None
        sock = self._outgoing(destination)
        try:
            await self._loop.sock_connect(sock, destination.socket_address)
        except BaseException:
            sock.close()
            raise
        await self._loop.create_connection(  # owns the socket from here on
            lambda: flow,
            sock=sock,
            ssl=context,
            server_hostname=tls.server_name if tls else None,
            ssl_shutdown_timeout=_CLOSE_S if tls else None,
        )

    def _outgoing(self, destination: Destination) -> socket.socket:
        """A socket that leaves from the address that SIP listens on, where that is one."""
        is_v6 = ":" in destination.address
        sock = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            tune(sock)
            if self._bound[0] not in ANYWHERE:
                sock.bind((self._bound[0], 0))
        except OSError:
            sock.close()
            raise
        return sock
