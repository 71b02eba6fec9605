"""Whether a trunk that does not register is there, by OPTIONS and by its calls: a pure machine."""

import random
from collections.abc import Callable

_MISSES = 3  # in a row, until a trunk is down


class Health:
    """Tell it each outcome; it says what that makes of the trunk, and when to ask again.

    Silence counts only from a far end that has answered OPTIONS before: some gateways never do, and
    carry calls. `every_s` is the pause while it answers; a third of it while it does not. `jitter`
    draws from between two bounds, so that many boxes do not ask at once.
    """

    def __init__(
        self,
        every_s: float = 30.0,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.is_up: bool | None = None
        """None before anything is known, and of one that is silent but may carry calls."""
        self._every_s = every_s
        self._jitter = jitter
        self._answers = False
        self._misses = 0

    def on_answer(self) -> None:
        """OPTIONS were answered, by whatever status."""
        self._answers = True
        self.on_call_answered()

    def on_call_answered(self) -> None:
        """A call got a response, whatever it said."""
        self.is_up, self._misses = True, 0

    def on_silence(self) -> None:
        """OPTIONS got no answer."""
        self._misses += 1
        if not self._answers:
            self.is_up = None if self.is_up is False else self.is_up
        elif self._misses >= _MISSES:
            self.is_up = False

    def on_unreachable(self) -> None:
        """There is no way: a closed port, no route, no address, or a call without any response."""
        self.is_up, self._misses = False, _MISSES

    @property
    def pause_s(self) -> float:
        """How long to wait until the next OPTIONS."""
        every_s = self._every_s / 3 if self._misses else self._every_s
        return self._jitter(0.8 * every_s, every_s)
