"""Runs a pure machine by hand: its timers on a clock that only the test moves."""

from collections.abc import Iterable
from typing import Protocol

from movoice_box.sip.timers import StartTimer, StopTimer, Terminate


class Machine(Protocol):
    def on_timer(self, name: str) -> Iterable[object]: ...


class Harness:
    """Performs timers and keeps every other action with the second it came at."""

    def __init__(self, machine: Machine) -> None:
        self.now = 0.0
        self.done: list[tuple[float, object]] = []
        self._machine = machine
        self._timers: dict[str, float] = {}

    @property
    def actions(self) -> list[object]:
        return [action for _, action in self.done]

    @property
    def running_timers(self) -> set[str]:
        return set(self._timers)

    def perform(self, actions: Iterable[object]) -> list[object]:
        """Do what an event returned; gives back what is not about timers."""
        kept: list[object] = []
        for action in actions:
            match action:
                case StartTimer(name, seconds):
                    self._timers[name] = self.now + seconds
                case StopTimer(name):
                    self._timers.pop(name, None)
                case _:
                    if action == Terminate():
                        self._timers.clear()
                    self.done.append((round(self.now, 3), action))
                    kept.append(action)
        return kept

    def pass_time(self, seconds: float) -> list[object]:
        """Move the clock, firing timers when they are due; gives back what they did."""
        end, kept = self.now + seconds, []
        while due := [(at, name) for name, at in self._timers.items() if at <= end]:
            self.now, name = min(due)
            del self._timers[name]
            kept += self.perform(self._machine.on_timer(name))
        self.now = end
        return kept
