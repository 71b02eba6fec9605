"""One 20 ms tick for every call of the box."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from movoice_box.clock import Clock
from movoice_box.domain.media import PTIME_MS

logger = logging.getLogger(__name__)

_PERIOD_S = PTIME_MS / 1000
_LATE_S = 0.005
_MAX_BEHIND_S = 0.1
_BUCKETS = 200  # milliseconds; longer intervals are counted in the last


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerStatistics:
    """`late` ticks ran more than 5 ms after their time; `skipped` never ran."""

    ticks: int
    late: int
    skipped: int
    interval_p99_ms: int | None


class Schedule:
    """Deadlines at `start + n * 20 ms`, whatever happens to single ticks.

    A late tick is made up for by shorter intervals, never below 10 ms, so that the far end gets
    no burst. More than 100 ms behind, the ticks that cannot be made up for are skipped.
    """

    def __init__(self, start: float) -> None:
        self.ticks = 0
        self.late = 0
        self.skipped = 0
        self._deadline = start
        self._last: float | None = None
        self._intervals = [0] * (_BUCKETS + 1)

    def wait(self, now: float) -> float:
        """Seconds to the next tick; zero or less when it is due."""
        soonest = self._deadline if self._last is None else self._last + _PERIOD_S / 2
        return max(self._deadline, soonest) - now

    def tick(self, now: float) -> int:
        """Note that a tick runs `now`; how many before it have to be skipped."""
        behind = now - self._deadline
        skipped = int(behind / _PERIOD_S) if behind > _MAX_BEHIND_S else 0
        self.ticks += 1
        self.late += behind > _LATE_S
        self.skipped += skipped
        self._deadline += (1 + skipped) * _PERIOD_S
        if self._last is not None:
            self._intervals[min(round((now - self._last) * 1000), _BUCKETS)] += 1
        self._last = now
        return skipped

    @property
    def statistics(self) -> TickerStatistics:
        return TickerStatistics(
            ticks=self.ticks,
            late=self.late,
            skipped=self.skipped,
            interval_p99_ms=self._percentile(0.99),
        )

    def _percentile(self, share: float) -> int | None:
        wanted, counted = share * sum(self._intervals), 0
        for milliseconds, count in enumerate(self._intervals):
            counted += count
            if counted and counted >= wanted:
                return milliseconds
        return None


class Ticked(Protocol):
    """The media of one call. Neither method may wait."""

    def send_frame(self, skipped: int) -> None:
        """Send this tick's packet; `skipped` ticks before it never ran."""
        ...

    def hear_frame(self, skipped: int) -> None:
        """Read what has come and play out this tick's frame."""
        ...

    def end_line(self) -> None:
        """It failed and is ticked no more: whoever waits for it has to know."""
        ...


class Ticker:
    """Ticks every call, 20 ms apart: first all of them send, then all of them hear.

    So what arrives at one call moves the packets of no other. A call that raises is logged and
    dropped, for its neighbours' sake.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._schedule = Schedule(clock.monotonic())
        self._calls: dict[Ticked, None] = {}  # in the order they were added: a steady place each

    def add(self, call: Ticked) -> None:
        self._calls[call] = None

    def remove(self, call: Ticked) -> None:
        self._calls.pop(call, None)

    @property
    def statistics(self) -> TickerStatistics:
        return self._schedule.statistics

    async def run(self) -> None:
        """Run until cancelled."""
        self._schedule = Schedule(self._clock.monotonic())
        while True:
            await asyncio.sleep(self._schedule.wait(self._clock.monotonic()))
            self.tick(self._schedule.tick(self._clock.monotonic()))

    def tick(self, skipped: int = 0) -> None:
        """Run one tick now, for every call."""
        for call in list(self._calls):
            try:
                call.send_frame(skipped)
            except Exception:
                self._drop(call)
        for call in list(self._calls):
            try:
                call.hear_frame(skipped)
            except Exception:
                self._drop(call)

    def _drop(self, call: Ticked) -> None:
        logger.exception("the media of a call failed and is stopped")
        self.remove(call)
        call.end_line()
