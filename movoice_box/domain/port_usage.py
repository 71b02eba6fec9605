"""What a GSM port has carried today, and whether it may take another call."""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from movoice_box.domain.attempt import Attempt
from movoice_box.domain.breaker import PORT_RULE, BreakerState, CircuitBreaker
from movoice_box.domain.gsm_port import GsmPort


@dataclass(frozen=True, slots=True, kw_only=True)
class PortDay:
    """The calls of one port since midnight. `minutes` are rounded up per call, as they are billed.

    `unanswered` counts those since the last that was answered; `last_ended_at` is of any call.
    """

    calls: int = 0
    minutes: int = 0
    answered: int = 0
    talk_s: float = 0.0
    unanswered: int = 0
    last_ended_at: datetime | None = None

    @property
    def answer_rate(self) -> float | None:
        """From 0 to 1; None before the first call."""
        return round(self.answered / self.calls, 4) if self.calls else None

    @property
    def average_talk_s(self) -> float | None:
        """Of the answered calls; None before the first."""
        return round(self.talk_s / self.answered, 1) if self.answered else None

    def after(self, attempt: Attempt, now: datetime) -> "PortDay":
        """The day with one more call in it."""
        return replace(
            self,
            calls=self.calls + 1,
            minutes=self.minutes + math.ceil(attempt.talk_s / 60),
            answered=self.answered + attempt.is_answered,
            talk_s=self.talk_s + attempt.talk_s,
            last_ended_at=now,
        )


class PortState(StrEnum):
    FREE = "free"
    BUSY = "busy"
    PAUSING = "pausing"  # the gap between two calls
    RESTING = "resting"  # cools down, or failed too often
    USED_UP = "used_up"  # the day's calls or minutes


@dataclass(frozen=True, slots=True)
class PortView:
    """How a port is: `until` in monotonic seconds, None where midnight or a call ends it."""

    state: PortState
    reason: str = ""
    until: float | None = None


class PortUsage:
    """One port. It carries one call at a time; times are monotonic seconds."""

    def __init__(self, port: GsmPort, day: PortDay, now: datetime, monotonic: float) -> None:
        """Takes up where the `day` left off, also after the box was started again."""
        self.port = port
        self.day = day
        self.is_busy = False
        self._breaker = CircuitBreaker(PORT_RULE)
        self._last_end = float("-inf")
        self._rests_until = float("-inf")
        self._unanswered = day.unanswered
        self._faults = 0  # in a row
        if day.last_ended_at is not None:
            self._last_end = monotonic - max(0.0, (now - day.last_ended_at).total_seconds())
        if port.rest_after_calls:
            self._unanswered %= port.rest_after_calls
            if day.unanswered and not self._unanswered:
                self._rests_until = self._last_end + 60 * port.rest_minutes

    def follow(self, port: GsmPort) -> None:
        """Take up what the owner changed; a port that was changed gets a new chance."""
        if port != self.port:
            self.port = port
            self._breaker = CircuitBreaker(PORT_RULE)
            self._rests_until = float("-inf")

    def view(self, now: float) -> PortView:
        port, day = self.port, self.day
        if self.is_busy:
            return PortView(PortState.BUSY)
        if port.calls_per_day and day.calls >= port.calls_per_day:
            return PortView(PortState.USED_UP, f"its {port.calls_per_day} calls of the day are up")
        if port.minutes_per_day and day.minutes >= port.minutes_per_day:
            reason = f"its {port.minutes_per_day} minutes of the day are up"
            return PortView(PortState.USED_UP, reason)
        if now < self._rests_until:
            reason = f"cools down after {port.rest_after_calls} calls without an answer"
            return PortView(PortState.RESTING, reason, self._rests_until)
        if self._breaker.state(now) is BreakerState.RESTING:
            return PortView(PortState.RESTING, self._breaker.reason, self._breaker.rests_until)
        if now < (free_at := self._last_end + port.gap_s):
            return PortView(PortState.PAUSING, f"waits {port.gap_s} s between calls", free_at)
        return PortView(PortState.FREE)

    @property
    def load(self) -> tuple[int, int, float]:
        """Sorts ports by what they carried today, then by how long they have been idle."""
        return self.day.calls, self.day.minutes, self._last_end

    def start(self, now: float) -> int | None:
        """A call starts on it; returns the number of the trial of a port that has rested."""
        self.is_busy = True
        return self._breaker.start(now)

    def on_alive(self, trial: int | None) -> None:
        self._breaker.on_alive(trial)

    def drop(self, trial: int | None) -> None:
        """The call that was started was never placed."""
        self.is_busy = False
        self._breaker.on_dropped(trial)

    def end(
        self,
        attempt: Attempt,
        trial: int | None,
        now: datetime,
        monotonic: float,
        *,
        is_today: bool,
    ) -> bool:
        """A call ended; `is_today` False where it was dialed before midnight.

        Returns whether it also tells of the whole trunk: the second fault in a row of one port
        does not, for that port is sick and not the gateway.
        """
        self.is_busy = False
        self._faults = self._faults + 1 if attempt.is_fault else 0
        if attempt.is_silent:  # no SIM was used
            self._breaker.on_dropped(trial)
            return True
        self._last_end = monotonic
        if is_today:
            self.day = self.day.after(attempt, now)
        self._breaker.on_end(attempt, monotonic, trial)
        if attempt.is_answered:
            self._unanswered = 0
        elif not attempt.is_canceled:
            self._unanswered += 1
        if self.port.rest_after_calls and self._unanswered >= self.port.rest_after_calls:
            self._rests_until = monotonic + 60 * self.port.rest_minutes
            self._unanswered = 0
        return self._faults < 2
