"""The ends of calls and batches: written once, with the events that tell of them."""

from datetime import datetime

import aiosqlite

from movoice_box.domain.batch import BatchState, SkipReason
from movoice_box.domain.call import Call, CallResult
from movoice_box.domain.event import batch_completed, call_completed
from movoice_box.ids import BatchId, IdFactory
from movoice_box.store import batches, calls, outbox


async def end_call(
    db: aiosqlite.Connection,
    batch_id: BatchId,
    call: Call,
    result: CallResult,
    ids: IdFactory,
    now: datetime,
    skipped: tuple[SkipReason, str] | None = None,
    *,
    ended_at: datetime | None = None,
) -> None:
    """End a call with its webhook and, where it was the last, its batch; a second end is none.

    `ended_at` is by the call's own time where that is not `now` (`CallBook.moment_of`).
    """
    if await calls.end(db, call.id, result, ended_at or now, skipped=skipped):
        await outbox.add(db, ids.event(), call_completed(call, result), now)
        await complete_if_drained(db, batch_id, ids, now)


async def complete_if_drained(
    db: aiosqlite.Connection, batch_id: BatchId, ids: IdFactory, now: datetime
) -> bool:
    """Complete the batch and write `batch.completed` when nobody is left to call or on a call.

    A canceled batch stays canceled and is reported in the same way, after its last call.
    """
    if not await batches.is_drained(db, batch_id):
        return False
    batch = await batches.get(db, batch_id)
    if batch.state in (BatchState.RUNNING, BatchState.PAUSED):
        await batches.set_state(db, batch_id, BatchState.COMPLETED, now)
        batch = await batches.get(db, batch_id)
    if not batch.is_single and await batches.take_completion(db, batch_id, now):
        await outbox.add(db, ids.event(), batch_completed(batch), now)
    return True
