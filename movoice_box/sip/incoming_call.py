"""Calls that come in, from their INVITE to our final response (RFC 3261 13.3, 8.2, 9.2).

An INVITE is not challenged: it is heard only from the address of a known trunk, and a gateway that
rings an extension has no password of this box. What comes from elsewhere, the endpoint drops.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

from movoice_box.domain.media import MediaOffer
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import SdpError, SipError
from movoice_box.sip.answers import (
    answer_options,
    refuse_extension,
    refuse_media,
    refuse_method,
    requires,
)
from movoice_box.sip.dialog import ALLOW, ConfirmedDialog
from movoice_box.sip.exchange import IncomingRequest, LoopTimers
from movoice_box.sip.headers import NameAddr, split_list
from movoice_box.sip.incoming_dialog import IncomingDialog, MissedDialog
from movoice_box.sip.incoming_progress import ReliableRinging
from movoice_box.sip.line import Line
from movoice_box.sip.messages import HeaderList, Request
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.session_timer import TOO_BRIEF, SessionTimer
from movoice_box.sip.timers import Action, Fail, Send, StartTimer, StopTimer
from movoice_box.sip.trunk import Dialog, IncomingHandler

_RETRY_AFTER_S = 10  # RFC 3261 14.2: a random time below this
_WITHHELD = ("anonymous", "unknown", "unavailable", "restricted", "private")
_PRIVATE = ("id", "user", "header")  # RFC 3323 4.2, RFC 3325 9.3
_MOST_CHARACTERS = 64


class Reception:
    """Takes the INVITEs of one line and hands each call on once."""

    def __init__(self, line: Line, handler: IncomingHandler) -> None:
        self._line = line
        self._handler = handler

    def on_invite(self, incoming: IncomingRequest) -> None:
        """An INVITE of a new call; one that came by two ways rings once (8.2.2.2)."""
        seen, key = self._line.endpoint.seen_invites, incoming.accepted_key
        if SessionTimer().is_too_brief(incoming.request):
            incoming.reply(422, headers=TOO_BRIEF)
        elif not seen.take(key):
            incoming.reply(482)
        else:
            call = RingingCall(self._line, incoming, lambda: seen.forget_later(key))
            call.ring()
            self._handler(call)


class RingingCall:
    """A call that rings here (the `IncomingCall` Protocol); `on_over` hears that it rings no more.

    It rings for the trunk's ring timeout, then it is refused with 480.
    """

    def __init__(self, line: Line, invite: IncomingRequest, on_over: Callable[[], None]) -> None:
        self._line = line
        self._endpoint = line.endpoint
        self._invite = invite
        self._on_over = on_over
        self._is_over = False
        to = invite.request.require("To")
        caller = replace(
            line.caller(line.user, invite.request.call_id), from_=f"{to};tag={invite.tag}"
        )
        self._dialog = ConfirmedDialog.accept(caller, invite.request)
        self._timers = LoopTimers(
            lambda name: line.endpoint.guard(lambda: self._on_timer(name)),
        )
        self._rseq = 1 + secrets.randbelow(2**31 - 1)
        self._reliable: ReliableRinging | None = None
        if requires(invite, "100rel"):
            self._reliable = ReliableRinging(self._rseq, line.endpoint.timers)

    @property
    def account(self) -> TrunkAccount:
        return self._line.account

    @property
    def caller(self) -> str:
        return calling_number(self._invite.request)

    @property
    def called(self) -> str:
        return called_number(self._invite.request, self._line.user)

    def ring(self) -> None:
        """100 and 180 at once: the caller hears it ring while an agent is found."""
        self._invite.observer = self
        self._endpoint.enter(self._invite.request.call_id, self._invite.tag, self)
        self._timers.start("ring", self.account.ring_timeout_s)
        self._invite.reply(100)
        if self._reliable:
            self._perform(self._reliable.start())
        else:
            self._send_ringing()

    def answer(self, offer: MediaOffer) -> Dialog:
        request = self._invite.request
        if self._is_over:
            return MissedDialog(request.call_id)
        negotiation = MediaNegotiation(offer, session_id=secrets.randbits(48))
        try:
            media = negotiation.read(request)
            sdp = negotiation.answer(request)
        except SdpError as error:
            refuse_media(self._invite, error)
            self._finish()
            raise
        self._finish()
        dialog = IncomingDialog(self._line, self._invite, self._dialog, negotiation, self._reliable)
        dialog.start(media, sdp)
        return dialog

    def refuse(self, sip_status: int) -> None:
        if not self._is_over:
            self._invite.reply(sip_status)
            self._finish()

    def on_request(self, incoming: IncomingRequest) -> None:
        """A request of the caller inside this early dialog."""
        if not self._dialog.is_in_order(incoming.request):
            incoming.reply(500)
        elif refuse_extension(incoming):
            pass
        else:
            self._dispatch(incoming)

    def on_closed(self) -> None:
        """The endpoint closes: nothing can be sent any more."""
        self._finish()

    def on_cancel(self) -> None:
        self.refuse(487)

    def on_ack(self, ack: Request) -> None:
        """Of a refusal: nothing follows."""

    def on_ack_missing(self) -> None:
        """A refusal was not acknowledged: nothing follows."""

    def _dispatch(self, incoming: IncomingRequest) -> None:
        match incoming.request.method:
            case "PRACK":
                incoming.reply(200 if self._is_prack(incoming.request) else 481)
            case "BYE":
                incoming.reply(200)
                self.refuse(487)  # 15.1.2
            case "UPDATE" if not incoming.request.has_sdp:
                incoming.reply(200, headers=[self._contact])
            case "UPDATE" | "INVITE":  # our answer to the first offer is due (RFC 3311 5.2)
                wait_s = str(secrets.randbelow(_RETRY_AFTER_S + 1))
                incoming.reply(500, headers=[("Retry-After", wait_s)])
            case "OPTIONS":
                answer_options(incoming)
            case _:
                refuse_method(incoming)

    @property
    def _contact(self) -> tuple[str, str]:
        return "Contact", self._dialog.caller.contact

    def _is_prack(self, prack: Request) -> bool:
        if self._reliable is None:
            return False
        cseq = self._invite.request.cseq.sequence
        is_ours, actions = self._reliable.on_prack(prack.get("RAck") or "", cseq)
        self._perform(actions)
        return is_ours

    def _send_ringing(self) -> None:
        headers: HeaderList = [self._contact, ALLOW]
        if self._reliable:
            headers = [*headers, ("Require", "100rel"), ("RSeq", str(self._rseq))]
        self._invite.reply(180, headers=headers)

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._timers.stop_all()
        self._endpoint.leave(self._invite.request.call_id, self._invite.tag)
        self._on_over()

    def _on_timer(self, name: str) -> None:
        if name == "ring":
            self.refuse(480)
        elif self._reliable:
            self._perform(self._reliable.on_timer(name))

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Send():
                    self._send_ringing()
                case StartTimer(name, seconds):
                    self._timers.start(name, seconds)
                case StopTimer(name):
                    self._timers.stop(name)
                case Fail():
                    self.refuse(504)  # RFC 3262 section 3: never acknowledged
                case _:
                    pass


def calling_number(invite: Request) -> str:
    """Who calls, as the trunk writes it: P-Asserted-Identity (RFC 3325), else Remote-Party-ID, else
    From. "" where it is withheld or cannot be read.
    """
    privacy = ";".join(invite.values("Privacy")).lower().replace(" ", "").split(";")
    if any(wanted in privacy for wanted in _PRIVATE):
        return ""
    for name in ("P-Asserted-Identity", "Remote-Party-ID", "From"):
        try:
            for value in split_list(invite.values(name)):
                found = NameAddr.parse(value)
                if found.parameters.get("privacy", "off").lower() not in ("off", ""):
                    return ""
                if user := _user_of(found):
                    return "" if user.lower() in _WITHHELD else user
        except SipError:
            continue
    return ""


def called_number(invite: Request, own_user: str) -> str:
    """What was dialed: the Request-URI, or To where that only names our registration."""
    called = NameAddr(invite.uri)
    to = NameAddr.parse(invite.require("To"))
    return (_user_of(called) if invite.uri.user != own_user else "") or _user_of(to)


def _user_of(address: NameAddr) -> str:
    user = (address.uri.user or "").partition(";")[0]
    return user[:_MOST_CHARACTERS] if user.isprintable() else ""
