"""Client transactions (RFC 3261 17.1, INVITE as corrected by RFC 6026).

Over TCP and TLS, which are reliable, nothing is sent twice and no copy can come late: timers A and
E never run, D and K are zero.
"""

from enum import Enum, auto

from movoice_box.sip.timers import (
    Action,
    Deliver,
    Fail,
    Failure,
    Send,
    StartTimer,
    StopTimer,
    Terminate,
    TimerValues,
)


class State(Enum):
    CALLING = auto()  # "Trying" for a request other than INVITE
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    TERMINATED = auto()


class InviteClientTransaction:
    """Feed it responses and timer names; do what the returned actions say."""

    def __init__(self, timers: TimerValues, *, is_reliable: bool = False) -> None:
        self.state = State.CALLING
        self._timers = timers
        self._timer_a = timers.t1
        self._is_reliable = is_reliable

    def start(self) -> list[Action]:
        again = [] if self._is_reliable else [StartTimer("A", self._timer_a)]
        return [Send("request"), *again, StartTimer("B", self._timers.timeout)]

    def stop_retransmission(self) -> list[Action]:
        """The call was given up before any response: ring nobody by a late retransmission."""
        return [StopTimer("A")]

    def abandon(self) -> list[Action]:
        """The user waits no longer for a final response (RFC 3261 9.1)."""
        return self._terminate()

    def on_response(self, status: int) -> list[Action]:
        match self.state:
            case State.CALLING | State.PROCEEDING if status < 200:
                self.state = State.PROCEEDING
                return [StopTimer("A"), StopTimer("B"), Deliver(status)]
            case State.CALLING | State.PROCEEDING if status < 300:
                self.state = State.ACCEPTED
                return [
                    StopTimer("A"),
                    StopTimer("B"),
                    StartTimer("M", self._timers.timeout),
                    Deliver(status),
                ]
            case State.CALLING | State.PROCEEDING:
                return [
                    StopTimer("A"),
                    StopTimer("B"),
                    Send("ACK"),
                    *self._complete("D", self._timers.timeout),
                    Deliver(status),
                ]
            case State.ACCEPTED if 200 <= status < 300:
                return [Deliver(status)]  # the dialog repeats its ACK
            case State.COMPLETED if status >= 300:
                return [Send("ACK")]
            case _:
                return []

    def on_timer(self, name: str) -> list[Action]:
        match self.state, name:
            case State.CALLING, "A":
                self._timer_a *= 2
                return [Send("request"), StartTimer("A", self._timer_a)]
            case State.CALLING, "B":
                return [Fail(Failure.TIMEOUT), *self._terminate()]
            case (State.COMPLETED, "D") | (State.ACCEPTED, "M"):
                return self._terminate()
            case _:
                return []

    def on_transport_error(self) -> list[Action]:
        """The request could not be delivered (RFC 3261 17.1.4).

        Of a datagram it is believed only of a retransmission: a gateway that restarts its SIP
        refuses one packet.
        """
        is_first = self._timer_a == self._timers.t1
        if self.state is not State.CALLING or (is_first and not self._is_reliable):
            return []
        return [Fail(Failure.UNREACHABLE), *self._terminate()]

    def _complete(self, timer: str, seconds: float) -> list[Action]:
        if self._is_reliable:
            return self._terminate()
        self.state = State.COMPLETED
        return [StartTimer(timer, seconds)]

    def _terminate(self) -> list[Action]:
        self.state = State.TERMINATED
        return [Terminate()]


class NonInviteClientTransaction:
    """BYE, CANCEL, OPTIONS and REGISTER (RFC 3261 17.1.2)."""

    def __init__(self, timers: TimerValues, *, is_reliable: bool = False) -> None:
        self.state = State.CALLING
        self._timers = timers
        self._timer_e = timers.t1
        self._is_reliable = is_reliable

    def start(self) -> list[Action]:
        again = [] if self._is_reliable else [StartTimer("E", self._timer_e)]
        return [Send("request"), *again, StartTimer("F", self._timers.timeout)]

    def on_response(self, status: int) -> list[Action]:
        match self.state:
            case State.CALLING | State.PROCEEDING if status < 200:
                self.state = State.PROCEEDING
                return [Deliver(status)]
            case State.CALLING | State.PROCEEDING:
                return [
                    StopTimer("E"),
                    StopTimer("F"),
                    *self._complete("K", self._timers.t4),
                    Deliver(status),
                ]
            case _:
                return []

    def on_timer(self, name: str) -> list[Action]:
        match self.state, name:
            case State.CALLING, "E":
                self._timer_e = min(2 * self._timer_e, self._timers.t2)
                return [Send("request"), StartTimer("E", self._timer_e)]
            case State.PROCEEDING, "E":
                return [Send("request"), StartTimer("E", self._timers.t2)]
            case ((State.CALLING | State.PROCEEDING), "F"):
                return [Fail(Failure.TIMEOUT), *self._terminate()]
            case State.COMPLETED, "K":
                return self._terminate()
            case _:
                return []

    def on_transport_error(self) -> list[Action]:
        """As for an INVITE."""
        is_first = self._timer_e == self._timers.t1
        if self.state is not State.CALLING or (is_first and not self._is_reliable):
            return []
        return [Fail(Failure.UNREACHABLE), *self._terminate()]

    def _complete(self, timer: str, seconds: float) -> list[Action]:
        if self._is_reliable:
            return self._terminate()
        self.state = State.COMPLETED
        return [StartTimer(timer, seconds)]

    def _terminate(self) -> list[Action]:
        self.state = State.TERMINATED
        return [Terminate()]


ClientTransaction = InviteClientTransaction | NonInviteClientTransaction
