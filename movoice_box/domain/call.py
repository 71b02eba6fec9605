"""One attempt to reach one number: its states, and the words for how it went."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from movoice_box.domain.early_media import EarlyMediaVerdict
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.quality import MediaQuality
from movoice_box.ids import AgentId, BatchId, CallId, TrunkId


class CallState(StrEnum):
    """Where a call is. In the first two states nothing has left the box."""

    QUEUED = "queued"
    PREPARING = "preparing"
    DIALING = "dialing"
    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


class Direction(StrEnum):
    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Disposition(StrEnum):
    """What the network did."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN_AFTER_RESTART = "unknown_after_restart"


# Outcomes that any agent may end with, beside those of its own list.
OPTED_OUT = "OPTED_OUT"
NO_INPUT = "NO_INPUT"
HUNG_UP = "HUNG_UP"
TIMED_OUT = "TIMED_OUT"
COMPLETED = "COMPLETED"  # ran to its end without an answer that sets an outcome
TRANSFERRED = "TRANSFERRED"  # a person took over
TRANSFER_FAILED = "TRANSFER_FAILED"

UNANSWERED_OUTCOMES = {
    Disposition.BUSY: "BUSY",
    Disposition.NO_ANSWER: "NO_ANSWER",
    Disposition.REJECTED: "REJECTED",
    Disposition.UNREACHABLE: "UNREACHABLE",
    Disposition.INVALID_NUMBER: "INVALID_NUMBER",
    Disposition.FAILED: "FAILED",
    Disposition.CANCELED: "CANCELED",
    Disposition.UNKNOWN_AFTER_RESTART: "UNKNOWN_AFTER_RESTART",
}
"""Outcome of a call in which nobody spoke."""

RESERVED_OUTCOMES = {
    *(OPTED_OUT, NO_INPUT, HUNG_UP, TIMED_OUT, COMPLETED, TRANSFERRED, TRANSFER_FAILED),
    *UNANSWERED_OUTCOMES.values(),
}


_NOTHING_ACHIEVED = {
    *(NO_INPUT, HUNG_UP, TIMED_OUT),
    UNANSWERED_OUTCOMES[Disposition.FAILED],
    UNANSWERED_OUTCOMES[Disposition.CANCELED],
}
_LITTLE_ACHIEVED = {COMPLETED, TRANSFER_FAILED}


def weight_of(outcome: str) -> int:
    """How much an answered call achieved: 0 nothing, 1 that it was heard out, 2 an answer."""
    if outcome in _NOTHING_ACHIEVED:
        return 0
    return 1 if outcome in _LITTLE_ACHIEVED else 2


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """What was said or keyed; `at_ms` counts from the answer."""

    at_ms: int
    speaker: Literal["agent", "callee"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The record of one call. `batch_id` is None where the call was asked for by itself.

    `trunk_id` is None until the box has chosen one; `channel` is the GSM port that carried it.
    `sip_status` is the final response to the INVITE; `q850_cause` comes from a Reason header;
    `recording` is a file name in the recordings folder.
    """

    id: CallId
    batch_id: BatchId | None
    row: int
    agent_id: AgentId
    trunk_id: TrunkId | None
    phone: PhoneNumber
    variables: dict[str, str]
    state: CallState
    disposition: Disposition | None = None
    outcome: str | None = None
    summary: str = ""
    transcript: tuple[TranscriptLine, ...] = ()
    collected: dict[str, str]
    sip_call_id: str | None = None
    sip_status: int | None = None
    sip_reason: str = ""
    q850_cause: int | None = None
    ended_by: str | None = None
    recording: str | None = None
    direction: Direction = Direction.OUTBOUND
    channel: str | None = None
    quality: MediaQuality | None = None
    early_media: EarlyMediaVerdict | None = None
    created_at: datetime
    dialed_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ring_s(self) -> float | None:
        """Seconds from the INVITE to the answer, or to the end where there was none."""
        return _seconds(self.dialed_at, self.answered_at or self.ended_at)

    @property
    def talk_s(self) -> float | None:
        return _seconds(self.answered_at, self.ended_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """How a call ended, as the runner writes it down."""

    disposition: Disposition
    outcome: str
    summary: str = ""
    transcript: tuple[TranscriptLine, ...] = ()
    collected: dict[str, str]
    sip_call_id: str | None = None
    sip_status: int | None = None
    sip_reason: str = ""
    q850_cause: int | None = None
    ended_by: str | None = None
    recording: str | None = None
    quality: MediaQuality | None = None
    early_media: EarlyMediaVerdict | None = None


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None
