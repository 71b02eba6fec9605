"""A trunk account on the wire: its URIs, our name and Contact there, and where its host is."""

import secrets
from collections.abc import Callable
from functools import partial

from sipmessage import URI, Parameters

from movoice_box.domain.trunk import Transport, TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.sip.dialog import Caller
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import bracketed
from movoice_box.sip.messages import Response
from movoice_box.sip.transport import Address, Destination, TlsPolicy, is_ip

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
        self.on_reconnect: Callable[[], None] | None = None
        """Hears that the connection to the trunk was lost, over which it reached us."""
        self.service_route: tuple[str, ...] = ()
        """What the registrar wants our requests to pass, behind the outbound proxy (RFC 3608)."""
        self.calls: set[Callable[[Destination], None]] = set()
        """Calls that go out, which hear of each connection that was lost."""
        self._public: Address | None = None
        self._candidates: frozenset[Destination] = frozenset()
        self._latest: Destination | None = None
        self._is_closed = False

    async def find(self) -> Destination:
        """Where the trunk is now: the first candidate; of TCP and TLS, the first that is connected.

        Raises `TrunkError` that says why there is none.
        """
        for destination in (candidates := await self.candidates()):
            try:
                await self.endpoint.connect(destination)
            except TrunkError:
                self.mark_failed(destination)
                if destination == candidates[-1]:
                    raise
            else:
                break
        self._latest = destination
        return destination

    async def candidates(self) -> tuple[Destination, ...]:
        """Every address of the trunk, in the order in which to try them (RFC 3263 4.2, RFC 2782).

        Never empty. From then on requests from there are no strangers', until `close`. Raises
        `TrunkError`, also after it: a look-up may outlast the trunk.
        """
        account = self.account
        host, port = account.proxy or (account.host, account.port)
        is_tls = account.transport is Transport.TLS
        tls = TlsPolicy(host, account.tls_ca) if is_tls else None
        found = await self.endpoint.locate(host, port, account.transport)
        located = [Destination(*address, account.transport, tls) for address in found]
        ordered = self.endpoint.locator.failed_last(located)
        if self._is_closed:
            raise TrunkError(f"trunk '{account.name}' was taken out of use")
        self._candidates = frozenset(ordered)
        if self._latest not in self._candidates:
            self._latest = ordered[0]
        self.endpoint.enlist(self)
        return ordered

    def mark_failed(self, destination: Destination) -> None:
        """This candidate did not answer: try it last for a minute."""
        self.endpoint.locator.mark_failed(destination)

    def is_at(self, address: str, port: int | None = None) -> bool:
        return any(
            found.address == address and port in (None, found.port) for found in self._candidates
        )

    @property
    def kept_alive(self) -> Destination | None:
        return self._latest if self.account.register else None

    def on_lost(self, destination: Destination) -> None:
        """The trunk knows us by that connection no more."""
        for on_lost in [*self.calls]:
            self.endpoint.guard(partial(on_lost, destination))
        if destination == self._latest:
            self._public = None
            if self.on_reconnect:
                self.on_reconnect()

    def close(self) -> None:
        """The trunk was taken out of use: its host is a stranger again."""
        self._is_closed = True
        self._candidates, self._latest = frozenset(), None
        self.endpoint.strike(self)

    def uri(self, user: str | None) -> URI:
        """`user` at the trunk; the trunk itself where it is None.

        Without a transport parameter: it is not allowed in From and To (RFC 3261 19.1.1), and the
        next hop is ours to choose.
        """
        port = self.account.port
        return URI(
            scheme="sip",
            host=bracketed(self.account.host),
            port=None if port == self.account.transport.default_port else port,
            user=user,
        )

    def caller(self, user: str, call_id: str | None = None) -> Caller:
        """Ourselves, calling as `user`. Raises `TrunkError` where there is no route."""
        return Caller(
            local=self._own_end(),
            contact=f"<{self.contact_uri}>",
            from_=f"<{self.uri(user)}>;tag={secrets.token_hex(8)}",
            call_id=call_id or secrets.token_hex(16),
            transport=self.account.transport,
            preloaded=(*self.own_route, *self.service_route),
        )

    @property
    def contact_uri(self) -> URI:
        """Where the trunk reaches us: as it sees us, once it has told (RFC 3581)."""
        host, port = self._public or self._own_end()
        transport = self.account.transport
        is_udp = transport is Transport.UDP
        return URI(
            scheme="sip",
            host=bracketed(host),
            port=port,
            user=self.user,
            parameters=Parameters() if is_udp else Parameters(transport=transport.value),
        )

    def local_address(self) -> str:
        """Our address as the trunk's network sees it. Raises `TrunkError`."""
        host, _ = self.account.proxy or (self.account.host, None)
        found = self._latest.address if self._latest else host
        return self.endpoint.local_address(found if is_ip(found) else None)

    def learn(self, response: Response) -> None:
        """Take note of the address that a NAT gives us.

        A trunk that sees our own address by TCP reaches us where we listen, whatever port the
        connection has; by TLS it can only use the connection.
        """
        seen = response.seen_from
        if seen is None:
            return
        is_tcp = self.account.transport is Transport.TCP
        self._public = None if is_tcp and seen[0] == self.local_address() else seen

    def _own_end(self) -> Address:
        """Our address and port; of TLS, which nobody can open towards us, of the connection."""
        is_tls = self.account.transport is Transport.TLS
        if is_tls and self._latest and (own := self.endpoint.own_end(self._latest)):
            return own
        return self.local_address(), self.endpoint.address[1]

    @property
    def own_route(self) -> tuple[str, ...]:
        """The way by the outbound proxy, for requests outside a dialog (RFC 3261 8.1.2)."""
        if self.account.proxy is None:
            return ()
        host, port = self.account.proxy
        at_port = f":{port}" if port else ""
        transport = self.account.transport
        by = "" if transport is Transport.UDP else f";transport={transport}"
        return (f"<sip:{bracketed(host)}{at_port}{by};lr>",)
