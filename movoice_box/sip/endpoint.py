"""The box's SIP address: one UDP socket that all native trunks share.

It is a service: `run()` binds the socket and serves until cancelled; `ready()` returns once it is
bound. `async with endpoint:` does the same for a block.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from typing import Protocol, Self

from sipmessage import URI

from movoice_box.clock import Clock
from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.answers import answer_options, refuse_extension, refuse_method
from movoice_box.sip.exchange import IncomingRequest, OutgoingRequest, ResponseHandler
from movoice_box.sip.headers import DEFAULT_PORT
from movoice_box.sip.messages import Request, Response
from movoice_box.sip.timers import RFC_TIMERS, Failure, TimerValues
from movoice_box.sip.transaction_layer import TransactionLayer
from movoice_box.sip.transport import (
    Address,
    Destination,
    WireTap,
    local_address_towards,
    resolve,
)

logger = logging.getLogger(__name__)

_RESOLVE_S = 5.0
_RESOLVED_FOR_S = 60.0
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)
_OUTSIDE = ("192.0.2.1", "2001:db8::1")  # TEST-NET (RFC 5737, RFC 3849): routed, never contacted


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

    def is_at(self, address: str) -> bool:
        """Whether the trunk's host was found at this literal address."""
        ...


class SipEndpoint:
    """Dispatches requests to dialogs by Call-ID and tag, and answers or drops all others.

    Requests from addresses that belong to no trunk and no dialog are dropped and counted.
    """

    def __init__(self, listen: Address, clock: Clock, timers: TimerValues = RFC_TIMERS) -> None:
        self.strangers = 0
        """Requests dropped since the start, because nobody here knows their sender."""
        self._listen = listen
        self._clock = clock
        self._timers = timers
        self._layer: TransactionLayer | None = None
        self._ready = asyncio.Event()
        self._lines: list[TrunkLine] = []
        self._tap: WireTap | None = None
        self._dialogs: dict[tuple[str, str], DialogUser] = {}
        self._known_hosts: set[str] = set()
        self._resolved: dict[tuple[str, int], tuple[Address, float]] = {}

    async def run(self) -> None:
        """Serve until cancelled. Raises `TrunkError` where the address is taken."""
        async with self:
            await asyncio.Event().wait()

    async def ready(self) -> None:
        await self._ready.wait()

    async def __aenter__(self) -> Self:
        self._layer = TransactionLayer(self._listen, self, self._timers)
        self._layer.tap = self._tap
        self._ready.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        for dialog in [*self._dialogs.values()]:
            dialog.on_closed()
        self._ready.clear()
        self._bound.close()
        self._layer = None

    @property
    def address(self) -> Address:
        """Where the socket is bound. Raises `TrunkError` before the endpoint runs."""
        return self._bound.address

    @property
    def timers(self) -> TimerValues:
        return self._timers

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

    async def find(self, host: str, port: int) -> Address:
        """The address of a trunk's host, whose requests are no strangers' from then on.

        Kept for a minute, and longer while DNS does not answer. Raises `TrunkError`.
        """
        found, until = self._resolved.get((host, port), (None, 0.0))
        if found and self._clock.monotonic() < until:
            return found
        try:
            address = await resolve(host, port, self._bound.family, _RESOLVE_S)
        except TrunkError as error:
            if found is None:
                raise
            logger.warning("kept the old address of a trunk's host: %s", error)
            address = found
        self._resolved[host, port] = address, self._clock.monotonic() + _RESOLVED_FOR_S
        self._known_hosts.add(address[0])
        return address

    def local_address(self, host: str, port: int) -> str:
        """Our address towards `host`, or towards the default route while it is not resolved.

        Raises `TrunkError` where there is no route.
        """
        bound, _ = self.address
        if bound not in _ANYWHERE:
            return bound
        found, _ = self._resolved.get((host, port), (None, 0.0))
        is_v6 = ":" in bound
        literal = host if _is_ip(host, 6 if is_v6 else 4) else _OUTSIDE[is_v6]
        return local_address_towards(found or (literal, port), self._bound.family)

    def route(self, uri: URI, fallback: Destination) -> Destination:
        """Where a request inside a dialog goes; host names go to `fallback`, where we heard it."""
        host = uri.host.strip("[]")
        if fallback.transport is Transport.UDP and _is_ip(host, 6 if ":" in self.address[0] else 4):
            return Destination(host, uri.port or DEFAULT_PORT)
        return fallback

    def enter(self, call_id: str, tag: str, dialog: DialogUser) -> None:
        """Hand requests inside this dialog to `dialog` until `leave`."""
        self._dialogs[call_id, tag] = dialog

    def leave(self, call_id: str, tag: str) -> None:
        self._dialogs.pop((call_id, tag), None)

    def on_request(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        if dialog := self._dialogs.get((request.call_id, request.to_tag)):
            dialog.on_request(incoming)
        elif incoming.source.address not in self._known_hosts and not self.lines_of(
            incoming.source
        ):
            self.strangers += 1
            incoming.drop()
        elif request.to_tag or request.method in ("BYE", "CANCEL"):
            incoming.reply(481)
        elif refuse_extension(incoming):
            pass
        elif request.method == "OPTIONS":
            answer_options(incoming)
        elif request.method == "INVITE":
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
        """The lines whose trunk is at this address."""
        return tuple(line for line in self._lines if line.is_at(source.address))

    def _ring(self, invite: IncomingRequest) -> None:
        """Give a call that comes in to its line: the one whose Contact was called, or the first."""
        lines = self.lines_of(invite.source)
        called = invite.request.uri.user
        line = next((line for line in lines if line.user == called), lines[0] if lines else None)
        if line and line.on_invite:
            line.on_invite(invite)
        else:
            invite.reply(486)  # nobody takes calls here

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


def _is_ip(host: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(host).version == version
    except ValueError:
        return False
