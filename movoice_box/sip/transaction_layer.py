"""Every transaction of one socket: matching, and nothing of what they mean (RFC 3261 17).

Requests go out through `send` and come in through `RequestHandler`. Whoever uses the layer never
sees a retransmission, except that a repeated 2xx is delivered again so that its ACK can be.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

from movoice_box.domain.trunk import Transport
from movoice_box.errors import SipError
from movoice_box.sip.exchange import (
    AcceptedKey,
    ClientKey,
    IncomingRequest,
    OutgoingRequest,
    ResponseHandler,
    ServerKey,
    server_key,
)
from movoice_box.sip.flows import FlowPool
from movoice_box.sip.framing import KeepAlive
from movoice_box.sip.messages import Request, Response, parse, readable, stamp_via
from movoice_box.sip.timers import RFC_TIMERS, TimerValues
from movoice_box.sip.transport import (
    ANYWHERE,
    Address,
    Destination,
    UdpSocket,
    WireTap,
    local_address_towards,
)

logger = logging.getLogger(__name__)

_MOST_SERVERS = 1_024  # a request is remembered for 32 s (64*T1): that is 32 a second, or so


class RequestHandler(Protocol):
    """Who answers requests. ACK and CANCEL reach the `IncomingRequest` they belong to."""

    def on_request(self, incoming: "IncomingRequest") -> None: ...


class TransactionLayer:
    """Every transaction of one UDP socket, client and server side."""

    def __init__(
        self, listen: Address, handler: RequestHandler, timers: TimerValues = RFC_TIMERS
    ) -> None:
        """Bind the socket on the running loop. Raises `TrunkError`."""
        self.timers = timers
        self.malformed = 0
        """Messages that could not be read."""
        self.tap: WireTap | None = None
        self.on_lost: Callable[[Destination], None] | None = None
        """Hears of each TCP or TLS connection that ended or could not be made."""
        self.on_malformed: Callable[[bytes, Destination, str], None] | None = None
        """Hears of each message that cannot be read, with the reason."""
        self._handler = handler
        self._clients: dict[ClientKey, OutgoingRequest] = {}
        self._servers: dict[ServerKey, IncomingRequest] = {}
        self._accepted: dict[AcceptedKey, IncomingRequest] = {}
        self._loop = asyncio.get_running_loop()
        self._socket = UdpSocket(listen, self)
        self.address = self._socket.address
        self.flows: FlowPool | None = None
        """TCP and TLS, where this layer has them."""

    def close(self) -> None:
        """Close the socket; who waits for a response is told that none will come."""
        self._socket.close()
        self.flows = None
        for outgoing in [*self._clients.values()]:
            outgoing.close()
            self.guard(outgoing.fail)
        for incoming in self._servers.values():
            incoming.close()

    @property
    def live_transactions(self) -> int:
        return len(self._clients) + len(self._servers)

    def send(
        self, request: Request, destination: Destination, handler: ResponseHandler
    ) -> OutgoingRequest:
        """Send a request in a new client transaction; its Via brings the branch."""
        outgoing = OutgoingRequest(self, request, destination, handler)
        self._clients[outgoing.key] = outgoing
        outgoing.start()
        return outgoing

    def transmit(self, data: bytes, destination: Destination) -> None:
        """Send bytes outside any transaction: the ACK of a 2xx."""
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("SIP to %s:\n%s", destination, readable(data))
        if self.tap:
            self.tap.on_sip(data, self._own_end(destination), destination.socket_address)
        if destination.transport is Transport.UDP:
            self._socket.send(data, destination.socket_address)
        elif self.flows:
            self.flows.send(data, destination)

    def keep_alive(self, destination: Destination) -> None:
        """Keep the path of UDP to `destination` open in NATs and firewalls on it."""
        self._socket.send(KeepAlive.PING.value, destination.socket_address)

    def on_datagram(self, data: bytes, source: Address) -> None:
        if data.strip(b"\r\n\0 "):  # else a keep-alive (RFC 5626 3.5.1)
            self.on_message(data, Destination(*source))

    def on_message(self, data: bytes, source: Destination) -> None:
        """One whole message, by any transport."""
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("SIP from %s:\n%s", source, readable(data))
        if self.tap:
            self.tap.on_sip(data, source.socket_address, self._own_end(source))
        self.guard(lambda: self._receive(data, source))

    def on_unreachable(self, address: Address) -> None:
        self._fail_waiting(Destination(*address))

    def on_flow_lost(self, destination: Destination, opened_at: float) -> None:
        self._fail_waiting(destination, opened_at)
        if self.on_lost:
            self.on_lost(destination)

    def now(self) -> float:
        return self._loop.time()

    def distrust(self, destination: Destination, since: float) -> None:
        if self.flows and destination.transport is not Transport.UDP:
            self.flows.distrust(destination, since)

    def _own_end(self, peer: Destination) -> Address:
        """Our address and port towards `peer`, as a capture shows them."""
        if peer.transport is not Transport.UDP and self.flows:
            return self.flows.local_address(peer) or self.address
        host, port = self.address
        return (local_address_towards(peer.socket_address) if host in ANYWHERE else host), port

    def _fail_waiting(self, destination: Destination, opened_at: float = math.inf) -> None:
        for outgoing in [*self._clients.values()]:
            if outgoing.destination == destination and outgoing.is_waiting:
                self.guard(partial(outgoing.on_unreachable, opened_at))

    def guard(self, handle: Callable[[], object]) -> None:
        """Run a callback of the loop: a fault in one call must not reach its neighbours."""
        try:
            handle()
        except Exception:
            logger.exception("SIP event was not handled")

    def expect_ack(self, incoming: IncomingRequest) -> None:
        self._accepted[incoming.accepted_key] = incoming

    def forget_client(self, outgoing: OutgoingRequest) -> None:
        self._clients.pop(outgoing.key, None)

    def forget_server(self, incoming: IncomingRequest) -> None:
        self._servers.pop(incoming.key, None)
        if self._accepted.get(incoming.accepted_key) is incoming:  # a CANCEL has the same key
            del self._accepted[incoming.accepted_key]

    def _receive(self, data: bytes, source: Destination) -> None:
        try:
            message = parse(data)
        except SipError as error:
            self.malformed += 1
            logger.debug("SIP from %s cannot be read: %s", source, error)
            if self.on_malformed:
                self.on_malformed(data, source, error.message)
            return
        if isinstance(message, Response):
            if outgoing := self._clients.get((message.via.branch, message.cseq.method)):
                outgoing.on_response(message, source)
            return
        if self.flows and source.transport is Transport.TCP:
            self.flows.expect_at(source, message.via.sent_by[1])
        stamp_via(message, source.socket_address)
        self._receive_request(message, source)

    def _receive_request(self, request: Request, source: Destination) -> None:
        known = self._servers.get(server_key(request))
        if request.method == "ACK":
            accepted = (request.call_id, request.from_tag, request.cseq.sequence)
            if found := known or self._accepted.get(accepted):
                found.on_ack(request)
        elif known:
            known.on_request_again()
        elif request.method == "CANCEL" and (
            invite := self._servers.get(server_key(request, "INVITE"))
        ):
            self._cancel(self._serve(request, source), invite)
        elif self._make_room():
            incoming = self._serve(request, source)
            try:
                self._handler.on_request(incoming)
            except Exception:
                incoming.reply(500)
                raise

    def _make_room(self) -> bool:
        """Under a flood, forget the oldest request that is answered: a copy of it would be met as
        if it were new. False where all are at work; then this one is left to its sender's timers.
        """
        if len(self._servers) < _MOST_SERVERS:
            return True
        spent = next((one for one in self._servers.values() if one.is_spent), None)
        if spent:
            spent.drop()
        return spent is not None

    def _cancel(self, cancel: IncomingRequest, invite: IncomingRequest) -> None:
        cancel.tag = invite.tag
        cancel.reply(200)
        if not invite.is_answered and invite.observer:
            invite.observer.on_cancel()

    def _serve(self, request: Request, source: Destination) -> IncomingRequest:
        incoming = IncomingRequest(self, request, source)
        self._servers[incoming.key] = incoming
        return incoming
