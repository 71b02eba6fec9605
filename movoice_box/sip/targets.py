"""Where the INVITEs of one call go, one after the other: failover and redirection.

Pure: RFC 3263 4.3 (the trunk's addresses in order), RFC 3261 8.1.3.4 and 21.3 (redirection).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from sipmessage import URI

from movoice_box.domain.trunk import Transport
from movoice_box.errors import SipError
from movoice_box.sip.headers import NameAddr, split_list
from movoice_box.sip.messages import Response
from movoice_box.sip.transport import Destination, is_ip

MOST_INVITES = 5  # of one call, challenges not counted
_FOLLOWED = (300, 301, 302)  # not 305 (another proxy) and 380 (another service)


@dataclass(frozen=True, slots=True)
class Target:
    uri: URI
    destination: Destination


class Targets:
    """The targets of one call; `current` is the one that is being tried.

    `is_ours` knows the trunk's names and addresses; it is None where redirects are not followed.
    All goes by the outbound proxy where the trunk `is_proxied`.
    """

    def __init__(
        self,
        uri: URI,
        destinations: Sequence[Destination],
        is_ours: Callable[[str], bool] | None = None,
        *,
        is_proxied: bool = False,
    ) -> None:
        self.current = Target(uri, destinations[0])
        self._left = [Target(uri, destination) for destination in destinations[1:]]
        self._tried = 1
        self._is_ours = is_ours
        self._is_proxied = is_proxied
        self._is_redirected = False

    @property
    def has_next(self) -> bool:
        return bool(self._left) and self._tried < MOST_INVITES

    def advance(self) -> None:
        """Take the next one, where there `has_next`."""
        self._tried += 1
        self.current = self._left.pop(0)

    def redirect(self, response: Response) -> str:
        """Replace what is left by the Contacts of a 3xx; says why where none may be called.

        Only the number that was called, only at the trunk itself, and only once: a redirection
        never makes the box ring a number that nobody checked, or a stranger's server.
        """
        contacts = _contacts(response)
        where = f"redirected to {contacts[0]}" if contacts else "redirected to nowhere"
        if not contacts or response.status not in _FOLLOWED:
            return f"{where} ({response.status} {response.phrase})"
        if self._is_ours is None:
            return f"{where}, and the trunk's redirects are not to be followed"
        if self._is_redirected or self._tried >= MOST_INVITES:
            return f"{where} after another redirect"
        allowed = [uri for uri in contacts if self._is_same_number(uri)]
        if not allowed:
            return f"{where}: no call to a number that the box has not checked"
        near = [uri for uri in allowed if self._is_ours(uri.host.strip("[]")) and self._fits(uri)]
        if not near:
            return f"{where}: that is not the trunk's own address"
        self._is_redirected = True
        self._left = [self._target(uri) for uri in near]
        return ""

    def _is_same_number(self, uri: URI) -> bool:
        """The user part, its own parameters left out, is the one that was called."""
        called, named = (unquote((u.user or "").partition(";")[0]) for u in (self.current.uri, uri))
        return bool(named) and named == called

    def _fits(self, uri: URI) -> bool:
        """By the trunk's transport: a redirect cannot take the encryption away."""
        transport = self.current.destination.transport
        if uri.scheme == "sips":
            return transport is Transport.TLS
        asked = (uri.parameters.get("transport") or "").lower()
        return uri.scheme == "sip" and asked in ("", transport)

    def _target(self, uri: URI) -> Target:
        at = self.current.destination
        if self._is_proxied:
            return Target(uri, at)
        host = uri.host.strip("[]")
        address = host if is_ip(host) else at.address
        return Target(uri, replace(at, address=address, port=uri.port or at.transport.default_port))


def _contacts(response: Response) -> list[URI]:
    """Of a redirection, highest q first (RFC 3261 20.10); unreadable ones are left out."""
    found: list[tuple[float, URI]] = []
    try:
        values = split_list(response.values("Contact"))
    except SipError:
        return []
    for value in values[:MOST_INVITES]:
        try:
            contact = NameAddr.parse(value)
            found.append((-_q(contact), contact.uri))
        except SipError:
            continue
    return [uri for _, uri in sorted(found, key=lambda one: one[0])]


def _q(contact: NameAddr) -> float:
    try:
        return min(max(float(contact.parameters.get("q", "1")), 0.0), 1.0)
    except ValueError:
        return 0.0
