"""Identifiers: a prefix that names the kind, then 26 base32 characters that sort by time (ULID)."""

import secrets
from collections.abc import Callable
from typing import NewType

from movoice_box.clock import Clock

AgentId = NewType("AgentId", str)
BatchId = NewType("BatchId", str)
CallId = NewType("CallId", str)
EventId = NewType("EventId", str)
TrunkId = NewType("TrunkId", str)
WebhookId = NewType("WebhookId", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32, lower case
_RANDOM_BITS = 80
_CHARACTERS = 26


class IdFactory:
    """Makes ids; two made by one factory in the same millisecond still sort in the order made."""

    def __init__(self, clock: Clock, randbits: Callable[[int], int] = secrets.randbits) -> None:
        self._clock = clock
        self._randbits = randbits
        self._last = 0

    def agent(self) -> AgentId:
        return AgentId(self._new("agent"))

    def batch(self) -> BatchId:
        return BatchId(self._new("batch"))

    def call(self) -> CallId:
        return CallId(self._new("call"))

    def event(self) -> EventId:
        return EventId(self._new("evt"))

    def trunk(self) -> TrunkId:
        return TrunkId(self._new("trunk"))

    def webhook(self) -> WebhookId:
        return WebhookId(self._new("webhook"))

    def _new(self, prefix: str) -> str:
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = milliseconds << _RANDOM_BITS | self._randbits(_RANDOM_BITS)
        if number >> _RANDOM_BITS <= self._last >> _RANDOM_BITS:
            number = self._last + 1
        self._last = number
        digits = (number >> 5 * place & 31 for place in reversed(range(_CHARACTERS)))
        return f"{prefix}_{''.join(_ALPHABET[digit] for digit in digits)}"
