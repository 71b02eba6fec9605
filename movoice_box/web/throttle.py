"""Slowing down whoever guesses passwords."""

import ipaddress
from dataclasses import dataclass

from movoice_box.clock import Clock
from movoice_box.errors import AccessError

_FREE_FAILURES = 5
_LONGEST_WAIT_S = 300.0
_FORGET_AFTER_S = 3600.0
_MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class _Record:
    failures: int
    last_at: float

    @property
    def open_at(self) -> float:
        if self.failures < _FREE_FAILURES:
            return self.last_at
        return self.last_at + min(2.0 ** (self.failures - _FREE_FAILURES + 1), _LONGEST_WAIT_S)


class Throttle:
    """Counts failures by address; from the fifth on, each next one must wait twice as long.

    Times are seconds of the monotonic clock. An IPv6 address counts with all of its /64.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def check(self, address: str) -> None:
        """Raises `AccessError` with code `too_many_attempts` while `address` must wait."""
        record = self._records.get(_network(address))
        wait = record.open_at - self._clock.monotonic() if record else 0.0
        if wait > 0:
            raise AccessError(
                f"too many wrong passwords from here: wait {int(wait) + 1} s",
                code="too_many_attempts",
            )

    def note_failure(self, address: str) -> None:
        now = self._clock.monotonic()
        network = _network(address)
        record = self._records.pop(network, None)
        if record is None or now - record.last_at > _FORGET_AFTER_S:
            record = _Record(0, now)
        record.failures += 1
        record.last_at = now
        self._records[network] = record  # last in order: the oldest go first
        while len(self._records) > _MOST_ADDRESSES:
            del self._records[next(iter(self._records))]

    def forget(self, address: str) -> None:
        """Start anew after a right password."""
        self._records.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
