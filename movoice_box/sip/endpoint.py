"""The box's SIP address: one port of UDP and TCP that all native trunks share.

It is a service: `run()` binds the socket and serves until cancelled; `ready()` returns once it is
bound. `async with endpoint:` does the same for a block.
"""

import asyncio
import random
import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Protocol, Self

from sipmessage import URI

from movoice_box.clock import Clock
from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.answers import (
    answer_options,
    refuse_content,
    refuse_extension,
    refuse_method,
)
from movoice_box.sip.exchange import IncomingRequest, OutgoingRequest, ResponseHandler
from movoice_box.sip.flows import FlowPool
from movoice_box.sip.headers import DEFAULT_PORT
from movoice_box.sip.locate import Locator
from movoice_box.sip.malformed import refusal_of
from movoice_box.sip.merged import SeenInvites
from movoice_box.sip.messages import Request, Response
from movoice_box.sip.stream import RFC_FLOW_TIMES, FlowTimes
from movoice_box.sip.timers import RFC_TIMERS, Failure, TimerValues
from movoice_box.sip.transaction_layer import TransactionLayer
from movoice_box.sip.transport import (
    ANYWHERE,
    Address,
    Destination,
    WireTap,
    is_ip,
    local_address_towards,
)

_OUTSIDE = "192.0.2.1"  # TEST-NET (RFC 5737): routed, never contacted
_PORTS_TRIED = 8


class DialogUser(Protocol):
    """One call, as the endpoint knows it."""

    def on_request(self, incoming: IncomingRequest) -> None: ...

    def on_closed(self) -> None: ...


class TrunkLine(Protocol):
    """An account on the wire, as the endpoint knows it (`Line`)."""

    user: str
    """Our user part in the Contact of this line."""
    on_invite: Callable[[IncomingRequest], None] | None
    """Takes the calls that come in by this line; without one they are refused with 486."""

    @property
    def kept_alive(self) -> Destination | None:
        """Where calls to us come from by a path through NATs that must stay open."""
        ...

    def is_at(self, address: str, port: int | None = None) -> bool:
        """Whether the trunk's host was found at this literal address."""
        ...

    def on_lost(self, destination: Destination) -> None:
        """A connection ended, of this line or of another."""
        ...


class SipEndpoint:
    """Dispatches requests to dialogs by Call-ID and tag, and answers or drops all others.

    Requests from addresses that belong to no trunk and no dialog are dropped and counted.
    """

    def __init__(
        self,
        listen: Address,
        clock: Clock,
        timers: TimerValues = RFC_TIMERS,
        *,
        flow_times: FlowTimes = RFC_FLOW_TIMES,
        locator: Locator | None = None,
    ) -> None:
        """`locator` finds hosts, by default as the system does."""
        self.locator = locator or Locator(clock)
        self.seen_invites = SeenInvites(timers.timeout)
        self._listen = listen
        self._timers = timers
        self._flow_times = flow_times
        self._strangers = 0
        self._layer: TransactionLayer | None = None
        self._ready = asyncio.Event()
        self._lines: list[TrunkLine] = []
        self._tap: WireTap | None = None
        self._dialogs: dict[tuple[str, str], DialogUser] = {}
        self._next_keep_alive: asyncio.TimerHandle

    async def run(self) -> None:
        """Serve until cancelled. Raises `TrunkError` where the address is taken."""
        async with self:
            await asyncio.Event().wait()

    async def ready(self) -> None:
        await self._ready.wait()

    async def __aenter__(self) -> Self:
        for tries_left in reversed(range(_PORTS_TRIED)):
            layer = TransactionLayer(self._listen, self, self._timers)
            layer.flows = FlowPool(layer, layer.address, self._is_known, self._flow_times)
            try:
                await layer.flows.listen()
                break
            except TrunkError:
                layer.close()
                if self._listen[1] or not tries_left:  # a free port of UDP may be taken on TCP
                    raise
        layer.tap, layer.on_lost = self._tap, self._on_flow_lost
        layer.on_malformed = self._on_malformed
        self._layer = layer
        self._keep_alive()
        self._ready.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        for dialog in [*self._dialogs.values()]:
            dialog.on_closed()
        self._ready.clear()
        self._next_keep_alive.cancel()
        layer, flows = self._bound, self._bound.flows
        layer.close()
        if flows:
            await flows.close()
        self._layer = None

    @property
    def address(self) -> Address:
        """Where the socket is bound. Raises `TrunkError` before the endpoint runs."""
        return self._bound.address

    @property
    def timers(self) -> TimerValues:
        return self._timers

    @property
    def strangers(self) -> int:
        """Requests and connections dropped, because nobody here knows their sender."""
        flows = self._layer.flows if self._layer else None
        return self._strangers + (flows.strangers if flows else 0)

    @property
    def malformed(self) -> int:
        """Messages that could not be read."""
        return self._layer.malformed if self._layer else 0

    @property
    def tap(self) -> WireTap | None:
        """Sees every message while it is set."""
        return self._tap

    @tap.setter
    def tap(self, tap: WireTap | None) -> None:
        self._tap = tap
        if self._layer:
            self._layer.tap = tap

    @property
    def live_dialogs(self) -> int:
        return len(self._dialogs)

    @property
    def live_transactions(self) -> int:
        return self._layer.live_transactions if self._layer else 0

    def send(
        self, request: Request, destination: Destination, handler: ResponseHandler
    ) -> OutgoingRequest:
        return self._bound.send(request, destination, handler)

    def transmit(self, data: bytes, destination: Destination) -> None:
        if self._layer:  # an ACK may be due while the endpoint closes
            self._layer.transmit(data, destination)

    def guard(self, handle: Callable[[], object]) -> None:
        self._bound.guard(handle)

    async def ask(self, request: Request, destination: Destination) -> Response | Failure:
        """Send a request and wait for its final response, 64*T1 at most."""
        reply = _Reply(asyncio.get_running_loop().create_future())
        self.send(request, destination, reply)
        return await reply.outcome

    async def locate(
        self, host: str, port: int | None, transport: Transport
    ) -> tuple[Address, ...]:
        """The addresses of a host that this box can reach, in order. Raises `TrunkError`."""
        bound = self.address[0]
        if bound == "::":
            family = socket.AF_UNSPEC
        else:
            family = socket.AF_INET6 if ":" in bound else socket.AF_INET
        return await self.locator.locate(host, port, transport, family)

    async def connect(self, destination: Destination) -> None:
        """Wait for a TCP or TLS connection; UDP needs none.

        Raises `TrunkError` that says why there is none.
        """
        if destination.transport is not Transport.UDP and (flows := self._bound.flows):
            await flows.connect(destination)

    def own_end(self, destination: Destination) -> Address | None:
        """Our end of the connection to `destination`, None where there is none."""
        flows = self._bound.flows
        return flows.local_address(destination) if flows else None

    def local_address(self, towards: str | None) -> str:
        """Our address towards a literal address, or towards the default route.

        Raises `TrunkError` where there is no route.
        """
        bound, _ = self.address
        if bound not in ANYWHERE:
            return bound
        if towards is None or (":" in towards and ":" not in bound):
            towards = _OUTSIDE
        return local_address_towards((towards, DEFAULT_PORT))

    def route(self, uri: URI, fallback: Destination) -> Destination:
        """Where a request inside a dialog goes; host names go to `fallback`, where we heard it.

        It stays with the transport of the dialog; a connection serves as long as there is one
        (RFC 5923), and TLS always goes where the certificate was checked. A private address, named
        by a host that is heard from the internet, is behind its NAT: nothing would arrive there.
        """
        host, bound = uri.host.strip("[]"), self.address[0]
        if fallback.transport is not Transport.UDP or not is_ip(host):
            return fallback
        if bound != "::" and (":" in host) != (":" in bound):
            return fallback
        if not ip_address(host).is_global and ip_address(fallback.address).is_global:
            return fallback
        return Destination(host, uri.port or DEFAULT_PORT)

    def enter(self, call_id: str, tag: str, dialog: DialogUser) -> None:
        """Hand requests inside this dialog to `dialog` until `leave`."""
        self._dialogs[call_id, tag] = dialog

    def leave(self, call_id: str, tag: str) -> None:
        self._dialogs.pop((call_id, tag), None)

    def on_request(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        if dialog := self._dialogs.get((request.call_id, request.to_tag)):
            dialog.on_request(incoming)
        elif not self._is_known(incoming.source.address):
            self._strangers += 1
            incoming.drop()
        elif request.to_tag or request.method in ("BYE", "CANCEL"):
            incoming.reply(481)
        elif refuse_extension(incoming):
            pass
        elif request.method == "OPTIONS":
            answer_options(incoming)
        elif request.method == "INVITE":
            if not refuse_content(incoming):
                self._ring(incoming)
        else:
            refuse_method(incoming)

    def enlist(self, line: TrunkLine) -> None:
        """Let requests in that come from this line's addresses, until `strike`."""
        if line not in self._lines:
            self._lines.append(line)

    def strike(self, line: TrunkLine) -> None:
        if line in self._lines:
            self._lines.remove(line)

    def lines_of(self, source: Destination) -> tuple[TrunkLine, ...]:
        """The lines whose trunk is at this address; those at this very port come first."""
        lines = (line for line in self._lines if line.is_at(source.address))
        return tuple(sorted(lines, key=lambda line: not line.is_at(source.address, source.port)))

    def _ring(self, invite: IncomingRequest) -> None:
        """Give a call that comes in to its line: the one whose Contact was called, or the first."""
        lines = self.lines_of(invite.source)
        called = invite.request.uri.user
        line = next((line for line in lines if line.user == called), lines[0])
        if line.on_invite:
            line.on_invite(invite)
        else:
            invite.reply(486)  # nobody takes calls here

    def _is_known(self, address: str) -> bool:
        return any(line.is_at(address) for line in self._lines)

    def _on_malformed(self, data: bytes, source: Destination, reason: str) -> None:
        """Tell a trunk what cannot be read of its request; nobody else."""
        if self._is_known(source.address) and (refusal := refusal_of(data, reason)):
            self.transmit(refusal, source)

    def _on_flow_lost(self, destination: Destination) -> None:
        if self._layer is None:  # the connection outlived the endpoint
            return
        for line in self._lines:
            self.guard(partial(line.on_lost, destination))

    def _keep_alive(self) -> None:
        """Now and then, keep paths through NATs open and connections from going stale."""
        loop, layer = asyncio.get_running_loop(), self._bound
        self._next_keep_alive = loop.call_later(
            random.uniform(*self._flow_times.keep_alive_s),  # noqa: S311 (not a secret)
            self._keep_alive,
        )
        if layer.flows:
            layer.flows.keep_alive()
        for destination in {line.kept_alive for line in self._lines} - {None}:
            if destination and destination.transport is Transport.UDP:
                layer.keep_alive(destination)

    @property
    def _bound(self) -> TransactionLayer:
        if self._layer is None:
            raise TrunkError("the SIP endpoint is not running")
        return self._layer


class _Reply:
    """The final response to one request, as a future."""

    def __init__(self, outcome: "asyncio.Future[Response | Failure]") -> None:
        self.outcome = outcome

    def on_response(self, response: Response, source: Destination) -> None:
        if response.status >= 200 and not self.outcome.done():
            self.outcome.set_result(response)

    def on_failure(self, failure: Failure) -> None:
        if not self.outcome.done():
            self.outcome.set_result(failure)
