"""Calls that come in, in SQLite: the row that a caller's number belongs to, and what it becomes."""

from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from movoice_box.domain.batch import is_replaced_by, recipient_state_after
from movoice_box.domain.call import CallResult, CallState, Direction, Disposition
from movoice_box.domain.phone import PhoneNumber
from movoice_box.ids import BatchId, CallId, TrunkId
from movoice_box.store.database import fetch_one, to_text


@dataclass(frozen=True, slots=True)
class CalledRow:
    """A row of a batch; `is_on_a_call` while one with that number is up."""

    batch_id: BatchId
    recipient_id: int
    is_on_a_call: bool = False


async def row_last_dialed(db: aiosqlite.Connection, phone: PhoneNumber) -> CalledRow | None:
    """The row, of any batch in whatever state, for which `phone` was dialed last."""
    row = await fetch_one(
        db,
        """
        SELECT batch_id, recipient_id,
               EXISTS (SELECT 1 FROM calls AS others
                       WHERE others.phone = :phone AND others.recipient_id = calls.recipient_id
                         AND others.state NOT IN ('ended', 'queued')) AS is_on_a_call
        FROM calls
        WHERE phone = :phone AND dialed_at IS NOT NULL AND direction = 'outbound'
        ORDER BY dialed_at DESC, id DESC LIMIT 1
        """,
        {"phone": phone.e164},
    )
    if row is None:
        return None
    return CalledRow(BatchId(row["batch_id"]), row["recipient_id"], bool(row["is_on_a_call"]))


async def only_row(db: aiosqlite.Connection, batch_id: BatchId) -> CalledRow:
    """The row of a batch of one."""
    row = await fetch_one(db, "SELECT id FROM recipients WHERE batch_id = :id", {"id": batch_id})
    if row is None:
        raise ValueError(f"batch {batch_id} has no row")
    return CalledRow(batch_id, row["id"])


async def add(
    db: aiosqlite.Connection,
    call_id: CallId,
    row: CalledRow,
    phone: PhoneNumber,
    trunk_id: TrunkId,
    now: datetime,
) -> None:
    """Insert a call that rings here. It was never dialed, so no other call is taken for its row."""
    await db.execute(
        """
        INSERT INTO calls (id, batch_id, recipient_id, phone, state, direction, trunk_id,
                           created_at, ringing_at)
        VALUES (:id, :batch_id, :recipient_id, :phone, :state, :direction, :trunk_id, :now, :now)
        """,
        {
            "id": call_id,
            "batch_id": row.batch_id,
            "recipient_id": row.recipient_id,
            "phone": phone.e164,
            "state": CallState.RINGING,
            "direction": Direction.INBOUND,
            "trunk_id": trunk_id,
            "now": to_text(now),
        },
    )


async def settle_row(
    db: aiosqlite.Connection, call_id: CallId, recipient_id: int, result: CallResult
) -> None:
    """Let a row take over what its caller achieved, unless it has achieved more before."""
    row = await fetch_one(db, "SELECT * FROM recipients WHERE id = :id", {"id": recipient_id})
    if row is None:
        return
    disposition = Disposition(row["disposition"]) if row["disposition"] else None
    if row["call_id"] != call_id and not is_replaced_by(disposition, row["outcome"], result):
        return
    await db.execute(
        """
        UPDATE recipients
        SET state = :state, disposition = :disposition, outcome = :outcome, call_id = :call_id,
            skip_reason = NULL, skip_message = NULL
        WHERE id = :id
        """,
        {
            "id": recipient_id,
            "state": recipient_state_after(result.disposition),
            "disposition": result.disposition,
            "outcome": result.outcome,
            "call_id": call_id,
        },
    )
