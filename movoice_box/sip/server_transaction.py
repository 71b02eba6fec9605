"""Server transactions (RFC 3261 17.2, INVITE as corrected by RFC 6026).

Over TCP and TLS a refusal is sent once and no copy of the request can come: timer G does not run
for it, I and J are zero. A 2xx is repeated on any transport, for a hop further on may be UDP
(13.3.1.4).
"""

from enum import Enum, auto

from movoice_box.sip.timers import (
    Action,
    Fail,
    Failure,
    Send,
    StartTimer,
    StopTimer,
    Terminate,
    TimerValues,
)


class State(Enum):
    PROCEEDING = auto()  # also "Trying" of a request other than INVITE, before any response
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class InviteServerTransaction:
    """Feed it our responses, the INVITE when it comes again, ACKs and timer names.

    The 2xx is repeated here until its ACK (RFC 3261 13.3.1.4 gives that to the user, with the
    timers of a final response), so that every user gets it right.
    """

    def __init__(self, timers: TimerValues, *, is_reliable: bool = False) -> None:
        self.state = State.PROCEEDING
        self._timers = timers
        self._is_reliable = is_reliable
        self._timer_g = timers.t1
        self._has_responded = False
        self._is_acknowledged = False

    @property
    def is_final(self) -> bool:
        return self.state is not State.PROCEEDING

    def respond(self, status: int) -> list[Action]:
        """Our response; ignored after a final one."""
        if self.state is not State.PROCEEDING:
            return []
        self._has_responded = True
        if status < 200:
            return [Send("response")]
        is_success = status < 300
        self.state = State.ACCEPTED if is_success else State.COMPLETED
        is_repeated = is_success or not self._is_reliable
        return [
            Send("response"),
            *([StartTimer("G", self._timer_g)] if is_repeated else []),
            StartTimer("L" if is_success else "H", self._timers.timeout),
        ]

    def on_request_again(self) -> list[Action]:
        if self.state in (State.PROCEEDING, State.COMPLETED) and self._has_responded:
            return [Send("response")]
        return []

    def on_ack(self) -> list[Action]:
        match self.state:
            case State.COMPLETED if self._is_reliable:
                return [StopTimer("H"), *self._terminate()]
            case State.COMPLETED:
                self.state = State.CONFIRMED
                return [StopTimer("G"), StopTimer("H"), StartTimer("I", self._timers.t4)]
            case State.ACCEPTED if (
                not self._is_acknowledged
            ):  # timer L goes on: it absorbs late copies of the INVITE
                self._is_acknowledged = True
                return [StopTimer("G")]
            case _:
                return []

    def on_timer(self, name: str) -> list[Action]:
        match self.state, name:
            case ((State.COMPLETED | State.ACCEPTED), "G"):
                self._timer_g = min(2 * self._timer_g, self._timers.t2)
                return [Send("response"), StartTimer("G", self._timer_g)]
            case (State.COMPLETED, "H") | (State.ACCEPTED, "L") if not self._is_acknowledged:
                return [Fail(Failure.TIMEOUT), *self._terminate()]
            case (State.ACCEPTED, "L") | (State.CONFIRMED, "I"):
                return self._terminate()
            case _:
                return []

    def _terminate(self) -> list[Action]:
        self.state = State.TERMINATED
        return [Terminate()]


class NonInviteServerTransaction:
    """Answers once and repeats that answer to each copy of the request (RFC 3261 17.2.2)."""

    def __init__(self, timers: TimerValues, *, is_reliable: bool = False) -> None:
        self.state = State.PROCEEDING
        self._timers = timers
        self._is_reliable = is_reliable
        self._has_responded = False

    @property
    def is_final(self) -> bool:
        return self.state is not State.PROCEEDING

    def respond(self, status: int) -> list[Action]:
        if self.state is not State.PROCEEDING:
            return []
        self._has_responded = True
        if status < 200:
            return [Send("response")]
        if self._is_reliable:
            return [Send("response"), *self._terminate()]
        self.state = State.COMPLETED
        return [Send("response"), StartTimer("J", self._timers.timeout)]

    def on_request_again(self) -> list[Action]:
        return [Send("response")] if self._has_responded else []

    def on_ack(self) -> list[Action]:
        return []

    def on_timer(self, name: str) -> list[Action]:
        if self.state is State.COMPLETED and name == "J":
            return self._terminate()
        return []

    def _terminate(self) -> list[Action]:
        self.state = State.TERMINATED
        return [Terminate()]


ServerTransaction = InviteServerTransaction | NonInviteServerTransaction
