"""re-INVITE and UPDATE in an established call, both ways, and the refresh of its session.

RFC 3261 section 14, RFC 3311 section 5, RFC 3264 sections 4 and 8, RFC 4028. One offer at a time:
who has one out refuses another with 491. A refusal leaves everything as it was.
"""

import secrets
from collections.abc import Callable
from typing import Protocol

from movoice_box.domain.media import MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.answers import refuse_media
from movoice_box.sip.dialog import ALLOW
from movoice_box.sip.dialog_client import DialogClient, Outcome
from movoice_box.sip.exchange import IncomingRequest, LoopTimers
from movoice_box.sip.headers import split_list
from movoice_box.sip.messages import Message, Request, Response
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.session_timer import SUPPORTED, TOO_BRIEF, Action, SessionTimer, Step
from movoice_box.sip.timers import Failure, StartTimer, StopTimer

_UNKNOWN_METHOD = (405, 501)


class SessionUser(Protocol):
    """The call, as the one who hears of its media and of its end."""

    def on_media(self, media: MediaTarget) -> None: ...

    def on_probe_due(self) -> None:
        """Ask the far end whether it still knows the call, then call `on_alive`."""
        ...

    def on_denied(self, outcome: Outcome) -> None:
        """The far end no longer knows the call, or answers no more."""
        ...

    def on_unusable(self, reason: str) -> None:
        """The far end broke off an offer and its answer."""
        ...

    def on_expired(self) -> None:
        """Nobody refreshed the session in time."""
        ...

    def guard(self, handle: Callable[[], object]) -> None:
        """Run a callback of the loop; what it raises ends here."""
        ...


class Renegotiation:
    """The offers of one call after its first, and its session timer."""

    def __init__(
        self,
        client: DialogClient,
        negotiation: MediaNegotiation,
        session: SessionTimer,
        user: SessionUser,
    ) -> None:
        self._client = client
        self._negotiation = negotiation
        self._session = session
        self._user = user
        self._timers = LoopTimers(lambda name: user.guard(lambda: self._on_timer(name)))
        self._allows_update = False
        self._is_offering = False
        """An INVITE of ours is under way."""
        self._awaits_answer = False
        """An offer in a 200 of ours waits for its answer in the ACK."""

    def start(self, heard: Message, actions: list[Action], *, awaits_answer: bool) -> None:
        """The dialog is there. `heard` is the far end's part in that: its 2xx, or its INVITE."""
        self._awaits_answer = awaits_answer
        self._take_note(heard)
        self._perform(actions)

    def close(self) -> None:
        self._timers.stop_all()

    def on_request(self, incoming: IncomingRequest) -> None:
        """A re-INVITE or UPDATE: hold, resume, another address or codec, or only a refresh."""
        request = incoming.request
        brings_offer = request.has_sdp or request.method == "INVITE"
        if brings_offer and (self._is_offering or self._awaits_answer):
            incoming.reply(491)
        elif self._session.is_too_brief(request):
            incoming.reply(422, headers=TOO_BRIEF)
        else:
            self._take_up(incoming, brings_offer)

    def read_answer(self, ack: Request) -> MediaTarget | None:
        """What the ACK of our 200 answers to the offer in it. Raises `SdpError`."""
        if not self._awaits_answer:
            return None
        self._awaits_answer = False
        return self._negotiation.read(ack)

    def on_ack(self, ack: Request) -> None:
        """Of our answer to a re-INVITE; where that one had no SDP, this one has."""
        try:
            media = self.read_answer(ack)
        except SdpError as error:
            self._user.on_unusable(error.message)
            return
        if media:
            self._user.on_media(media)

    def on_cancel(self) -> None:
        """A re-INVITE is answered at once: nothing is left to cancel."""

    def on_ack_missing(self) -> None:
        self._user.on_unusable("the far end stopped answering")

    def on_alive(self) -> None:
        """The far end answered a probe."""
        self._perform(self._session.on_alive())

    def _take_up(self, incoming: IncomingRequest, brings_offer: bool) -> None:
        request = incoming.request
        try:
            media = self._negotiation.read(request)
            sdp = self._negotiation.answer(request) if brings_offer else b""
        except SdpError as error:
            refuse_media(incoming, error)
            return
        self._client.learn(request, incoming.source)
        self._take_note(request)
        headers, actions = self._session.accept(request)
        contact = ("Contact", self._client.dialog.caller.contact)
        if request.method == "INVITE":
            incoming.observer = self
            self._awaits_answer = not request.has_sdp
        incoming.reply(200, headers=[contact, ALLOW, SUPPORTED, *headers], sdp=sdp)
        self._perform(actions)
        if media:
            self._user.on_media(media)

    def _refresh(self) -> None:
        """By UPDATE, which touches no media, or by the SDP that we said before (RFC 4028 7.4)."""
        if self._is_offering or self._awaits_answer:
            self._perform(self._session.on_alive())
            return
        headers = self._session.request_headers()
        if self._allows_update:
            self._client.send("UPDATE", self._on_update_outcome, headers)
            return
        self._is_offering = True
        self._client.send("INVITE", self._on_reinvite_outcome, headers, self._negotiation.said)

    def _on_update_outcome(self, outcome: Outcome) -> None:
        if isinstance(outcome, Response) and outcome.status in _UNKNOWN_METHOD:
            self._allows_update = False
            self._refresh()
        else:
            self._on_outcome(outcome)

    def _on_reinvite_outcome(self, outcome: Outcome) -> None:
        self._is_offering = False
        self._on_outcome(outcome)

    def _on_outcome(self, outcome: Outcome) -> None:
        """408, 481 and silence end the call; any other refusal leaves it (14.1, 12.2.1.2)."""
        if is_denial(outcome):
            self._user.on_denied(outcome)
        elif isinstance(outcome, Failure):
            return
        elif outcome.status < 300:
            self._on_refreshed(outcome)
        elif outcome.status == 491:
            self._timers.start("glare", glare_pause_s(self._client.dialog.is_caller))
        elif outcome.status == 422 and self._session.on_too_brief(outcome):
            self._refresh()
        else:
            self._perform(self._session.on_alive())

    def _on_refreshed(self, response: Response) -> None:
        self._take_note(response)
        self._perform(self._session.on_accepted(response))
        try:
            media = self._negotiation.read(response)
        except SdpError as error:
            self._user.on_unusable(error.message)
            return
        if media:
            self._user.on_media(media)

    def _take_note(self, message: Message) -> None:
        if allowed := message.values("Allow"):
            self._allows_update = "UPDATE" in map(str.upper, split_list(allowed))

    def _on_timer(self, name: str) -> None:
        if name == "glare":
            self._refresh()
        else:
            self._perform(self._session.on_timer(name))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case StartTimer(name, seconds):
                    self._timers.start(name, seconds)
                case StopTimer(name):
                    self._timers.stop(name)
                case Step.REFRESH:
                    self._refresh()
                case Step.PROBE:
                    self._user.on_probe_due()
                case Step.EXPIRE:
                    self._user.on_expired()


def is_denial(outcome: Outcome) -> bool:
    """Whether the far end no longer has the dialog (RFC 3261 12.2.1.2)."""
    return isinstance(outcome, Failure) or outcome.status in (408, 481)


def glare_pause_s(is_caller: bool, below: Callable[[int], int] = secrets.randbelow) -> float:
    """After a 491: 2.1 to 4 s for the owner of the Call-ID, else 0 to 2 s, by 10 ms (14.1)."""
    return (210 + below(191)) / 100 if is_caller else below(201) / 100
