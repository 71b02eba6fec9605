"""The only module that reads the machine's clocks; everyone else is handed a `Clock`."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC, for records."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, for durations; never goes back."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
