"""The course of one outgoing call, from its INVITE to `Ended`: a pure machine (RFC 3261 13-15).

Whatever the peer does or leaves undone, `Ended` is reported: each state that waits for the peer has
a timer here (`first_response`, `ring`, `cancel`, `release`) or in its transaction (B, F).
"""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.disposition import disposition_of
from movoice_box.sip.timers import Failure, StartTimer, StopTimer
from movoice_box.sip.trunk import (
    Answered,
    DialogEvent,
    EarlyMedia,
    Ended,
    KeyPressed,
    MediaChanged,
    Ringing,
)

RELEASE_S = 2.0  # the longest that `end` keeps its caller waiting for the peer
_NO_USER_RESPONDING, _NORMAL_CLEARING = 19, 16  # Q.850, for our CANCEL


class State(Enum):
    CALLING = auto()  # nothing was heard from the peer
    PROCEEDING = auto()
    GIVEN_UP = auto()  # we want to CANCEL, and may not before a provisional response (9.1)
    CANCELING = auto()
    TALKING = auto()
    RELEASING = auto()  # our BYE is on its way
    ENDED = auto()


class Step(Enum):
    """What the dialog sends, or stops sending."""

    STOP_RETRANSMISSION = auto()
    TRY_NEXT = auto()
    """Leave this address of the trunk and send the INVITE to the next one (RFC 3263 4.3)."""
    ABANDON_INVITE = auto()
    SEND_CANCEL = auto()
    SEND_ACK = auto()
    SEND_BYE = auto()


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand this event to the dialer."""

    event: DialogEvent


Action = Step | Emit | StartTimer | StopTimer
_STOP_WAITING = (StopTimer("first_response"), StopTimer("ring"))


class CallProgress:
    """Feed it what arrives and what the dialer wants; do what the returned actions say.

    `peer` names the far end in messages; `ring_timeout_s` counts from the first INVITE;
    `transaction_timeout_s` is 64*T1. A quarter of it is how long an address of the trunk may say
    nothing at all while there is another one, and how long after a CANCEL the call is over for the
    dialer, whether or not its 487 came: the next callee cannot wait for 64*T1.
    """

    def __init__(self, *, peer: str, ring_timeout_s: float, transaction_timeout_s: float) -> None:
        self.state = State.CALLING
        self.ended: Ended | None = None
        """What was reported; set once."""
        self._peer = peer
        self._ring_timeout_s = ring_timeout_s
        self._transaction_timeout_s = transaction_timeout_s
        self._patience_s = transaction_timeout_s / 4
        self._has_next = False
        self._has_rung = False
        self._result = Ended(disposition=Disposition.FAILED)
        self._alerted_by: set[int] = set()
        self._media: MediaTarget | None = None

    @property
    def wants_answer(self) -> bool:
        """The INVITE is worth repeating, with credentials."""
        return self.state in (State.CALLING, State.PROCEEDING)

    @property
    def may_go_elsewhere(self) -> bool:
        """No phone can have rung yet."""
        return self.wants_answer and not self._has_rung

    @property
    def cancel_cause(self) -> int:
        """The Q.850 cause that our CANCEL gives."""
        rang_out = self._result.disposition is Disposition.NO_ANSWER
        return _NO_USER_RESPONDING if rang_out else _NORMAL_CLEARING

    def start(self) -> list[Action]:
        return [StartTimer("ring", self._ring_timeout_s)]

    def on_sent(self, *, has_next: bool) -> list[Action]:
        """An INVITE went out, the first or a later one, and nothing was heard of it yet.

        `has_next` tells that the trunk has another address.
        """
        self.state = State.CALLING
        self._has_next = has_next
        if not has_next:
            return [StopTimer("first_response")]
        return [StartTimer("first_response", self._patience_s)]

    def end(self) -> list[Action]:
        """The dialer wants the call to end."""
        release = StartTimer("release", RELEASE_S)
        match self.state:
            case State.CALLING:
                self._will_end(Disposition.CANCELED, by="box")
                self.state = State.GIVEN_UP
                return [*_STOP_WAITING, Step.STOP_RETRANSMISSION, release]
            case State.PROCEEDING:
                self._will_end(Disposition.CANCELED, by="box")
                return [*self._cancel(), release]
            case State.GIVEN_UP | State.CANCELING:
                return [release]
            case State.TALKING:
                self._will_end(Disposition.ANSWERED, status=200, by="box")
                return self._bye()
            case _:
                return []

    def on_provisional(self, status: int, media: MediaTarget | None) -> list[Action]:
        if self.state is State.GIVEN_UP:
            return self._cancel()
        if not self.wants_answer:
            return []
        actions: list[Action] = []
        if self.state is State.CALLING:
            self.state = State.PROCEEDING
            actions.append(StopTimer("first_response"))
        self._has_rung |= 180 <= status < 190
        if status in (180, 183) and status not in self._alerted_by:
            self._alerted_by.add(status)
            actions.append(Emit(Ringing(status)))
        return [*actions, *self.on_early_media(media)]

    def on_early_media(self, media: MediaTarget | None) -> list[Action]:
        """What a callee plays before the answer; where a proxy forked, the latest one is heard."""
        if media is None or media == self._media or not self.wants_answer:
            return []
        self._has_rung = True
        self._media = media
        return [Emit(EarlyMedia(media))]

    def on_accepted(self, media: MediaTarget | SdpError | None) -> list[Action]:
        """A 2xx, with the media of its SDP or of its 183; None where neither had any."""
        self._has_rung = True
        match self.state:
            case State.CALLING | State.PROCEEDING if isinstance(media, MediaTarget):
                self.state = State.TALKING
                self._media = media
                return [*_STOP_WAITING, Step.SEND_ACK, Emit(Answered(media))]
            case State.CALLING | State.PROCEEDING:
                why = media.message if isinstance(media, SdpError) else "the 200 brought no SDP"
                self._will_end(Disposition.FAILED, status=200, reason=why, by="box")
                return [*_STOP_WAITING, Step.SEND_ACK, *self._bye()]
            case State.GIVEN_UP | State.CANCELING:
                self._result = replace(
                    self._result, sip_status=200, sip_reason="answered while being canceled"
                )
                timers = StopTimer("cancel"), StopTimer("canceled")
                return [*timers, Step.SEND_ACK, *self._bye()]
            case _:
                return [Step.SEND_ACK]

    def on_refused(
        self,
        status: int,
        reason: str,
        q850_cause: int | None,
        retry_after_s: float | None = None,
    ) -> list[Action]:
        """A final response of 300 or above; after our CANCEL usually 487."""
        if status == 503 and self.may_go_elsewhere and self._has_next:
            return [Step.TRY_NEXT]
        match self.state:
            case State.CALLING | State.PROCEEDING:
                disposition = disposition_of(status, q850_cause)
                by: Literal["callee", "network"] = "callee"
                if disposition not in (Disposition.BUSY, Disposition.REJECTED):
                    by = "network"
                self._will_end(disposition, status=status, reason=reason, cause=q850_cause, by=by)
                self._result = replace(self._result, retry_after_s=retry_after_s)
            case State.GIVEN_UP | State.CANCELING:
                self._result = replace(
                    self._result,
                    sip_status=status,
                    sip_reason=self._result.sip_reason or reason,
                    q850_cause=q850_cause,
                )
            case _:
                return []
        return self._finish()

    def on_failure(self, failure: Failure) -> list[Action]:
        """The INVITE got no response at all (timer B), or ICMP refused it."""
        if self.may_go_elsewhere and self._has_next:
            return [Step.TRY_NEXT]
        if self.state is State.CALLING:
            why = failure.explain(self._peer, self._transaction_timeout_s, "B")
            self._will_end(Disposition.UNREACHABLE, reason=why)
        return self._finish()

    def on_connection_lost(self) -> list[Action]:
        """Nothing that the far end answers to our INVITE can reach us: nobody shall ring on."""
        if self.state is not State.PROCEEDING:
            return []
        why = "the connection to the trunk was lost before the call was answered"
        self._will_end(Disposition.FAILED, reason=why)
        return self._cancel()

    def on_cancel_answered(self, status: int) -> list[Action]:
        """The far end has our CANCEL, and its final response to the INVITE should follow.

        481 says that it knows nothing of the INVITE: none will come (9.2).
        """
        if status != 481 or self.state is not State.CANCELING:
            return []
        return [Step.ABANDON_INVITE, *self._finish()]

    def on_cancel_failed(self) -> list[Action]:
        """Our CANCEL can never arrive: nobody listens there any more, or nobody answered it."""
        if self.state is not State.CANCELING:
            return []
        return [Step.ABANDON_INVITE, *self._finish()]

    def on_bye(self, q850_cause: int | None) -> list[Action]:
        """The callee hung up."""
        if self.state is State.TALKING:
            self._will_end(Disposition.ANSWERED, status=200, cause=q850_cause, by="callee")
        elif self.state is not State.RELEASING:
            return []  # before the answer: the INVITE gets its final response (15.1.2)
        return self._finish()

    def on_bye_done(self) -> list[Action]:
        """Our BYE was answered, or never will be."""
        return self._finish() if self.state is State.RELEASING else []

    def on_media(self, media: MediaTarget) -> list[Action]:
        """A re-INVITE described the far end's media."""
        if self.state is not State.TALKING or media == self._media:
            return []
        self._media = media
        return [Emit(MediaChanged(media))]

    def on_key(self, digit: str) -> list[Action]:
        """The callee pressed a key, told by SIP INFO."""
        return [Emit(KeyPressed(digit))] if self.state is State.TALKING else []

    def on_lost(self, reason: str) -> list[Action]:
        """The far end broke the dialog, and a BYE may tell it so."""
        if self.state is not State.TALKING:
            return []
        self._will_end(Disposition.ANSWERED, status=200, reason=reason)
        return self._bye()

    def on_closed(self) -> list[Action]:
        """The endpoint closes: nothing can be sent or heard any more."""
        if self.state is State.TALKING:
            self._will_end(Disposition.ANSWERED, status=200, reason="the box stopped", by="box")
        elif self.wants_answer:
            self._will_end(Disposition.CANCELED, reason="the box stopped", by="box")
        return self._finish()

    def on_timer(self, name: str) -> list[Action]:
        match self.state, name:
            case State.CALLING, "first_response" if self.may_go_elsewhere and self._has_next:
                return [Step.TRY_NEXT]
            case State.CALLING, "ring":
                self.state = State.GIVEN_UP
                why = Failure.TIMEOUT.explain(self._peer, self._ring_timeout_s)
                self._will_end(Disposition.UNREACHABLE, reason=why)
                return [*_STOP_WAITING, Step.STOP_RETRANSMISSION, *self._report()]
            case State.PROCEEDING, "ring":
                why = f"not answered in {self._ring_timeout_s:g} s"
                self._will_end(Disposition.NO_ANSWER, reason=why, by="box")
                return self._cancel()
            case State.CANCELING, "cancel":
                return [Step.ABANDON_INVITE, *self._finish()]
            case State.CANCELING, "canceled":
                return self._report()  # a late answer still gets its ACK and BYE
            case ((State.GIVEN_UP | State.CANCELING | State.RELEASING), "release"):
                return self._report()  # the transactions clean up behind it
            case _:
                return []

    def _cancel(self) -> list[Action]:
        self.state = State.CANCELING
        return [
            *_STOP_WAITING,
            Step.SEND_CANCEL,
            StartTimer("cancel", self._transaction_timeout_s),
            StartTimer("canceled", self._patience_s),
        ]

    def _bye(self) -> list[Action]:
        self.state = State.RELEASING
        return [Step.SEND_BYE, StartTimer("release", RELEASE_S)]

    def _finish(self) -> list[Action]:
        self.state = State.ENDED
        timers = ("cancel", "canceled", "release")
        return [*_STOP_WAITING, *map(StopTimer, timers), *self._report()]

    def _report(self) -> list[Action]:
        if self.ended:
            return []
        self.ended = replace(self._result, has_rung=self._has_rung)
        return [Emit(self.ended)]

    def _will_end(
        self,
        disposition: Disposition,
        *,
        status: int | None = None,
        reason: str = "",
        cause: int | None = None,
        by: Literal["callee", "box", "network"] = "network",
    ) -> None:
        self._result = Ended(
            disposition=disposition,
            sip_status=status,
            sip_reason=reason,
            q850_cause=cause,
            ended_by=by,
        )
