"""A call that came in and was answered: what `IncomingProgress` decides, done with SIP messages."""

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaTarget
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import SdpError, TrunkError
from movoice_box.sip.call_progress import Emit
from movoice_box.sip.dialog import ALLOW, ConfirmedDialog
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.established_call import OVER, EstablishedCall
from movoice_box.sip.event_queue import EventQueue
from movoice_box.sip.exchange import IncomingRequest, LoopTimers
from movoice_box.sip.incoming_progress import (
    Action,
    IncomingProgress,
    ReliableRinging,
    State,
    Step,
)
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Request
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.session_timer import SUPPORTED, SessionTimer
from movoice_box.sip.timers import StartTimer, StopTimer
from movoice_box.sip.trunk import DialogEvent, Ended


class IncomingDialog:
    """A call that this box answered (the `Dialog` Protocol), from its 200 on.

    Everything happens in callbacks of the endpoint.
    """

    def __init__(
        self,
        line: Line,
        invite: IncomingRequest,
        dialog: ConfirmedDialog,
        negotiation: MediaNegotiation,
        ringing: ReliableRinging | None = None,
    ) -> None:
        """`ringing` is a 180 whose PRACK may still be on its way."""
        self._line = line
        self._invite = invite
        self._ringing = ringing
        self._session = SessionTimer()
        self._progress = IncomingProgress()
        self._timers = LoopTimers(
            lambda name: line.endpoint.guard(lambda: self._perform(self._progress.on_timer(name)))
        )
        self._events = EventQueue()
        self._media: MediaTarget | None = None
        self._call = EstablishedCall(
            line.endpoint,
            dialog,
            line.endpoint.route(dialog.next_hop, invite.source),
            negotiation,
            Authenticator(line.account.username, line.account.password),
            self._session,
            self,
        )

    @property
    def sip_call_id(self) -> str:
        return self._invite.request.call_id

    @property
    def is_over(self) -> bool:
        return self._progress.state is State.ENDED

    def start(self, media: MediaTarget | None, sdp: bytes) -> None:
        """Send the 200, which is repeated until its ACK. `media` is what the INVITE described."""
        self._media = media
        endpoint, invite = self._line.endpoint, self._invite
        headers, actions = self._session.accept(invite.request)
        contact = ("Contact", self._call.dialog.caller.contact)
        invite.observer = self
        endpoint.enter(self.sip_call_id, invite.tag, self)
        self._call.start(invite.request, actions, awaits_answer=media is None)
        invite.reply(200, headers=[contact, ALLOW, SUPPORTED, *headers], sdp=sdp)

    async def next_event(self) -> DialogEvent:
        return await self._events.next()

    async def end(self) -> None:
        self._perform(self._progress.end())
        await self._events.ended()  # the `release` timer bounds it

    async def transfer(self, to: PhoneNumber) -> None:
        written = self._line.account.number_writing.write(to)
        await self._call.transfer(self._line.uri(written))

    async def send_digits(self, digits: str) -> None:
        await self._call.send_digits(digits)

    async def probe(self) -> None:
        await self._call.probe()

    def on_request(self, incoming: IncomingRequest) -> None:
        if incoming.request.method == "PRACK" and self._is_of_our_ringing(incoming.request):
            self._call.dialog.is_in_order(incoming.request)
            incoming.reply(200)
        else:
            self._call.on_request(incoming)

    def on_closed(self) -> None:
        self._perform(self._progress.on_closed())

    def on_ack(self, ack: Request) -> None:
        """Of our 200; where the INVITE had no SDP, it has the answer to our offer."""
        media: MediaTarget | SdpError | None
        try:
            media = self._media or self._call.read_answer(ack)
        except SdpError as error:
            media = error
        self._perform(self._progress.on_ack(media))

    def on_cancel(self) -> None:
        """Too late: the call was answered (9.2)."""

    def on_ack_missing(self) -> None:
        self._perform(self._progress.on_ack_missing())

    def on_media(self, media: MediaTarget) -> None:
        self._media = media
        self._perform(self._progress.on_media(media))

    def on_key(self, digit: str) -> None:
        self._perform(self._progress.on_key(digit))

    def on_bye(self, q850_cause: int | None) -> None:
        self._perform(self._progress.on_bye(q850_cause))

    def on_lost(self, reason: str) -> None:
        self._perform(self._progress.on_lost(reason))

    def on_released(self) -> None:
        self._perform(self._progress.on_bye_done())

    def _is_of_our_ringing(self, prack: Request) -> bool:
        """One that crossed our 200: a 481 would end the call at many callers (RFC 3262 3)."""
        cseq = self._invite.request.cseq.sequence
        return bool(self._ringing and self._ringing.is_named_by(prack.get("RAck") or "", cseq))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Emit(event):
                    self._events.put(event)
                case StartTimer(name, seconds):
                    self._timers.start(name, seconds)
                case StopTimer(name):
                    self._timers.stop(name)
                case Step.SEND_BYE:
                    self._call.release()
        if self._progress.state is State.ENDED:
            self._line.endpoint.leave(self.sip_call_id, self._invite.tag)
            self._call.close()


class MissedDialog:
    """A call whose caller gave up before it was answered: it has ended (the `Dialog` Protocol)."""

    def __init__(self, sip_call_id: str) -> None:
        self.sip_call_id = sip_call_id
        self._ended = Ended(
            disposition=Disposition.CANCELED, sip_status=487, ended_by="callee", has_rung=True
        )

    async def next_event(self) -> DialogEvent:
        return self._ended

    async def end(self) -> None:
        """It has ended."""

    async def transfer(self, to: PhoneNumber) -> None:
        raise TrunkError(OVER)

    async def send_digits(self, digits: str) -> None:
        raise TrunkError(OVER)

    async def probe(self) -> None:
        """It has ended, as `next_event` tells."""
