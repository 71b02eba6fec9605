"""Where a trunk is: RFC 3263 as far as an account needs it, whose owner chose the transport.

A literal address is itself; a name with a port is looked up as an address (A, AAAA, /etc/hosts); a
name without one is first asked for SRV records (RFC 2782).
"""

import asyncio
import ipaddress
import logging
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdtypes.IN.SRV import SRV

from movoice_box.clock import Clock
from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError
from movoice_box.sip.transport import Address, Destination

logger = logging.getLogger(__name__)

_SRV_WAIT_S = 2.0
_ADDRESS_WAIT_S = 5.0
_KEPT_S = (5.0, 300.0)
_ADDRESSES_KEPT_S = 60.0  # the system's resolver tells no TTL
_FAILED_FOR_S = 60.0
_MOST_TARGETS = 8
_MOST_KEPT = 500  # hosts
_SERVICES = {Transport.UDP: "_sip._udp", Transport.TCP: "_sip._tcp", Transport.TLS: "_sips._tcp"}


@dataclass(frozen=True, slots=True)
class Target:
    """One SRV record, or a name that stands for itself. Lower `priority` is tried first."""

    host: str
    port: int
    priority: int = 0
    weight: int = 0
    addresses: tuple[str, ...] = ()


_Asked = tuple[str, int | None, Transport, int]  # host, port, transport and family


@dataclass(frozen=True, slots=True)
class _Found:
    targets: tuple[Target, ...]
    until: float


class Locator:
    """Looks names up, remembers what it found, and what has failed.

    `resolver` makes the DNS client of one look-up, by default as /etc/resolv.conf says; `chance`
    draws among SRV targets of one priority.
    """

    def __init__(
        self,
        clock: Clock,
        resolver: Callable[[], dns.asyncresolver.Resolver] = dns.asyncresolver.Resolver,
        chance: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._resolver = resolver
        self._chance = chance or random.SystemRandom()
        self._found: dict[_Asked, _Found] = {}
        self._failed: dict[Destination, float] = {}

    async def locate(
        self, host: str, port: int | None, transport: Transport, family: socket.AddressFamily
    ) -> tuple[Address, ...]:
        """Every address, in the order in which to try them; never empty.

        Kept for the records' TTL, for longer while DNS is silent. `AF_UNSPEC` is both families.
        Raises `TrunkError`.
        """
        if literal := _literal(host, port or transport.default_port, family):
            return (literal,)
        key = (host.lower(), port, transport, int(family))
        found = self._found.get(key)
        if found is None or self._clock.monotonic() >= found.until:
            try:
                found = await self._look_up(host, port, transport, family, is_known=bool(found))
            except TrunkError as error:
                if found is None:
                    raise
                logger.warning("kept the old address of a trunk's host: %s", error)
                found = _Found(found.targets, self._clock.monotonic() + _KEPT_S[0])
            self._keep(key, found)
        ordered = in_order(found.targets, self._chance)
        pairs = ((address, target.port) for target in ordered for address in target.addresses)
        return tuple(dict.fromkeys(pairs))

    def _keep(self, key: _Asked, found: _Found) -> None:
        """The oldest goes where there are too many: far ends name hosts too, in each Contact."""
        self._found.pop(key, None)
        self._found[key] = found
        if len(self._found) > _MOST_KEPT:
            del self._found[next(iter(self._found))]

    def mark_failed(self, destination: Destination) -> None:
        """Let `destination` be tried last for a minute."""
        self._failed[destination] = self._clock.monotonic() + _FAILED_FOR_S

    def failed_last(self, destinations: Sequence[Destination]) -> tuple[Destination, ...]:
        now = self._clock.monotonic()
        self._failed = {failed: until for failed, until in self._failed.items() if until > now}
        return tuple(sorted(destinations, key=self._failed.__contains__))

    async def _look_up(
        self,
        host: str,
        port: int | None,
        transport: Transport,
        family: socket.AddressFamily,
        *,
        is_known: bool,
    ) -> _Found:
        """SRV and address at once: where DNS is slow or absent, one wait is enough."""
        has_services = port is None and "." in host.strip(".")
        services, direct = await asyncio.gather(
            self._services(f"{_SERVICES[transport]}.{host}", is_known)
            if has_services
            else _nothing(),
            _addressed(Target(host, port or transport.default_port), family),
        )
        kept_s, located = _ADDRESSES_KEPT_S, [direct]
        if services:
            kept_s, targets = services
            if not targets:
                raise TrunkError(f"'{host}' has no SIP over {transport.upper()}, its DNS says")
            located = await asyncio.gather(*(_addressed(target, family) for target in targets))
        if found := tuple(target for target, _ in located if target.addresses):
            return _Found(found, self._clock.monotonic() + kept_s)
        raise TrunkError("; ".join(trouble for _, trouble in located))

    async def _services(self, name: str, is_known: bool) -> tuple[float, tuple[Target, ...]] | None:
        """How long the SRV records hold, and what they name; None where there are none.

        Where DNS is silent none are assumed, unless the host `is_known`. Raises `TrunkError` then.
        """
        try:
            async with asyncio.timeout(_SRV_WAIT_S):
                answer = await self._resolver().resolve(name, "SRV", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.NoResolverConfiguration):
            return None
        except (dns.exception.DNSException, OSError) as error:
            if is_known:
                raise TrunkError(f"no answer from DNS for '{name}'") from error
            return None
        ttl_s = float(answer.rrset.ttl) if answer.rrset else 0.0
        records = [record for record in answer if isinstance(record, SRV)]
        targets = [
            Target(str(record.target).rstrip("."), record.port, record.priority, record.weight)
            for record in records
            if str(record.target) != "."  # the service is decidedly not available (RFC 2782)
        ]
        targets.sort(key=_priority)
        return min(max(ttl_s, _KEPT_S[0]), _KEPT_S[1]), tuple(targets[:_MOST_TARGETS])


def in_order(targets: Sequence[Target], chance: random.Random) -> list[Target]:
    """By priority; among equals drawn by weight, so that load is shared (RFC 2782)."""
    ordered: list[Target] = []
    for _, group in groupby(sorted(targets, key=lambda target: target.priority), _priority):
        left = sorted(group, key=lambda target: target.weight > 0)  # weight 0 first, for the draw
        while left:
            drawn = chance.randint(0, sum(target.weight for target in left))
            for target in left:
                drawn -= target.weight
                if drawn <= 0:
                    break
            left.remove(target)
            ordered.append(target)
    return ordered


async def resolve(host: str, port: int, family: socket.AddressFamily, wait_s: float) -> Address:
    """The first address of `host`, by the system's resolver. Raises `TrunkError`."""
    target, trouble = await _addressed(Target(host, port), family, wait_s)
    if not target.addresses:
        raise TrunkError(trouble)
    return target.addresses[0], port


async def _addressed(
    target: Target, family: socket.AddressFamily, wait_s: float = _ADDRESS_WAIT_S
) -> tuple[Target, str]:
    """`target` with its addresses; without any, why there are none."""
    loop = asyncio.get_running_loop()
    host = target.host
    try:
        async with asyncio.timeout(wait_s):
            found = await loop.getaddrinfo(host, None, family=family, type=socket.SOCK_DGRAM)
    except TimeoutError:
        return target, f"no answer from DNS for '{host}' in {wait_s:g} s"
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        return target, f"cannot find the address of '{host}': {reason}"
    addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    return replace(target, addresses=tuple(addresses)), ""


async def _nothing() -> None:
    """No SRV records."""


def _priority(target: Target) -> int:
    return target.priority


def _literal(host: str, port: int, family: socket.AddressFamily) -> Address | None:
    """`host` itself where it is an address. Raises `TrunkError` for one of the other family."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if family not in (socket.AF_UNSPEC, socket.AF_INET6 if version == 6 else socket.AF_INET):
        raise TrunkError(f"{host} is IPv{version}, but [sip] listen is not: '[::]:5060' is both")
    return host, port
