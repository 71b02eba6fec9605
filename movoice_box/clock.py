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


class StepWatch:
    """Tells when somebody sets the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._now()

    def step_s(self) -> float:
        """By how many seconds the clock was set since this was last asked, below zero for back."""
        before, self._offset = self._offset, self._now()
        return self._offset - before

    def _now(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
