"""The circuit breaker: a trunk or GSM port whose failures burst rests, and is then tried again."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from movoice_box.domain.attempt import Attempt

_FIRST_REST_S = 30.0
_LONGEST_REST_S = 600.0
_LONGEST_RETRY_AFTER_S = 3_600.0  # a far end may ask for a day; ours is to look again


class BreakerState(StrEnum):
    CLOSED = "closed"
    RESTING = "resting"
    TRIAL = "trial"  # one call tries it; the others wait for how that goes


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """Opens at `faults` of the last `of` calls within `within_s`, or `silent` unanswered in a row.

    Silent are calls that had no response at all.
    """

    faults: int
    of: int
    within_s: float
    silent: int


TRUNK_RULE = BreakerRule(faults=5, of=10, within_s=60.0, silent=3)
PORT_RULE = BreakerRule(faults=3, of=3, within_s=900.0, silent=3)


class CircuitBreaker:
    """Feed it what becomes of each call; times are monotonic seconds.

    It rests 30 s, twice as long after each trial that fails, at most 10 min; or as long as the far
    end asked for in Retry-After (RFC 3261 21.5.4), at most an hour.
    """

    def __init__(self, rule: BreakerRule = TRUNK_RULE) -> None:
        self._rule = rule
        self._recent: deque[tuple[float, bool]] = deque(maxlen=rule.of)
        self._silent = 0
        self._rests = 0
        self._until: float | None = None
        self._is_asked_for = False
        self._trial: int | None = None
        self._trials = 0
        self.reason = ""
        """Why it rests, or did last."""

    def state(self, now: float) -> BreakerState:
        if self._until is None:
            return BreakerState.CLOSED
        return BreakerState.RESTING if now < self._until else BreakerState.TRIAL

    @property
    def rests_until(self) -> float | None:
        return self._until

    def may_start(self, now: float) -> bool:
        state = self.state(now)
        return state is BreakerState.CLOSED or (state is BreakerState.TRIAL and self._trial is None)

    def start(self, now: float) -> int | None:
        """A call starts; returns the number of the trial where it is one."""
        if self.state(now) is BreakerState.CLOSED:
            return None
        self._trials += 1
        self._trial = self._trials
        return self._trial

    def on_alive(self, trial: int | None) -> None:
        """The far end carries the call: it rings, or was answered. A trial is won by that."""
        if trial is not None and trial == self._trial:
            self._until = None
            self._rests = 0
            self._start_over("")

    def on_recovered(self, now: float) -> None:
        """The far end answers again: a trial need not wait, unless a rest was asked for."""
        if self._until is not None and not self._is_asked_for:
            self._until = min(self._until, now)

    def on_dropped(self, trial: int | None) -> None:
        """A call that was started was never placed."""
        if trial == self._trial:
            self._trial = None

    def on_end(self, attempt: Attempt, now: float, trial: int | None) -> None:
        """How a call ended. One that began before the rest neither ends nor prolongs it."""
        if attempt.is_canceled and not attempt.has_rung:
            self.on_dropped(trial)  # it says nothing of the far end
            return
        self.on_alive(None if attempt.is_fault else trial)
        self._recent.append((now, attempt.is_fault))
        self._silent = self._silent + 1 if attempt.is_silent else 0
        if attempt.retry_after_s:
            self._rest_as_asked(attempt, now)
        elif self._until is None:
            if why := self._burst(now):
                self._rest(now, f"{why}: {attempt.reason}" if attempt.reason else why)
        elif trial is not None and trial == self._trial:
            self._rest(now, f"failed again when tried: {attempt.reason}")

    def _burst(self, now: float) -> str | None:
        if self._silent >= self._rule.silent:
            return f"did not answer the last {self._silent} calls"
        faults = sum(is_fault and now - at <= self._rule.within_s for at, is_fault in self._recent)
        if faults >= self._rule.faults:
            return f"failed {faults} of the last {len(self._recent)} calls"
        return None

    def _rest(self, now: float, reason: str) -> None:
        self._is_asked_for = False
        self._until = now + min(_FIRST_REST_S * 2**self._rests, _LONGEST_REST_S)
        self._rests += 1
        self._start_over(reason)

    def _rest_as_asked(self, attempt: Attempt, now: float) -> None:
        wait_s = min(attempt.retry_after_s or 0.0, _LONGEST_RETRY_AFTER_S)
        self._is_asked_for = True
        self._until = max(self._until or now, now + wait_s)
        asked = f"asked for a rest of {wait_s:.0f} s"
        self._start_over(f"{asked}: {attempt.reason}" if attempt.reason else asked)

    def _start_over(self, reason: str) -> None:
        self._trial = None
        self._silent = 0
        self._recent.clear()
        self.reason = reason
