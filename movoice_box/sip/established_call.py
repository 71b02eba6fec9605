"""Everything that happens inside a confirmed dialog, whoever called whom (RFC 3261 12.2, 14, 15).

The owner of a call keeps what led to the dialog (INVITE, forks, CANCEL, or our answer to the
caller) and is told what becomes of it through `CallUser`.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from sipmessage import URI

from movoice_box.domain.media import MediaTarget
from movoice_box.errors import TrunkError
from movoice_box.sip import info
from movoice_box.sip.answers import answer_options, refuse_extension, refuse_method
from movoice_box.sip.dialog import ConfirmedDialog
from movoice_box.sip.dialog_client import DialogClient, Outcome
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import quote
from movoice_box.sip.messages import HeaderList, Message, Request, Response
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.refer import Referral, is_report
from movoice_box.sip.reinvite import Renegotiation, is_denial
from movoice_box.sip.session_timer import Action, SessionTimer
from movoice_box.sip.timers import Failure
from movoice_box.sip.transport import Destination

OVER = "the call is over"
_NORMAL_CLEARING: HeaderList = [("Reason", "Q.850;cause=16")]  # RFC 3326


class CallUser(Protocol):
    """Who owns an established call and hears what becomes of it."""

    def on_media(self, media: MediaTarget) -> None:
        """The far end described its media anew; it may be as before."""
        ...

    def on_key(self, digit: str) -> None:
        """One of `0-9*#A-D` came by SIP INFO."""
        ...

    def on_bye(self, q850_cause: int | None) -> None:
        """The far end hung up; it has its 200."""
        ...

    def on_lost(self, reason: str) -> None:
        """The dialog is broken; the user releases the call."""
        ...

    def on_released(self) -> None:
        """Our BYE was answered, or never will be."""
        ...


class EstablishedCall:
    """A call from its 2xx to its BYE. Everything happens in callbacks of the endpoint.

    `start` comes first, `close` last. Requests inside the dialog go to `next_hop`.
    """

    def __init__(
        self,
        endpoint: SipEndpoint,
        dialog: ConfirmedDialog,
        next_hop: Destination,
        negotiation: MediaNegotiation,
        authenticator: Authenticator,
        session: SessionTimer,
        user: CallUser,
    ) -> None:
        self._endpoint = endpoint
        self._user = user
        self._client = DialogClient(endpoint, dialog, next_hop, authenticator)
        self._offers = Renegotiation(self._client, negotiation, session, self)
        self._referral: Referral | None = None
        self._is_over = False
        self._why: HeaderList = _NORMAL_CLEARING

    @property
    def dialog(self) -> ConfirmedDialog:
        return self._client.dialog

    @property
    def next_hop(self) -> Destination:
        return self._client.next_hop

    def start(self, heard: Message, session: list[Action], *, awaits_answer: bool = False) -> None:
        """The dialog is there. `heard` is the far end's part in that: its 2xx, or its INVITE.

        `session` is what the session timer made of it; `awaits_answer` tells that our 2xx had an
        offer, whose answer comes with the ACK.
        """
        self._offers.start(heard, session, awaits_answer=awaits_answer)

    def close(self) -> None:
        """The call is over: no timer runs on, nobody waits for anything."""
        self._is_over = True
        self._offers.close()
        self._client.close()
        if self._referral:
            self._referral.on_lost()

    def read_answer(self, ack: Request) -> MediaTarget | None:
        """What the ACK of our first 2xx answers to the offer in it. Raises `SdpError`."""
        return self._offers.read_answer(ack)

    def on_request(self, incoming: IncomingRequest) -> None:
        """A request of the peer inside this dialog (RFC 3261 12.2.2)."""
        request = incoming.request
        if request.from_tag != self.dialog.remote_tag:
            incoming.reply(481)  # another branch of a forked call, which we have released
        elif not self.dialog.is_in_order(request):
            incoming.reply(500)
        elif refuse_extension(incoming):
            pass
        elif request.method == "BYE":
            self._on_bye(incoming)
        elif self._is_over:
            incoming.reply(481)
        else:
            self._dispatch(incoming)

    def _dispatch(self, incoming: IncomingRequest) -> None:
        match incoming.request.method:
            case "INVITE" | "UPDATE":
                self._offers.on_request(incoming)
            case "INFO":
                self._on_info(incoming)
            case "NOTIFY" if self._referral and is_report(incoming.request):
                incoming.reply(200)
                self._referral.on_notify(incoming.request)
            case "OPTIONS":
                answer_options(incoming)
            case _:
                refuse_method(incoming)

    def release(self) -> None:
        """Send our BYE; `CallUser.on_released` follows."""
        self.close()
        self._client.send("BYE", lambda _: self._user.on_released(), self._why)

    async def transfer(self, to: URI) -> None:
        """See `Dialog.transfer`; `to` is the number at the trunk."""
        if self._is_over:
            raise TrunkError(OVER)
        if self._referral and not self._referral.is_over:
            raise TrunkError("a transfer of this call is under way already")
        self._referral = Referral(self._client, to, self._endpoint.guard)
        await self._referral.run()

    async def send_digits(self, digits: str) -> None:
        """See `Dialog.send_digits`. A far end that refuses `dtmf-relay` gets `dtmf`."""
        is_relay = True
        for count, digit in enumerate(digits):
            if count:
                await asyncio.sleep((info.DURATION_MS + info.GAP_MS) / 1000)
            outcome = await self._press(digit, is_relay=is_relay)
            if isinstance(outcome, Response) and outcome.status == 415:
                is_relay = False
                outcome = await self._press(digit, is_relay=is_relay)
            if isinstance(outcome, Failure) or outcome.status >= 300:
                raise TrunkError(f"key '{digit}' by INFO was refused: {_said(outcome)}")

    async def probe(self) -> None:
        """See `Dialog.probe`."""
        if not self._is_over:
            self._on_probed(await self._client.ask("OPTIONS"))

    def guard(self, handle: Callable[[], object]) -> None:
        self._endpoint.guard(handle)

    def on_media(self, media: MediaTarget) -> None:
        self._user.on_media(media)

    def on_probe_due(self) -> None:
        self._client.send("OPTIONS", self._on_probed)

    def on_denied(self, outcome: Outcome) -> None:
        if isinstance(outcome, Response) and outcome.status == 481:
            self._lose("the gateway no longer knows the call (481)")
        else:
            self._lose("the gateway answers no more")

    def on_unusable(self, reason: str) -> None:
        self._lose(reason)

    def on_expired(self) -> None:
        reason = "nobody refreshed the session in time"
        self._lose(reason, [("Reason", f"SIP;cause=408;text={quote(reason)}")])

    def _on_bye(self, incoming: IncomingRequest) -> None:
        incoming.reply(200)
        if self._referral:
            self._referral.on_bye()
        self.close()
        self._user.on_bye(incoming.request.q850_cause)

    def _on_info(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        if info.has_package(request):
            incoming.reply(469, headers=[("Recv-Info", "")])
        elif request.body and not info.is_digits(request):
            incoming.reply(415, headers=info.ACCEPT)
        else:
            incoming.reply(200)
            if request.body and (digit := info.read_digit(request)):
                self._user.on_key(digit)

    async def _press(self, digit: str, *, is_relay: bool) -> Outcome:
        if self._is_over:
            raise TrunkError(OVER)
        outcome = await self._client.ask("INFO", *info.digit_info(digit, is_relay=is_relay))
        if isinstance(outcome, Response) and outcome.status == 481:
            self.on_denied(outcome)
        return outcome

    def _on_probed(self, outcome: Outcome) -> None:
        if self._is_over:
            return
        if is_denial(outcome):
            self.on_denied(outcome)
        else:
            self._offers.on_alive()

    def _lose(self, reason: str, why: HeaderList = ()) -> None:
        if not self._is_over:
            self._why = why
            self._user.on_lost(reason)


def _said(outcome: Outcome) -> str:
    if isinstance(outcome, Failure):
        return "no answer"
    return f"{outcome.status} {outcome.phrase}".strip()
