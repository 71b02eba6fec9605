"""A trunk account on the wire: its URIs, our name and Contact there, and where its host is."""

import secrets
from collections.abc import Callable

from sipmessage import URI

from movoice_box.domain.trunk import TrunkAccount
from movoice_box.sip.dialog import Caller
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import DEFAULT_PORT, bracketed
from movoice_box.sip.messages import Response
from movoice_box.sip.transport import Address, Destination

_NAMELESS = "movoice-box"  # the user of a trunk that knows us by our address


class Line:
    """What calls, registration and tests of one account have in common."""

    def __init__(self, account: TrunkAccount, endpoint: SipEndpoint) -> None:
        self.account = account
        self.endpoint = endpoint
        self.peer = f"{bracketed(account.host)}:{account.signalling_port}"
        self.user = account.username or _NAMELESS
        self.on_invite: Callable[[IncomingRequest], None] | None = None
        """Takes each INVITE of a new call from this trunk; None refuses them with 486."""
        self._public: Address | None = None
        self._addresses: set[str] = set()

    async def find(self) -> Destination:
        """Where the host is now: the first candidate. Raises `TrunkError`."""
        return (await self.candidates())[0]

    async def candidates(self) -> tuple[Destination, ...]:
        """Every address of the trunk, in the order in which to try them (RFC 3263 4.2, RFC 2782).

        Never empty. From then on requests from there are no strangers', until `close`. Raises
        `TrunkError`.
        """
        found = await self.endpoint.find(self.account.host, self.account.signalling_port)
        self._addresses.add(found[0])
        self.endpoint.enlist(self)
        return (Destination(*found, transport=self.account.transport),)

    def mark_failed(self, destination: Destination) -> None:
        """This candidate did not answer: try it last for a minute."""

    def is_at(self, address: str) -> bool:
        return address in self._addresses

    def close(self) -> None:
        """The trunk was taken out of use: its host is a stranger again."""
        self._addresses.clear()
        self.endpoint.strike(self)

    def uri(self, user: str | None) -> URI:
        """`user` at the trunk; the trunk itself where it is None."""
        port = self.account.signalling_port
        return URI(
            scheme="sip",
            host=bracketed(self.account.host),
            port=None if port == DEFAULT_PORT else port,
            user=user,
        )

    def caller(self, user: str, call_id: str | None = None) -> Caller:
        """Ourselves, calling as `user`. Raises `TrunkError` where there is no route."""
        local = self.local_address(), self.endpoint.address[1]
        return Caller(
            local=local,
            contact=f"<{self.contact_uri}>",
            from_=f"<{self.uri(user)}>;tag={secrets.token_hex(8)}",
            call_id=call_id or secrets.token_hex(16),
            transport=self.account.transport,
        )

    @property
    def contact_uri(self) -> URI:
        """Where the trunk reaches us: as it sees us, once it has told (RFC 3581)."""
        host, port = self._public or (self.local_address(), self.endpoint.address[1])
        return URI(scheme="sip", host=bracketed(host), port=port, user=self.user)

    def local_address(self) -> str:
        return self.endpoint.local_address(self.account.host, self.account.signalling_port)

    def learn(self, response: Response) -> None:
        """Take note of the address that a NAT gives us."""
        self._public = response.seen_from or self._public
