"""One outgoing call on the wire: what `CallProgress` decides, done with SIP messages.

What happens once it was answered is `EstablishedCall`'s.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from sipmessage import URI

from movoice_box.domain.media import MediaTarget
from movoice_box.errors import SdpError, TrunkError
from movoice_box.sip.answers import answer_options, refuse_extension, refuse_method
from movoice_box.sip.call_progress import Action, CallProgress, Emit, State, Step
from movoice_box.sip.dialog import Caller, ConfirmedDialog, cancel_of
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.established_call import EstablishedCall
from movoice_box.sip.exchange import IncomingRequest, LoopTimers, OutgoingRequest
from movoice_box.sip.headers import NameAddr
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Response
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.timers import Failure, StartTimer, StopTimer
from movoice_box.sip.transport import Destination
from movoice_box.sip.trunk import DialogEvent, EarlyMedia, Ended, MediaChanged

_CREDENTIALS = ("Authorization", "Proxy-Authorization")
_MOST_FORKS = 8


class NativeDialog:
    """An outgoing call (the `Dialog` Protocol). Everything happens in callbacks of the endpoint.

    `uri` is the number called, `destination` the trunk's address. `note` hears each response to
    the INVITE and the end.
    """

    def __init__(
        self,
        line: Line,
        caller: Caller,
        uri: URI,
        destination: Destination,
        negotiation: MediaNegotiation,
        note: Callable[[Response | Ended], None],
    ) -> None:
        account = line.account
        self._endpoint = line.endpoint
        self._caller = caller
        self._uri = uri
        self._destination = destination
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
        self._cseq = 0
        self._invite: OutgoingRequest  # there is one from `start` on
        self._call: EstablishedCall | None = None
        self._acks: dict[str, bytes] = {}  # by To tag: more than one where a proxy forked
        self._events: deque[DialogEvent] = deque()
        self._has_event = asyncio.Event()
        self._has_ended = asyncio.Event()

    @property
    def sip_call_id(self) -> str:
        return self._caller.call_id

    def start(self) -> None:
        """Send the INVITE. Raises `TrunkError` where the endpoint is not running."""
        self._send_invite()
        self._endpoint.enter(self._caller.call_id, self._tag, self)
        self._perform(self._progress.start())

    async def next_event(self) -> DialogEvent:
        while not self._events:
            self._has_event.clear()
            await self._has_event.wait()
        if isinstance(self._events[0], Ended):
            return self._events[0]
        return self._events.popleft()

    async def end(self) -> None:
        self._perform(self._progress.end())
        await self._has_ended.wait()  # the `release` timer bounds it

    def on_response(self, response: Response, source: Destination) -> None:
        """A response to the INVITE."""
        if response.cseq.sequence != self._cseq:
            return
        self._note(response)
        if response.status < 200:
            media = self._negotiation.read_early(response)
            self._perform(self._progress.on_provisional(response.status, media))
        elif response.status < 300:
            self._accept(response, source)
        elif response.status in (401, 407) and self._progress.wants_answer:
            self._authenticate(response)
        else:
            self._refuse(response, response.phrase)

    def on_failure(self, failure: Failure) -> None:
        """No final response to the INVITE will come."""
        self._perform(self._progress.on_failure(failure))

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

    def _on_early_request(self, incoming: IncomingRequest) -> None:
        """Before the answer, in an early dialog."""
        method = incoming.request.method
        if refuse_extension(incoming):
            pass
        elif method == "BYE":
            incoming.reply(200)  # the INVITE gets its final response (15.1.2)
        elif method == "OPTIONS":
            answer_options(incoming)
        elif method == "INVITE":
            incoming.reply(491 if self._progress.wants_answer else 481)
        else:
            refuse_method(incoming)

    def _send_invite(self) -> None:
        self._cseq += 1
        request = self._caller.request(
            "INVITE",
            self._uri,
            f"<{self._uri}>",
            self._cseq,
            headers=self._authenticator.headers("INVITE", str(self._uri)),
            sdp=self._negotiation.offer_sdp,
        )
        self._invite = self._endpoint.send(request, self._destination, self)

    def _authenticate(self, response: Response) -> None:
        try:
            self._authenticator.answer(response)
        except TrunkError as error:
            self._refuse(response, error.message)
            return
        self._progress.on_challenged()
        self._send_invite()

    def _refuse(self, response: Response, reason: str) -> None:
        cause = response.q850_cause
        self._perform(self._progress.on_refused(response.status, reason, cause))

    def _accept(self, response: Response, source: Destination) -> None:
        if self._call and response.to_tag != self._call.dialog.remote_tag:
            self._release_fork(response, source)
            return
        media: MediaTarget | SdpError | None = None
        if self._call is None:
            self._authenticator.start_over()
            self._call = self._establish(response, source)
            try:
                media = self._negotiation.read(response)
            except SdpError as error:
                media = error
        self._perform(self._progress.on_accepted(media))

    def _establish(self, response: Response, source: Destination) -> EstablishedCall:
        dialog = ConfirmedDialog.establish(self._caller, self._invite.request, response)
        self._acks[response.to_tag] = self._ack_of(dialog)
        return EstablishedCall(
            self._endpoint,
            dialog,
            self._endpoint.route(dialog.next_hop, source),
            self._negotiation,
            self._authenticator,
            self,
        )

    def _release_fork(self, response: Response, source: Destination) -> None:
        """A second callee answered the same INVITE: acknowledge and end it (RFC 3261 13.2.2.4)."""
        fork = ConfirmedDialog.establish(self._caller, self._invite.request, response)
        destination = self._endpoint.route(fork.next_hop, source)
        is_new = response.to_tag not in self._acks
        if is_new and len(self._acks) > _MOST_FORKS:
            return
        ack = self._acks.setdefault(response.to_tag, self._ack_of(fork))
        self._endpoint.transmit(ack, destination)
        if is_new:
            self._endpoint.send(fork.request("BYE"), destination, _Ignored())

    def _ack_of(self, dialog: ConfirmedDialog) -> bytes:
        """The ACK of a 2xx carries the credentials of its INVITE (RFC 3261 13.2.2.4)."""
        invite = self._invite.request
        credentials = [(name, value) for name in _CREDENTIALS for value in invite.values(name)]
        return dialog.request("ACK", credentials).pack()

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
                    self._invite.stop_retransmission()
                case Step.ABANDON_INVITE:
                    self._invite.abandon()
                case Step.SEND_CANCEL:
                    cancel = cancel_of(self._invite.request)
                    self._endpoint.send(cancel, self._invite.destination, _Ignored())
                case Step.SEND_ACK if self._call:
                    ack = self._acks[self._call.dialog.remote_tag]
                    self._endpoint.transmit(ack, self._call.next_hop)
                case Step.SEND_BYE if self._call:
                    self._call.release()
        if self._progress.state is State.ENDED:
            self._endpoint.leave(self._caller.call_id, self._tag)

    def _emit(self, event: DialogEvent) -> None:
        latest = self._events[-1] if self._events else None
        if isinstance(event, MediaChanged | EarlyMedia) and type(latest) is type(event):
            self._events.pop()  # only the newest matters, and the peer must not fill our memory
        self._events.append(event)
        self._has_event.set()
        if isinstance(event, Ended):
            self._has_ended.set()
            self._note(event)


class _Ignored:
    """For requests whose outcome changes nothing: the INVITE's own final response counts."""

    def on_response(self, response: Response, source: Destination) -> None: ...

    def on_failure(self, failure: Failure) -> None: ...
