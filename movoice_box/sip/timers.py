"""What a SIP state machine may ask its shell to do, and how long its timers run.

The machines hold no sockets and no clock: each event returns the actions to perform.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class TimerValues:
    """The timers of RFC 3261 table 4, in seconds; all others follow from these."""

    t1: float = 0.5  # round-trip estimate
    t2: float = 4.0  # longest gap between retransmissions
    t4: float = 5.0  # longest life of a message in the network

    @property
    def timeout(self) -> float:
        """64*T1: timers B, D, F, H, J, L and M over UDP."""
        return 64 * self.t1


RFC_TIMERS = TimerValues()


class Failure(Enum):
    """Why a transaction ended without a final response, or a 2xx without its ACK."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"

    def explain(self, peer: str, seconds: float, timer: str = "") -> str:
        """A sentence for people: `peer` is `host:port`, `timer` the RFC's name of the limit."""
        if self is Failure.UNREACHABLE:
            return f"{peer} is closed or has no route: check the trunk's host, port and transport"
        which, port = f" (timer {timer})" if timer else "", peer.rpartition(":")[2]
        return f"no answer from {peer} in {seconds:g} s{which}: is port {port} open outwards?"


@dataclass(frozen=True, slots=True)
class Send:
    """Send the transaction's request or last response (again), or its ACK."""

    what: str


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Call `on_timer(name)` in `seconds`, in place of any timer of that name."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    name: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the response with this status to the transaction's user."""

    status: int


@dataclass(frozen=True, slots=True)
class Fail:
    """Tell the user that no final response will come."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Terminate:
    """Forget the transaction and its timers."""


Action = Send | StartTimer | StopTimer | Deliver | Fail | Terminate
