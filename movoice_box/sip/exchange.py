"""One request in its transaction: what the machines decide, done with messages and loop timers."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from movoice_box.domain.trunk import Transport
from movoice_box.sip.messages import (
    MAX_FORWARDS,
    HeaderList,
    Request,
    Response,
    build_request,
    response_to,
)
from movoice_box.sip.server_transaction import (
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerTransaction,
    State,
)
from movoice_box.sip.timers import (
    Action,
    Deliver,
    Fail,
    Failure,
    Send,
    StartTimer,
    StopTimer,
    Terminate,
    TimerValues,
)
from movoice_box.sip.transaction import (
    ClientTransaction,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from movoice_box.sip.transport import Destination

ClientKey = tuple[str, str]
ServerKey = tuple[str, tuple[str, int], str, int, str]
AcceptedKey = tuple[str, str, int]


class ResponseHandler(Protocol):
    """Who sent a request and waits for its outcome."""

    def on_response(self, response: Response, source: Destination) -> None: ...

    def on_failure(self, failure: Failure) -> None:
        """No final response will come."""
        ...


class InviteObserver(Protocol):
    """Who answered an INVITE and wants to know what became of it."""

    def on_ack(self, ack: Request) -> None:
        """The 2xx arrived; the ACK may carry the answer to an offer of ours."""
        ...

    def on_cancel(self) -> None:
        """The caller gave up before our final response; answer with 487."""
        ...

    def on_ack_missing(self) -> None:
        """Our final response was repeated for 64*T1 and never acknowledged."""
        ...


class Wire(Protocol):
    """What a transaction needs of its layer."""

    @property
    def timers(self) -> TimerValues: ...

    def now(self) -> float:
        """Seconds of the loop's clock."""
        ...

    def transmit(self, data: bytes, destination: Destination) -> None: ...

    def distrust(self, destination: Destination, since: float) -> None:
        """Nothing answered there to what was sent at `since`."""
        ...

    def guard(self, handle: Callable[[], object]) -> None:
        """Run a callback of the loop; what it raises ends here."""
        ...

    def expect_ack(self, incoming: "IncomingRequest") -> None: ...

    def forget_client(self, outgoing: "OutgoingRequest") -> None: ...

    def forget_server(self, incoming: "IncomingRequest") -> None: ...


class LoopTimers:
    """Running timers by name; starting one again replaces it."""

    def __init__(self, fire: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._fire = fire
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def start(self, name: str, seconds: float) -> None:
        self.stop(name)
        self._handles[name] = self._loop.call_later(seconds, self._fire, name)

    def stop(self, name: str) -> None:
        if handle := self._handles.pop(name, None):
            handle.cancel()

    def stop_all(self) -> None:
        for name in list(self._handles):
            self.stop(name)

    def close(self) -> None:
        """Stop all and let go of the owner: of the two nothing is left to be found by the search
        for cycles, which would find tens of thousands after a flood.
        """
        self.stop_all()
        self._fire = _fire_nothing


def _fire_nothing(name: str) -> None:
    """What has ended has no timers."""


class OutgoingRequest:
    """A request in its client transaction."""

    def __init__(
        self,
        wire: Wire,
        request: Request,
        destination: Destination,
        handler: ResponseHandler,
    ) -> None:
        is_invite = request.method == "INVITE"
        machine = InviteClientTransaction if is_invite else NonInviteClientTransaction
        self.request = request
        self.destination = destination
        self.key: ClientKey = (request.via.branch, request.method)
        self.is_waiting = True
        """No response at all has come yet, so that ICMP may still end it."""
        self.sent_at = wire.now()
        self._is_sent_again = False
        self._wire = wire
        self._machine: ClientTransaction = machine(
            wire.timers, is_reliable=_is_reliable(destination)
        )
        self._packed = request.pack()
        self._handler = handler
        self._timers = LoopTimers(self._on_timer)
        self._response: tuple[Response, Destination] | None = None

    def start(self) -> None:
        self._perform(self._machine.start())

    def stop_retransmission(self) -> None:
        if isinstance(self._machine, InviteClientTransaction):
            self._perform(self._machine.stop_retransmission())

    def abandon(self) -> None:
        if isinstance(self._machine, InviteClientTransaction):
            self._perform(self._machine.abandon())

    def on_response(self, response: Response, source: Destination) -> None:
        self.is_waiting = False
        self._response = response, source
        self._perform(self._machine.on_response(response.status))

    def fail(self) -> None:
        """The layer closes: no response will come."""
        self._handler.on_failure(Failure.UNREACHABLE)

    def on_unreachable(self, opened_at: float) -> None:
        """It may not have arrived. A connection older than the request may have been dead already
        when it was sent: it goes out once more, by a new one.
        """
        if opened_at < self.sent_at and not self._is_sent_again:
            self._is_sent_again = True
            self._wire.transmit(self._packed, self.destination)
        else:
            self._perform(self._machine.on_transport_error())

    def close(self) -> None:
        self._timers.close()

    def _on_timer(self, name: str) -> None:
        self._wire.guard(lambda: self._perform(self._machine.on_timer(name)))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(what="ACK") if self._response:
                    ack = ack_of_failure(self.request, self._response[0])
                    self._wire.transmit(ack.pack(), self.destination)
                case Send():
                    self._wire.transmit(self._packed, self.destination)
                case StartTimer(name, seconds):
                    self._timers.start(name, seconds)
                case StopTimer(name):
                    self._timers.stop(name)
                case Terminate():
                    self.close()
                    self._wire.forget_client(self)
                case Deliver() if self._response:
                    self._handler.on_response(*self._response)
                case Fail(failure):
                    if failure is Failure.TIMEOUT:
                        self._wire.distrust(self.destination, self.sent_at)
                    self._handler.on_failure(failure)


class IncomingRequest:
    """A request in its server transaction. `observer` hears of ACK and CANCEL of an INVITE."""

    def __init__(self, wire: Wire, request: Request, source: Destination) -> None:
        is_invite = request.method == "INVITE"
        self.request = request
        self.source = source
        self.key = server_key(request)
        self.tag = secrets.token_hex(8)
        """Our To tag in every response to it."""
        self.observer: InviteObserver | None = None
        self._wire = wire
        machine = InviteServerTransaction if is_invite else NonInviteServerTransaction
        self._machine: ServerTransaction = machine(wire.timers, is_reliable=_is_reliable(source))
        self._packed = b""
        self._respond_to = response_destination(request, source)
        self._timers = LoopTimers(self._on_timer)

    @property
    def is_answered(self) -> bool:
        """A final response was given."""
        return self._machine.is_final

    @property
    def is_spent(self) -> bool:
        """Nothing but copies of it, or the ACK of a refusal, can still come."""
        return self._machine.is_final and self._machine.state is not State.ACCEPTED

    @property
    def accepted_key(self) -> AcceptedKey:
        """What the ACK of our 2xx is known by: it comes with a branch of its own."""
        return self.request.call_id, self.request.from_tag, self.request.cseq.sequence

    def respond(self, response: Response) -> None:
        """Send a response; nothing happens after a final one."""
        if self._machine.is_final:
            return
        self._packed = response.pack()
        if self.request.method == "INVITE" and 200 <= response.status < 300:
            self._wire.expect_ack(self)
        self._perform(self._machine.respond(response.status))

    def reply(self, status: int, *, headers: HeaderList = (), sdp: bytes = b"") -> None:
        """Respond with a status, our To tag and more headers."""
        tag = "" if status == 100 else self.tag
        self.respond(response_to(self.request, status, to_tag=tag, headers=headers, sdp=sdp))

    def drop(self) -> None:
        """Leave the request unanswered and forget it."""
        self.close()
        self._wire.forget_server(self)

    def on_request_again(self) -> None:
        self._perform(self._machine.on_request_again())

    def on_ack(self, ack: Request) -> None:
        actions = self._machine.on_ack()
        self._perform(actions)
        if actions and self._machine.state is State.ACCEPTED and self.observer:
            self.observer.on_ack(ack)

    def close(self) -> None:
        self._timers.close()

    def _on_timer(self, name: str) -> None:
        self._wire.guard(lambda: self._perform(self._machine.on_timer(name)))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send():
                    self._wire.transmit(self._packed, self._respond_to)
                case StartTimer(name, seconds):
                    self._timers.start(name, seconds)
                case StopTimer(name):
                    self._timers.stop(name)
                case Terminate():
                    self.close()
                    self._wire.forget_server(self)
                case Fail() if self.observer:
                    self.observer.on_ack_missing()
                case _:
                    pass


def server_key(request: Request, method: str | None = None) -> ServerKey:
    """What copies of a request share (RFC 3261 17.2.3); an ACK is known by its INVITE.

    Call-ID and CSeq are in it for peers of RFC 2543, whose branches are not unique.
    """
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    via = request.via
    return via.branch, via.sent_by, request.call_id, request.cseq.sequence, method


def _is_reliable(destination: Destination) -> bool:
    return destination.transport is not Transport.UDP


def response_destination(request: Request, source: Destination) -> Destination:
    """Where responses go (RFC 3261 18.2.2, RFC 3581 section 4)."""
    if _is_reliable(source) or "rport" in request.via.parameters:
        return source
    return replace(source, port=request.via.sent_by[1])


def ack_of_failure(invite: Request, response: Response) -> Request:
    """The ACK of a final response of 300 and above: same branch, the peer's To (17.1.1.3)."""
    headers = [("Via", invite.values("Via")[0])]
    headers += [("Route", route) for route in invite.values("Route")]
    headers += [
        ("Max-Forwards", MAX_FORWARDS),
        ("From", invite.require("From")),
        ("To", response.require("To")),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.sequence} ACK"),
    ]
    return build_request("ACK", invite.uri, headers)
