"""Webhook events and their JSON shape. One golden file each stands in tests/domain/events/."""

from enum import StrEnum
from typing import Any

from movoice_box.domain.batch import Batch, RecipientState
from movoice_box.domain.call import Call, CallResult


class EventType(StrEnum):
    CALL_COMPLETED = "call.completed"
    BATCH_COMPLETED = "batch.completed"


def call_completed(call: Call, result: CallResult) -> dict[str, Any]:
    """The body of `call.completed`: the call as it ended with `result`."""
    return {
        "event_type": EventType.CALL_COMPLETED,
        "batch_id": call.batch_id,
        "call_id": call.id,
        "outcome": result.outcome,
        "summary": result.summary,
        "disposition": result.disposition,
        "direction": call.direction,
        "phone": str(call.phone),
        "row": call.row,
        "agent_id": call.agent_id,
        "variables": call.variables,
        "collected": result.collected,
        "sip_status": result.sip_status,
        "sip_reason": result.sip_reason,
    }


def batch_completed(batch: Batch) -> dict[str, Any]:
    """The body of `batch.completed`: the batch with its last counts."""
    tally = batch.tally
    return {
        "event_type": EventType.BATCH_COMPLETED,
        "batch_id": batch.id,
        "name": batch.name,
        "agent_id": batch.agent_id,
        "state": batch.state,
        "total": tally.total,
        **{
            str(state): tally.count(state)
            for state in RecipientState
            if state not in (RecipientState.QUEUED, RecipientState.IN_PROGRESS)
        },
        "answered": tally.answered,
        "answer_rate": tally.answer_rate,
        "outcomes": tally.outcomes,
    }
