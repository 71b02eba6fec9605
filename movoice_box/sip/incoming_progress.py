"""The course of one call that came in: two pure machines (RFC 3261 13.3 and 15, RFC 3262).

`ReliableRinging` is a 180 that must be acknowledged; `IncomingProgress` the call from our 200 to
`Ended`, which is reported whatever the caller does.
"""

from enum import Enum, auto
from typing import Literal

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.call_progress import RELEASE_S, Emit
from movoice_box.sip.timers import Fail, Failure, Send, StartTimer, StopTimer, TimerValues
from movoice_box.sip.trunk import Answered, Ended, KeyPressed, MediaChanged


class ReliableRinging:
    """A 180 sent again until its PRACK, or for 64*T1 (RFC 3262 section 3). `rseq` is its RSeq."""

    def __init__(self, rseq: int, timers: TimerValues) -> None:
        self._rseq = rseq
        self._timers = timers
        self._pause_s = timers.t1
        self._is_over = False

    def start(self) -> list[Send | StartTimer]:
        return [
            Send("180"),
            StartTimer("again", self._pause_s),
            StartTimer("unacknowledged", self._timers.timeout),
        ]

    def on_prack(self, rack: str, invite_cseq: int) -> tuple[bool, list[StopTimer]]:
        """Whether a PRACK with this RAck is of our 180."""
        if not self.is_named_by(rack, invite_cseq):
            return False, []
        return True, self.stop()

    def is_named_by(self, rack: str, invite_cseq: int) -> bool:
        """Whether a RAck means our 180; also asked when a final response was sent (section 3)."""
        return rack.split()[:2] == [str(self._rseq), str(invite_cseq)]

    def stop(self) -> list[StopTimer]:
        """Acknowledged, or a final response was sent."""
        self._is_over = True
        return [StopTimer("again"), StopTimer("unacknowledged")]

    def on_timer(self, name: str) -> list[Send | StartTimer | StopTimer | Fail]:
        if self._is_over:
            return []
        if name == "again":
            self._pause_s *= 2
            return [Send("180"), StartTimer("again", self._pause_s)]
        return [Fail(Failure.TIMEOUT), *self.stop()]


class State(Enum):
    ANSWERED = auto()  # our 200 waits for its ACK
    GIVEN_UP = auto()  # to be ended, and no BYE may be sent before the ACK (15)
    TALKING = auto()
    RELEASING = auto()  # our BYE is on its way
    ENDED = auto()


class Step(Enum):
    SEND_BYE = auto()


Action = Step | Emit | StartTimer | StopTimer


class IncomingProgress:
    """Feed it what arrives and what the dialer wants; do what the returned actions say.

    In `Ended.ended_by` the caller is the `callee` too: the other person of the call.
    """

    def __init__(self) -> None:
        self.state = State.ANSWERED
        self.ended: Ended | None = None
        """What was reported; set once."""
        self._result = Ended(disposition=Disposition.FAILED)
        self._media: MediaTarget | None = None

    def on_ack(self, media: MediaTarget | SdpError | None) -> list[Action]:
        """The caller has our 200; `media` is what it described, in its INVITE or here."""
        match self.state:
            case State.ANSWERED if isinstance(media, MediaTarget):
                self.state = State.TALKING
                self._media = media
                return [Emit(Answered(media))]
            case State.ANSWERED:
                why = media.message if isinstance(media, SdpError) else "the ACK brought no SDP"
                self._will_end(Disposition.FAILED, reason=why, by="box")
                return self._bye()
            case State.GIVEN_UP:
                return self._bye()
            case _:
                return []

    def on_ack_missing(self) -> list[Action]:
        """64*T1 have passed: the call is ended by a BYE (13.3.1.4)."""
        if self.state is State.ANSWERED:
            why = "the caller never acknowledged our answer"
            self._will_end(Disposition.FAILED, reason=why)
            return self._bye()
        return self._bye() if self.state is State.GIVEN_UP else []

    def end(self) -> list[Action]:
        """The dialer wants the call to end."""
        match self.state:
            case State.ANSWERED:
                self._will_end(Disposition.ANSWERED, by="box")
                self.state = State.GIVEN_UP
                return [StartTimer("release", RELEASE_S)]
            case State.TALKING:
                self._will_end(Disposition.ANSWERED, by="box")
                return self._bye()
            case _:
                return []

    def on_bye(self, q850_cause: int | None) -> list[Action]:
        """The caller hung up."""
        if self.state in (State.ANSWERED, State.TALKING):
            self._will_end(Disposition.ANSWERED, cause=q850_cause, by="callee")
        return self._finish()

    def on_bye_done(self) -> list[Action]:
        """Our BYE was answered, or never will be."""
        return self._finish() if self.state is State.RELEASING else []

    def on_media(self, media: MediaTarget) -> list[Action]:
        if self.state is State.ANSWERED:
            self._media = media  # the ACK was lost, and what followed it was not
            return []
        if self.state is not State.TALKING or media == self._media:
            return []
        self._media = media
        return [Emit(MediaChanged(media))]

    def on_key(self, digit: str) -> list[Action]:
        return [Emit(KeyPressed(digit))] if self.state is State.TALKING else []

    def on_lost(self, reason: str) -> list[Action]:
        """The far end broke the dialog, and a BYE may tell it so."""
        if self.state not in (State.ANSWERED, State.TALKING):
            return []
        self._will_end(Disposition.ANSWERED, reason=reason)
        return self._bye()

    def on_closed(self) -> list[Action]:
        """The endpoint closes: nothing can be sent or heard any more."""
        if self.state in (State.ANSWERED, State.TALKING):
            self._will_end(Disposition.ANSWERED, reason="the box stopped", by="box")
        return self._finish()

    def on_timer(self, name: str) -> list[Action]:
        if name == "release" and self.state in (State.GIVEN_UP, State.RELEASING):
            return self._report()  # the transactions clean up behind it
        return []

    def _bye(self) -> list[Action]:
        self.state = State.RELEASING
        return [Step.SEND_BYE, StartTimer("release", RELEASE_S)]

    def _finish(self) -> list[Action]:
        self.state = State.ENDED
        return [StopTimer("release"), *self._report()]

    def _report(self) -> list[Action]:
        if self.ended:
            return []
        self.ended = self._result
        return [Emit(self.ended)]

    def _will_end(
        self,
        disposition: Disposition,
        *,
        reason: str = "",
        cause: int | None = None,
        by: Literal["callee", "box", "network"] = "network",
    ) -> None:
        self._result = Ended(
            disposition=disposition,
            sip_status=200,
            sip_reason=reason,
            q850_cause=cause,
            ended_by=by,
            has_rung=True,
        )
