"""One outgoing call on the wire: what `CallProgress` decides, done with SIP messages.

Its callees before the answer are `Forks`; what happens after it is `EstablishedCall`'s.
"""

from collections.abc import Callable

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaTarget
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import Transport
from movoice_box.errors import SdpError, TrunkError
from movoice_box.sip.answers import EXTENSIONS, answer_options, refuse_extension, refuse_method
from movoice_box.sip.call_progress import Action, CallProgress, Emit, State, Step
from movoice_box.sip.dialog import Caller, cancel_of
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.established_call import EstablishedCall
from movoice_box.sip.event_queue import EventQueue
from movoice_box.sip.exchange import IncomingRequest, LoopTimers, OutgoingRequest
from movoice_box.sip.forks import HUNG_UP, Fork, Forks
from movoice_box.sip.headers import NameAddr
from movoice_box.sip.line import Line
from movoice_box.sip.messages import HeaderList, Response
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.session_timer import SUPPORTED as TIMER_ALONE
from movoice_box.sip.session_timer import SessionTimer
from movoice_box.sip.targets import Targets
from movoice_box.sip.timers import Failure, StartTimer, StopTimer
from movoice_box.sip.transport import Destination
from movoice_box.sip.trunk import DialogEvent, Ended


class NativeDialog:
    """An outgoing call (the `Dialog` Protocol). Everything happens in callbacks of the endpoint.

    `targets` are the number called and the trunk's addresses, `headers` go into each INVITE. `note`
    hears each response to the INVITE and the end.
    """

    def __init__(
        self,
        line: Line,
        caller: Caller,
        targets: Targets,
        headers: HeaderList,
        negotiation: MediaNegotiation,
        note: Callable[[Response | Ended], None],
    ) -> None:
        account = line.account
        self._line = line
        self._endpoint = line.endpoint
        self._caller = caller
        self._targets = targets
        self._headers = headers
        self._negotiation = negotiation
        self._note = note
        self._authenticator = Authenticator(account.username, account.password)
        self._progress = CallProgress(
            peer=line.peer,
            ring_timeout_s=account.ring_timeout_s,
            transaction_timeout_s=line.endpoint.timers.timeout,
        )
        self._timers = LoopTimers(self._on_timer)
        self._tag = NameAddr.parse(caller.from_).tag
        self._cseq = 1
        self._attempt: _Attempt  # there is one from `start` on
        self._forks = Forks(line.endpoint, caller, negotiation, self._authenticator)
        self._call: EstablishedCall | None = None
        self._answering: Fork | None = None
        self._session = SessionTimer()
        self._events = EventQueue()

    @property
    def sip_call_id(self) -> str:
        return self._caller.call_id

    def start(self) -> None:
        """Send the INVITE. Raises `TrunkError` where the endpoint is not running."""
        self._send_invite()
        self._line.calls.add(self.on_connection_lost)
        self._endpoint.enter(self._caller.call_id, self._tag, self)
        self._perform(self._progress.start())

    async def next_event(self) -> DialogEvent:
        return await self._events.next()

    async def end(self) -> None:
        self._perform(self._progress.end())
        await self._events.ended()  # the `release` timer bounds it

    async def transfer(self, to: PhoneNumber) -> None:
        written = self._line.account.number_writing.write(to)
        await self._answered.transfer(self._line.uri(written))

    async def send_digits(self, digits: str) -> None:
        await self._answered.send_digits(digits)

    async def probe(self) -> None:
        if self._call:
            await self._call.probe()

    def on_response(self, attempt: "_Attempt", response: Response, source: Destination) -> None:
        """A response to an INVITE of this call."""
        if attempt is not self._attempt:
            self._on_late_response(attempt, response, source)
            return
        self._note(response)
        if response.status < 200:
            self._on_provisional(response, source)
        elif response.status < 300:
            self._accept(response, source)
        elif response.status in (401, 407) and self._progress.wants_answer:
            self._authenticate(response)
        elif response.status == 422 and self._may_ask_for_longer(response):
            self._cseq += 1
            self._send_invite()
        elif response.status < 400 and self._progress.may_go_elsewhere:
            self._redirect(response)
        else:
            self._refuse(response, _explained(response))

    def on_failure(self, attempt: "_Attempt", failure: Failure) -> None:
        """No final response to this INVITE will come."""
        if attempt is self._attempt:
            self._perform(self._progress.on_failure(failure))

    def on_cancel_outcome(self, attempt: "_Attempt", outcome: Response | Failure) -> None:
        if attempt is not self._attempt:
            return
        if isinstance(outcome, Failure):
            self._perform(self._progress.on_cancel_failed())
        else:
            self._perform(self._progress.on_cancel_answered(outcome.status))

    def on_connection_lost(self, destination: Destination) -> None:
        """A TCP or TLS connection ended, by which answers to the INVITE would have come.

        The far end may open another one to where we listen, but for TLS (RFC 3261 18.2.2): as long
        as it is there, which OPTIONS tell.
        """
        if destination != self._attempt.sent.destination:
            return
        if destination.transport is Transport.TLS:
            self.on_far_end_gone()
        elif self._progress.state is State.PROCEEDING:
            uri = self._line.uri(None)
            options = self._line.caller(self._line.user).request("OPTIONS", uri, f"<{uri}>", 1)
            self._endpoint.send(options, destination, _Lifeline(self))

    def on_far_end_gone(self) -> None:
        self._perform(self._progress.on_connection_lost())

    def on_closed(self) -> None:
        self._perform(self._progress.on_closed())

    def on_request(self, incoming: IncomingRequest) -> None:
        """A request of the peer inside this dialog."""
        if self._call:
            self._call.on_request(incoming)
        else:
            self._on_early_request(incoming)

    def on_media(self, media: MediaTarget) -> None:
        self._perform(self._progress.on_media(media))

    def on_key(self, digit: str) -> None:
        self._perform(self._progress.on_key(digit))

    def on_bye(self, q850_cause: int | None) -> None:
        self._perform(self._progress.on_bye(q850_cause))

    def on_lost(self, reason: str) -> None:
        self._perform(self._progress.on_lost(reason))

    def on_released(self) -> None:
        self._perform(self._progress.on_bye_done())

    @property
    def _answered(self) -> EstablishedCall:
        if self._call is None:
            raise TrunkError("the call was not answered yet")
        return self._call

    def _on_early_request(self, incoming: IncomingRequest) -> None:
        """Before the answer, in an early dialog."""
        method = incoming.request.method
        if refuse_extension(incoming):
            pass
        elif method == "BYE":
            incoming.reply(200)  # the INVITE gets its final response (15.1.2)
        elif method == "OPTIONS":
            answer_options(incoming)
        elif method == "UPDATE" and self._progress.wants_answer:
            self._perform(self._progress.on_early_media(self._forks.on_update(incoming)))
        elif method == "INVITE":
            incoming.reply(491 if self._progress.wants_answer else 481)
        else:
            refuse_method(incoming)

    def _send_invite(self) -> None:
        target = self._targets.current
        invite = self._caller.request(
            "INVITE",
            target.uri,
            f"<{target.uri}>",
            self._cseq,
            headers=[
                ("Supported", ", ".join(EXTENSIONS)),
                *(header for header in self._session.request_headers() if header != TIMER_ALONE),
                *self._headers,
                *self._authenticator.headers("INVITE", str(target.uri)),
            ],
            sdp=self._negotiation.offer_sdp,
        )
        self._attempt = _Attempt(self)
        self._attempt.sent = self._endpoint.send(invite, target.destination, self._attempt)
        self._perform(self._progress.on_sent(has_next=self._targets.has_next))

    def _try_next(self) -> None:
        """The same INVITE to another address of the trunk, but for its branch (RFC 3263 4.3).

        With the same CSeq, for a callee that both ways lead to is rung once (RFC 3261 8.2.2.2).
        """
        self._line.mark_failed(self._targets.current.destination)
        self._attempt.sent.stop_retransmission()
        self._targets.advance()
        self._send_invite()

    def _may_ask_for_longer(self, response: Response) -> bool:
        """The session interval was too brief for somebody on the way (RFC 4028 7.3)."""
        return self._progress.wants_answer and self._session.on_too_brief(response)

    def _authenticate(self, response: Response) -> None:
        try:
            self._authenticator.answer(response)
        except TrunkError as error:
            self._refuse(response, error.message)
            return
        self._cseq += 1
        self._send_invite()

    def _redirect(self, response: Response) -> None:
        if why := self._targets.redirect(response):
            self._refuse(response, why)
            return
        self._targets.advance()
        self._cseq += 1
        self._send_invite()

    def _refuse(self, response: Response, reason: str) -> None:
        retry_after_s = response.seconds("Retry-After") if response.status == 503 else None
        self._perform(
            self._progress.on_refused(response.status, reason, response.q850_cause, retry_after_s)
        )

    def _on_provisional(self, response: Response, source: Destination) -> None:
        media = None
        if response.status > 100:
            if not self._forks.on_provisional(self._attempt.sent.request, response, source):
                return
            media = self._negotiation.read_early(response)
        self._perform(self._progress.on_provisional(response.status, media))

    def _accept(self, response: Response, source: Destination) -> None:
        invite = self._attempt.sent.request
        if self._call and response.to_tag != self._call.dialog.remote_tag:
            self._forks.hang_up(invite, response, source)
            return
        media: MediaTarget | SdpError | None = None
        if self._call is None:
            self._authenticator.start_over()
            self._answering = fork = self._forks.confirm(invite, response, source)
            self._call = EstablishedCall(
                self._endpoint,
                fork.client.dialog,
                fork.client.next_hop,
                self._negotiation,
                self._authenticator,
                self._session,
                self,
            )
            self._call.start(response, self._session.on_accepted(response))
            media = self._forks.media_of(fork, response)
        self._perform(self._progress.on_accepted(media))

    def _on_late_response(
        self, attempt: "_Attempt", response: Response, source: Destination
    ) -> None:
        """From an address of the trunk that the call has left: nobody there may ring on."""
        if response.status < 200:
            self._cancel(attempt, HUNG_UP)
        elif response.status < 300:
            self._forks.hang_up(attempt.sent.request, response, source)

    def _cancel(self, attempt: "_Attempt", reason: str) -> None:
        """Stop the ringing, once; `reason` is the Reason header (RFC 3326)."""
        if attempt.is_canceled:
            return
        attempt.is_canceled = True
        cancel = cancel_of(attempt.sent.request)
        cancel.headers.add("Reason", reason)
        self._endpoint.send(cancel, attempt.sent.destination, _Cancel(self, attempt))

    def _on_timer(self, name: str) -> None:
        self._endpoint.guard(lambda: self._perform(self._progress.on_timer(name)))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Emit(event):
                    self._emit(event)
                case StartTimer(name, seconds):
                    self._timers.start(name, seconds)
                case StopTimer(name):
                    self._timers.stop(name)
                case Step.STOP_RETRANSMISSION:
                    self._attempt.sent.stop_retransmission()
                case Step.TRY_NEXT:
                    self._try_next()
                case Step.ABANDON_INVITE:
                    self._attempt.sent.abandon()
                case Step.SEND_CANCEL:
                    self._cancel(self._attempt, f"Q.850;cause={self._progress.cancel_cause}")
                case Step.SEND_ACK if self._call and self._answering:
                    self._endpoint.transmit(self._answering.ack, self._call.next_hop)
                case Step.SEND_BYE if self._call:
                    self._call.release()
        if self._progress.state is State.ENDED:
            self._line.calls.discard(self.on_connection_lost)
            self._endpoint.leave(self._caller.call_id, self._tag)
            if self._call:
                self._call.close()

    def _emit(self, event: DialogEvent) -> None:
        self._events.put(event)
        if isinstance(event, Ended):
            if event.disposition is Disposition.UNREACHABLE:
                self._line.mark_failed(self._targets.current.destination)
            self._note(event)


class _Attempt:
    """One INVITE of the call, and its CANCEL."""

    def __init__(self, dialog: NativeDialog) -> None:
        self.sent: OutgoingRequest  # at once
        self.is_canceled = False
        self._dialog = dialog

    def on_response(self, response: Response, source: Destination) -> None:
        self._dialog.on_response(self, response, source)

    def on_failure(self, failure: Failure) -> None:
        self._dialog.on_failure(self, failure)


class _Cancel:
    """Hears what became of the CANCEL of an attempt."""

    def __init__(self, dialog: NativeDialog, attempt: _Attempt) -> None:
        self._dialog = dialog
        self._attempt = attempt

    def on_response(self, response: Response, source: Destination) -> None:
        if response.status >= 200:
            self._dialog.on_cancel_outcome(self._attempt, response)

    def on_failure(self, failure: Failure) -> None:
        self._dialog.on_cancel_outcome(self._attempt, failure)


class _Lifeline:
    """Asks whether the far end is still there, while its phone rings."""

    def __init__(self, dialog: NativeDialog) -> None:
        self._dialog = dialog

    def on_response(self, response: Response, source: Destination) -> None:
        """It is, whatever it says."""

    def on_failure(self, failure: Failure) -> None:
        self._dialog.on_far_end_gone()


def _explained(response: Response) -> str:
    """The reason phrase, and what the far end wants that this box lacks (RFC 3261 21.4.15-16)."""
    for name, what in (("Unsupported", "does not know"), ("Require", "asks for")):
        options = ", ".join(response.values(name))
        if options and response.status in (420, 421):
            return f"{response.phrase}: the trunk {what} the extension {options}"
    return response.phrase
