"""Dialog state of either side, and the requests built from it (RFC 3261 section 12)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sipmessage import URI

from movoice_box.domain.trunk import Transport
from movoice_box.errors import SipError
from movoice_box.sip.headers import NameAddr, bracketed, split_list
from movoice_box.sip.messages import (
    BRANCH_COOKIE,
    MAX_FORWARDS,
    USER_AGENT,
    HeaderList,
    Message,
    Request,
    Response,
    build_request,
)
from movoice_box.sip.transport import Address

SUPPORTED_METHODS = (
    *("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"),
    *("PRACK", "UPDATE", "INFO", "NOTIFY"),
)
ALLOW = ("Allow", ", ".join(SUPPORTED_METHODS))
_WITH_CONTACT = ("INVITE", "REGISTER", "OPTIONS", "UPDATE", "REFER")
_WITH_ALLOW = ("INVITE", "OPTIONS", "UPDATE")


def _new_via(local: Address, transport: Transport) -> str:
    """A Via with a fresh branch, asking for the source seen (RFC 3581)."""
    branch = f"{BRANCH_COOKIE}{secrets.token_hex(10)}"
    return f"SIP/2.0/{transport.upper()} {bracketed(local[0])}:{local[1]};branch={branch};rport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls and from where: the parts of a request that stay the same for one call.

    `local` is our address as the peer's network sees it, `contact` where in-dialog requests reach
    us; `from_` carries our tag; `transport` goes into each Via; `preloaded` is the Route of
    requests outside a dialog.
    """

    local: Address
    contact: str
    from_: str
    call_id: str
    transport: Transport = Transport.UDP
    preloaded: tuple[str, ...] = ()

    def request(
        self,
        method: str,
        uri: URI,
        to: str,
        cseq: int,
        *,
        routes: Sequence[str] | None = None,
        headers: HeaderList = (),
        sdp: bytes = b"",
    ) -> Request:
        """Any request of this call but a CANCEL, with a branch of its own."""
        lines = [
            ("Via", _new_via(self.local, self.transport)),
            *(("Route", route) for route in (self.preloaded if routes is None else routes)),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.from_),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method in _WITH_CONTACT:
            lines += [("Contact", self.contact)]
        if method in _WITH_ALLOW:
            lines += [ALLOW, ("Accept", "application/sdp")]
        lines += [("User-Agent", USER_AGENT), *headers]
        return build_request(method, uri, lines, sdp=sdp)


def cancel_of(invite: Request) -> Request:
    """The CANCEL of an INVITE: its Request-URI, Via, From, To, Call-ID, Route (RFC 3261 9.1)."""
    copied = ("Via", "Route", "Max-Forwards", "From", "To", "Call-ID")
    lines = [(name, value) for name in copied for value in invite.values(name)]
    lines += [("CSeq", f"{invite.cseq.sequence} CANCEL"), ("User-Agent", USER_AGENT)]
    return build_request("CANCEL", invite.uri, lines)


@dataclass(slots=True, kw_only=True)
class ConfirmedDialog:
    """What a 2xx established, to our INVITE or of ours; `is_caller` tells which."""

    caller: Caller
    remote: str
    remote_tag: str
    remote_target: URI
    route_set: tuple[str, ...]
    local_cseq: int
    invite_cseq: int
    remote_cseq: int = -1
    is_caller: bool = True

    @classmethod
    def establish(cls, caller: Caller, invite: Request, response: Response) -> Self:
        """By RFC 3261 12.1.2; without a readable Contact the peer stays where it was called."""
        contact = response.contact
        return cls(
            caller=caller,
            remote=response.require("To"),
            remote_tag=response.to_tag,
            remote_target=contact.uri if contact else invite.uri,
            route_set=tuple(reversed(readable_routes(response))),
            local_cseq=invite.cseq.sequence,
            invite_cseq=invite.cseq.sequence,
        )

    @classmethod
    def accept(cls, callee: Caller, invite: Request) -> Self:
        """By RFC 3261 12.1.1; `callee` is ourselves, with the tag of our 2xx."""
        sender = NameAddr.parse(invite.require("From"))
        return cls(
            caller=callee,
            remote=invite.require("From"),
            remote_tag=sender.tag,
            remote_target=invite.contact.uri if invite.contact else sender.uri,
            route_set=tuple(readable_routes(invite)),
            local_cseq=0,
            invite_cseq=0,
            remote_cseq=invite.cseq.sequence,
            is_caller=False,
        )

    @property
    def next_hop(self) -> URI:
        """Where requests go: the first route, or the remote target."""
        return NameAddr.parse(self.route_set[0]).uri if self.route_set else self.remote_target

    def request(self, method: str, headers: HeaderList = (), body: bytes = b"") -> Request:
        """A request inside the dialog (RFC 3261 12.2.1.1); ACK keeps the CSeq of the INVITE."""
        if method != "ACK":
            self.local_cseq += 1
        if method == "INVITE":
            self.invite_cseq = self.local_cseq
        cseq = self.invite_cseq if method == "ACK" else self.local_cseq
        uri, routes = self.request_uri, list(self.route_set)
        if routes and "lr" not in self.next_hop.parameters:  # a strict router of RFC 2543
            routes = [*routes[1:], f"<{self.remote_target}>"]
        return self.caller.request(
            method, uri, self.remote, cseq, routes=routes, headers=headers, sdp=body
        )

    @property
    def request_uri(self) -> URI:
        if self.route_set and "lr" not in self.next_hop.parameters:
            return self.next_hop
        return self.remote_target

    def is_in_order(self, request: Request) -> bool:
        """Take note of the peer's CSeq; False where it does not rise (RFC 3261 12.2.2)."""
        if request.cseq.sequence <= self.remote_cseq:
            return False
        self.remote_cseq = request.cseq.sequence
        return True

    def refresh_target(self, message: Message) -> None:
        """A re-INVITE, UPDATE or a 2xx to one may move the peer (RFC 3261 12.2, RFC 3311 5)."""
        if message.contact:
            self.remote_target = message.contact.uri


def readable_routes(message: Message, name: str = "Record-Route") -> list[str]:
    """The values of that header; none where one of them is unreadable, for a half set misroutes."""
    try:
        routes = split_list(message.values(name))
        for route in routes:
            NameAddr.parse(route)
    except SipError:
        return []
    return routes
