"""Batches and their recipients: states, plan limits, and why a row is skipped."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from movoice_box.domain.call import CallResult, Disposition, weight_of
from movoice_box.ids import AgentId, BatchId, CallId, TrunkId


class BatchState(StrEnum):
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELED = "canceled"


class RecipientState(StrEnum):
    """`completed`: the call ran its course, answered or not; `failed`: it could not be placed."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class SkipReason(StrEnum):
    INVALID_NUMBER = "invalid_number"
    DUPLICATE = "duplicate"
    DND = "dnd"
    MISSING_VARIABLE = "missing_variable"
    PLAN_LIMIT = "plan_limit"


_COULD_NOT_BE_PLACED = {
    Disposition.UNREACHABLE,
    Disposition.INVALID_NUMBER,
    Disposition.FAILED,
    Disposition.UNKNOWN_AFTER_RESTART,
}


def recipient_state_after(disposition: Disposition) -> RecipientState:
    """The state of a recipient whose call ended with `disposition`."""
    if disposition is Disposition.CANCELED:
        return RecipientState.CANCELED
    if disposition in _COULD_NOT_BE_PLACED:
        return RecipientState.FAILED
    return RecipientState.COMPLETED


def is_replaced_by(
    disposition: Disposition | None, outcome: str | None, result: CallResult
) -> bool:
    """Whether a row's result gives way to that of a later call, in which the callee called back.

    Only to one that was answered and achieved as much: a hang-up without words takes nothing from
    a row that was BOOKED, but replaces NO_ANSWER.
    """
    if result.disposition is not Disposition.ANSWERED:
        return False
    return disposition is not Disposition.ANSWERED or weight_of(result.outcome) >= weight_of(
        outcome or ""
    )


ALLOWED_FROM = {
    "pause": {BatchState.SCHEDULED, BatchState.RUNNING},
    "resume": {BatchState.PAUSED},
    "cancel": {BatchState.SCHEDULED, BatchState.RUNNING, BatchState.PAUSED},
}
"""The batch states in which the owner may take each action."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What this box may do. `concurrency` counts calls at once over all batches; None: no limit."""

    name: str
    concurrency: int | None
    rows_per_batch: int | None


PLANS = {
    plan.name: plan
    for plan in (
        Plan("starter", 1, 50),
        Plan("growth", 3, 500),
        Plan("business", 10, 5_000),
        Plan("enterprise", None, None),
    )
}


class TallyLine(NamedTuple):
    """How many recipients share one state, disposition and outcome."""

    state: RecipientState
    disposition: Disposition | None
    outcome: str | None
    recipients: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of a batch. `total` is the sum of the six states."""

    lines: tuple[TallyLine, ...] = ()

    def count(self, state: RecipientState) -> int:
        return sum(line.recipients for line in self.lines if line.state is state)

    @property
    def total(self) -> int:
        return sum(line.recipients for line in self.lines)

    @property
    def attempted(self) -> int:
        """Calls that were placed and have ended."""
        return sum(line.recipients for line in self.lines if line.disposition is not None)

    @property
    def answered(self) -> int:
        return sum(
            line.recipients for line in self.lines if line.disposition is Disposition.ANSWERED
        )

    @property
    def answer_rate(self) -> float | None:
        """Answered / attempted, from 0 to 1; None before the first call has ended."""
        return round(self.answered / self.attempted, 4) if self.attempted else None

    @property
    def outcomes(self) -> dict[str, int]:
        """Recipients per outcome, most frequent first."""
        counts: Counter[str] = Counter()
        for line in self.lines:
            if line.outcome is not None:
                counts[line.outcome] += line.recipients
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A list of recipients and one agent. `schedule_at` is None for a start at once.

    `trunk_id` None takes the trunk that the priorities, weights and health of all trunks give, and
    another where it fails; one that is named carries every call. `caller_id` None is the trunk's.
    `pause_reason` says why the box itself paused it; None where the owner did.
    """

    id: BatchId
    name: str
    is_single: bool
    agent_id: AgentId
    trunk_id: TrunkId | None
    caller_id: str | None = None
    state: BatchState
    concurrency: int
    schedule_at: datetime | None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    pause_reason: str | None = None
    tally: Tally = Tally()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One row of the owner's list. `phone` is E.164, or as given where it is not a number."""

    row: int
    phone: str
    variables: dict[str, str]
    state: RecipientState
    skip_reason: SkipReason | None = None
    skip_message: str | None = None
    disposition: Disposition | None = None
    outcome: str | None = None
    call_id: CallId | None = None
