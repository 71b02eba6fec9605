"""The callees of one INVITE, one for each To tag that answers it (RFC 3261 12.1, 13.2.2.4).

A proxy that forks lets several phones ring. Each has its own early dialog: route, CSeq, reliable
responses and early media. One is answered; the others that answer too are hung up on.
"""

from movoice_box.domain.media import MediaTarget
from movoice_box.errors import SdpError, TrunkError
from movoice_box.sip.dialog import Caller, ConfirmedDialog
from movoice_box.sip.digest import Authenticator
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.messages import HeaderList, Message, Request, Response
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.reliable import ReliableSequence, rack, rseq_of
from movoice_box.sip.timers import Failure
from movoice_box.sip.transport import Destination

_MOST_FORKS = 8
_CREDENTIALS = ("Authorization", "Proxy-Authorization")
HUNG_UP = 'SIP;cause=200;text="Call completed elsewhere"'  # RFC 3326 section 2


class Fork:
    """One callee: its dialog, where requests of it go, and what it described."""

    def __init__(self, dialog: ConfirmedDialog, next_hop: Destination) -> None:
        self.dialog = dialog
        self.next_hop = next_hop
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

    def get(self, remote_tag: str) -> Fork | None:
        return self._by_tag.get(remote_tag)

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
            self._authenticator.start_over()
            self._send(fork, "PRACK", [rack(rseq, invite.cseq.sequence)])
        if response.has_sdp:
            fork.described = self._described = response
        return True

    def confirm(self, invite: Request, response: Response, source: Destination) -> Fork:
        """The callee that answered first; its dialog is set up anew by the 2xx (13.2.2.4)."""
        early = self._by_tag.pop(response.to_tag, None)
        fork = self._by_tag[response.to_tag] = self._new(invite, response, source)
        if early:
            fork.described = early.described
            fork.dialog.local_cseq = early.dialog.local_cseq
            fork.dialog.remote_cseq = early.dialog.remote_cseq
        fork.ack = _ack_of(fork.dialog, invite)
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
            self._endpoint.transmit(fork.ack, fork.next_hop)
            return
        if fork is None and len(self._by_tag) > 2 * _MOST_FORKS:
            return
        fork = self.confirm(invite, response, source)
        self._authenticator.start_over()
        self._endpoint.transmit(fork.ack, fork.next_hop)
        self._send(fork, "BYE", [("Reason", HUNG_UP)])

    def _fork(self, invite: Request, response: Response, source: Destination) -> Fork | None:
        if response.to_tag not in self._by_tag:
            if len(self._by_tag) >= _MOST_FORKS:
                return None
            self._by_tag[response.to_tag] = self._new(invite, response, source)
        return self._by_tag[response.to_tag]

    def _new(self, invite: Request, response: Response, source: Destination) -> Fork:
        dialog = ConfirmedDialog.establish(self._caller, invite, response)
        return Fork(dialog, self._endpoint.route(dialog.next_hop, source))

    def _send(self, fork: Fork, method: str, headers: HeaderList) -> None:
        credentials = self._authenticator.headers(method, str(fork.dialog.request_uri))
        request = fork.dialog.request(method, [*headers, *credentials])
        answer_challenge = _Challenged(self, fork, method, headers)
        self._endpoint.send(request, fork.next_hop, answer_challenge)

    def on_challenge(
        self, response: Response, fork: Fork, method: str, headers: HeaderList
    ) -> None:
        """A PRACK or BYE is asked for the password; refused ones change nothing."""
        try:
            self._authenticator.answer(response)
        except TrunkError:
            return
        self._send(fork, method, headers)


class _Challenged:
    """Hears of a request whose outcome matters only if it is a challenge."""

    def __init__(self, forks: Forks, fork: Fork, method: str, headers: HeaderList) -> None:
        self._forks = forks
        self._sent = fork, method, headers

    def on_response(self, response: Response, source: Destination) -> None:
        if response.status in (401, 407):
            self._forks.on_challenge(response, *self._sent)

    def on_failure(self, failure: Failure) -> None: ...


def _ack_of(dialog: ConfirmedDialog, invite: Request) -> bytes:
    """The ACK of a 2xx carries the credentials of its INVITE (RFC 3261 13.2.2.4)."""
    credentials = [(name, value) for name in _CREDENTIALS for value in invite.values(name)]
    return dialog.request("ACK", credentials).pack()
