"""Batches and their recipients: states, plan limits, and why a row is skipped."""

from dataclasses import dataclass
from enum import StrEnum

from movoice_box.domain.call import Disposition


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
