"""The callees of one INVITE, one for each To tag that answers it (RFC 3261 12.1, 13.2.2.4).

A proxy that forks lets several phones ring. Each has its own early dialog: route, CSeq, reliable
responses and early media. One is answered; the others that answer too are hung up on.
"""

from movoice_box.domain.media import MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.answers import EXTENSIONS, refuse_media
from movoice_box.sip.dialog import ALLOW, Caller, ConfirmedDialog
from movoice_box.sip.dialog_client import DialogClient, Outcome
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.messages import Message, Request, Response
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.reliable import ReliableSequence, rack, rseq_of
from movoice_box.sip.transport import Destination

_MOST_FORKS = 8
HUNG_UP = 'SIP;cause=200;text="Call completed elsewhere"'  # RFC 3326 section 2


class Fork:
    """One callee: requests to it go by `client`; `described` is what last brought its SDP."""

    def __init__(self, client: DialogClient) -> None:
        self.client = client
        self.reliable = ReliableSequence()
        self.described: Message | None = None
        self.ack = b""
        """The ACK of its 2xx, sent again with each copy of that."""


class Forks:
    """All callees of one call, answered or not. `caller` is ourselves in that call."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        caller: Caller,
        negotiation: MediaNegotiation,
        authenticator: Authenticator,
    ) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._negotiation = negotiation
        self._authenticator = authenticator
        self._by_tag: dict[str, Fork] = {}
        self._described: Message | None = None

    def on_provisional(self, invite: Request, response: Response, source: Destination) -> bool:
        """Note what it says, and send the PRACK of a reliable one (RFC 3262 section 4).

        False where it is to be left out: it repeats another one, came too early, or is one callee
        too many.
        """
        if (fork := self._fork(invite, response, source)) is None:
            return False
        if (rseq := rseq_of(response)) is not None:
            if not fork.reliable.is_next(rseq):
                return False
            fork.client.send("PRACK", _ignore, [rack(rseq, invite.cseq.sequence)])
        if response.has_sdp:
            fork.described = self._described = response
        return True

    def on_update(self, incoming: IncomingRequest) -> MediaTarget | None:
        """A callee changes its early media (RFC 3311 5.2); gives the new one."""
        request = incoming.request
        fork = self._by_tag.get(request.from_tag)
        if fork is None:
            incoming.reply(481)
        elif not fork.client.dialog.is_in_order(request):
            incoming.reply(500)
        elif request.has_sdp and fork.described is None:
            incoming.reply(491)  # our offer has no answer yet
        else:
            return self._take_up(incoming, fork)
        return None

    def confirm(self, invite: Request, response: Response, source: Destination) -> Fork:
        """The callee that answered first; its dialog is set up anew by the 2xx (13.2.2.4)."""
        early = self._by_tag.pop(response.to_tag, None)
        fork = self._by_tag[response.to_tag] = self._new(invite, response, source)
        if early:
            fork.described = early.described
            fork.client.dialog.local_cseq = early.client.dialog.local_cseq
            fork.client.dialog.remote_cseq = early.client.dialog.remote_cseq
        fork.ack = fork.client.acknowledge(invite)
        return fork

    def media_of(self, fork: Fork, response: Response) -> MediaTarget | SdpError | None:
        """By the 2xx, else by what that callee described before: an answer in a 183 may be left
        out of the 200 (RFC 3262 section 5, RFC 6337 3.1)."""
        described = response if response.has_sdp else fork.described or self._described
        try:
            return self._negotiation.read(described) if described else None
        except SdpError as error:
            return error

    def hang_up(self, invite: Request, response: Response, source: Destination) -> None:
        """One callee too many answered: acknowledge and end it (13.2.2.4)."""
        fork = self._by_tag.get(response.to_tag)
        if fork and fork.ack:
            fork.client.transmit_ack(fork.ack)
            return
        if fork is None and len(self._by_tag) > 2 * _MOST_FORKS:
            return
        fork = self.confirm(invite, response, source)
        fork.client.transmit_ack(fork.ack)
        fork.client.send("BYE", _ignore, [("Reason", HUNG_UP)])

    def _fork(self, invite: Request, response: Response, source: Destination) -> Fork | None:
        if response.to_tag not in self._by_tag:
            if len(self._by_tag) >= _MOST_FORKS:
                return None
            self._by_tag[response.to_tag] = self._new(invite, response, source)
        return self._by_tag[response.to_tag]

    def _new(self, invite: Request, response: Response, source: Destination) -> Fork:
        dialog = ConfirmedDialog.establish(self._caller, invite, response)
        next_hop = self._endpoint.route(dialog.next_hop, source)
        return Fork(DialogClient(self._endpoint, dialog, next_hop, self._authenticator))

    def _take_up(self, incoming: IncomingRequest, fork: Fork) -> MediaTarget | None:
        request = incoming.request
        try:
            media = self._negotiation.read(request)
            sdp = self._negotiation.answer(request) if media else b""
        except SdpError as error:
            refuse_media(incoming, error)
            return None
        fork.client.learn(request, incoming.source)
        if media:
            fork.described = self._described = request
        supported = ("Supported", ", ".join(EXTENSIONS))
        contact = ("Contact", self._caller.contact)
        incoming.reply(200, headers=[contact, ALLOW, supported], sdp=sdp)
        return media


def _ignore(outcome: Outcome) -> None:
    """Of a PRACK or a BYE: what becomes of the INVITE counts."""
