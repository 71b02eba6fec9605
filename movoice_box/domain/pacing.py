"""Calls-per-second pacing: a place for each call on an even row, so that there are no bursts."""


class Pacing:
    """Hands out times at least 1 / `per_second` apart, in monotonic seconds; None: no limit."""

    def __init__(self, per_second: float | None) -> None:
        self._spacing_s = 1 / per_second if per_second else 0.0
        self._next = float("-inf")

    def free_at(self, now: float) -> float:
        """When the next call may start: `now` at the earliest."""
        return max(now, self._next)

    def take(self, now: float) -> float:
        """Reserve the next place and return its time."""
        place = self.free_at(now)
        self._next = place + self._spacing_s
        return place
