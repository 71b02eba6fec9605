"""One clock for the media of every call of the box."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from movoice_box.clock import Clock
from movoice_box.domain.media import PTIME_MS

logger = logging.getLogger(__name__)

STEP_MS = 10
_PERIOD_S = STEP_MS / 1000
_LATE_S = 0.005
_MAX_BEHIND_S = 0.1
_BUCKETS = 200  # milliseconds; longer intervals are counted in the last


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerStatistics:
    """`late` ticks ran more than 5 ms after their time; `skipped` never ran. 10 ms apart."""

    ticks: int
    late: int
    skipped: int
    interval_p99_ms: int | None


class Schedule:
    """Deadlines at `start + n * 10 ms`, whatever happens to single ticks.

    A late tick is made up for by shorter intervals, never below 5 ms, so that the far end gets
    no burst. More than 100 ms behind, the ticks that cannot be made up for are skipped.
    """

    def __init__(self, start: float) -> None:
        self.ticks = 0
        self.late = 0
        self.skipped = 0
        self._deadline = start
        self._last: float | None = None
        self._intervals = [0] * (_BUCKETS + 1)

    def restart(self, now: float) -> None:
        """Tick next at `now`: nobody was there for the ticks since the last one."""
        self._deadline = now
        self._last = None

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
    """The media of one call. No method may wait."""

    def send_frame(self, skipped: int) -> None:
        """Send the packet that is due; the turns of `skipped` before it never came."""
        ...

    def hear_frame(self, skipped: int) -> None:
        """Read what has come and play out 20 ms; the turns of `skipped` before never came."""
        ...

    def end_line(self) -> None:
        """It failed and is ticked no more: whoever waits for it has to know."""
        ...


class Turn:
    """Calls that have their turn at the same time, every so many ticks."""

    def __init__(self, now: int) -> None:
        self.calls: dict[Ticked, None] = {}  # in the order they were added: a steady place each
        self._last = now

    def take(self, now: int, period: int) -> tuple[list[Ticked], int]:
        """Whose turn it is, and how many of their turns were skipped."""
        skipped = max(0, (now - self._last) // period - 1)
        self._last = now
        return list(self.calls), skipped


class Wheel:
    """Calls of one period, spread over its ticks so that each has as many as the next."""

    def __init__(self, period: int, now: int = 0) -> None:
        self.period = period
        self._turns = [Turn(now) for _ in range(period)]

    def add(self, call: Ticked) -> Turn:
        """The turn that `call` has from now on; leave it by taking the call out of it."""
        turn = min(self._turns, key=lambda turn: len(turn.calls))
        turn.calls[call] = None
        return turn

    def take(self, now: int) -> tuple[list[Ticked], int]:
        """Whose turn it is in the tick `now`, and how many of their turns were skipped."""
        return self._turns[now % self.period].take(now, self.period)


class Ticker:
    """Has each call send at its own pace and hear every 20 ms, on ticks that are 10 ms apart.

    So a half of the calls of 20 ms does not wait for the other, and packets of 30 or 50 ms leave
    evenly too. In each tick first everyone sends whose turn it is, then they hear: what arrives
    at one call moves the packets of no other. A call that raises is logged and dropped, for its
    neighbours' sake. While there is no call there is no tick.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._schedule = Schedule(clock.monotonic())
        self._now = 0  # ticks
        self._hearing = Wheel(PTIME_MS // STEP_MS)
        self._sending: dict[int, Wheel] = {}
        self._turns: dict[Ticked, tuple[Turn, Turn, int]] = {}  # to hear, to send, packet_ms
        self._has_calls = asyncio.Event()

    def add(self, call: Ticked, packet_ms: int = PTIME_MS) -> None:
        """Let `call` send every `packet_ms`, a multiple of 10; again to change its pace."""
        hearing = None
        if call in self._turns:
            hearing, sending, earlier_ms = self._turns[call]
            if packet_ms == earlier_ms:
                return
            sending.calls.pop(call)
        period = packet_ms // STEP_MS
        wheel = self._sending.setdefault(period, Wheel(period, self._now))
        self._turns[call] = hearing or self._hearing.add(call), wheel.add(call), packet_ms
        self._has_calls.set()

    def remove(self, call: Ticked) -> None:
        if call in self._turns:
            hearing, sending, _ = self._turns.pop(call)
            hearing.calls.pop(call)
            sending.calls.pop(call)

    @property
    def statistics(self) -> TickerStatistics:
        return self._schedule.statistics

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._schedule.restart(self._clock.monotonic())
            while self._turns:
                await asyncio.sleep(self._schedule.wait(self._clock.monotonic()))
                self.tick(self._schedule.tick(self._clock.monotonic()))
            self._has_calls.clear()
            await self._has_calls.wait()

    def tick(self, skipped: int = 0) -> None:
        """Run one tick now, for every call whose turn it is."""
        now = self._now = self._now + 1 + skipped
        for wheel in self._sending.values():
            calls, missed = wheel.take(now)
            for call in calls:
                try:
                    call.send_frame(missed)
                except Exception:
                    self._drop(call)
        calls, missed = self._hearing.take(now)
        for call in calls:
            try:
                call.hear_frame(missed)
            except Exception:
                self._drop(call)

    def _drop(self, call: Ticked) -> None:
        logger.exception("the media of a call failed and is stopped")
        self.remove(call)
        call.end_line()
