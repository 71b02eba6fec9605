"""What a conversation asks of whatever decides what the agent says next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Key:
    """The callee pressed a key: one of `0-9*#A-D`."""

    key: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The callee said nothing while the agent waited."""


Heard = Key | Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The agent's next move: speak the texts of `say` in order, then wait `wait_s` for the callee.

    `say` is as people write it ("₹2500"); it is put into spoken words later. A key of `keys` stops
    the speech and is the answer; other keys are not heard. `understood` puts into words what was
    heard before this turn, for the transcript. `outcome`, `collected` and `opted_out` tell how the
    conversation stands by now. After a turn that `ends` without being interrupted it is over, and
    the number in `transfer` takes over.
    """

    say: tuple[str, ...]
    keys: frozenset[str] = KEYS
    wait_s: float = 0.0
    ends: bool = False
    understood: str | None = None
    transfer: str | None = None
    outcome: str | None = None
    collected: Mapping[str, str] = field(default_factory=dict)
    opted_out: bool = False


class Brain(Protocol):
    """One conversation's mind: it remembers, so every call needs its own."""

    async def open(self) -> Turn:
        """The first turn. It is asked for before the call is placed."""
        ...

    async def hear(self, heard: Heard) -> Turn:
        """What to do after the callee answered the last turn, or let it pass."""
        ...

    def may_say(self) -> tuple[str, ...]:
        """Texts that the next turn may need, likeliest first, to be spoken without delay."""
        ...

    async def summarize(self, outcome: str) -> str:
        """The conversation in a sentence, once it has ended with `outcome`."""
        ...
