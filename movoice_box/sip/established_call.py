"""Everything that happens inside a confirmed dialog, whoever called whom (RFC 3261 12.2, 14, 15).

The owner of a call keeps what led to the dialog (INVITE, forks, CANCEL, or our answer to the
caller) and is told what becomes of it through `CallUser`.
"""

from typing import Protocol

from movoice_box.domain.media import MediaTarget
from movoice_box.errors import SdpError, TrunkError
from movoice_box.sip.answers import answer_options, refuse_extension, refuse_method
from movoice_box.sip.dialog import ALLOW, ConfirmedDialog
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import quote
from movoice_box.sip.messages import USER_AGENT, Request, Response
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.timers import Failure
from movoice_box.sip.transport import Destination


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

    `next_hop` is where requests inside the dialog go.
    """

    def __init__(
        self,
        endpoint: SipEndpoint,
        dialog: ConfirmedDialog,
        next_hop: Destination,
        negotiation: MediaNegotiation,
        authenticator: Authenticator,
        user: CallUser,
    ) -> None:
        self.dialog = dialog
        self.next_hop = next_hop
        self._endpoint = endpoint
        self._negotiation = negotiation
        self._authenticator = authenticator
        self._user = user
        self._is_released = False

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
            self._is_released = True
            incoming.reply(200)
            self._user.on_bye(request.q850_cause)
        elif request.method == "OPTIONS":
            answer_options(incoming)
        elif request.method == "INVITE":
            self._on_reinvite(incoming)
        else:
            refuse_method(incoming)

    def release(self) -> None:
        """Send our BYE; `CallUser.on_released` follows."""
        self._is_released = True
        self._send_bye()

    def on_ack(self, ack: Request) -> None:
        """The ACK of our answer to a re-INVITE; where that one had no SDP, this one has."""
        try:
            media = self._negotiation.read(ack)
        except SdpError as error:
            self._user.on_lost(error.message)
            return
        if media:
            self._user.on_media(media)

    def on_cancel(self) -> None:
        """A re-INVITE is answered at once: nothing is left to cancel."""

    def on_ack_missing(self) -> None:
        self._user.on_lost("the far end stopped answering")

    def _on_reinvite(self, incoming: IncomingRequest) -> None:
        """Hold, resume, another address or codec, or only a refresh (RFC 3261 14.2)."""
        if self._is_released:
            incoming.reply(481)
            return
        try:
            media = self._negotiation.read(incoming.request)
            answer = self._negotiation.answer(incoming.request)
        except SdpError as error:
            warning = f"399 {USER_AGENT} {quote(error.message)}"
            incoming.reply(488, headers=[("Warning", warning)])
            return
        self.dialog.refresh_target(incoming.request)
        self.next_hop = self._endpoint.route(self.dialog.next_hop, incoming.source)
        incoming.observer = self
        incoming.reply(200, headers=[("Contact", self.dialog.caller.contact), ALLOW], sdp=answer)
        if media:
            self._user.on_media(media)

    def _send_bye(self) -> None:
        credentials = self._authenticator.headers("BYE", str(self.dialog.request_uri))
        bye = self.dialog.request("BYE", credentials)
        self._endpoint.send(bye, self.next_hop, _Bye(self))

    def on_bye_response(self, response: Response) -> None:
        if response.status in (401, 407):
            try:
                self._authenticator.answer(response)
            except TrunkError:
                pass
            else:
                self._send_bye()
                return
        self.on_bye_done()

    def on_bye_done(self) -> None:
        self._user.on_released()


class _Bye:
    """Hears what became of our BYE."""

    def __init__(self, call: EstablishedCall) -> None:
        self._call = call

    def on_response(self, response: Response, source: Destination) -> None:
        if response.status >= 200:
            self._call.on_bye_response(response)

    def on_failure(self, failure: Failure) -> None:
        self._call.on_bye_done()
