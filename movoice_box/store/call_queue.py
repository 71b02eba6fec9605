"""Calls before they ring, in SQLite: claimed from the list, allowed to dial, or handed back."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import aiosqlite

from movoice_box.domain.call import Call, CallState
from movoice_box.ids import BatchId, CallId, TrunkId
from movoice_box.store import calls
from movoice_box.store.database import fetch_all, fetch_one, to_text

_TAKE_EXTENSIONS = """
    UPDATE recipients SET state = 'in_progress'
    WHERE id IN (
        SELECT recipients.id FROM recipients JOIN batches ON batches.id = batch_id
        WHERE batch_id = :batch_id AND recipients.state = 'queued'
          AND substr(phone, 1, 1) <> '+' AND batches.state = 'running'
        ORDER BY row LIMIT :limit
    )
    RETURNING id, phone, call_id
    """
_TAKE_NUMBERS = _TAKE_EXTENSIONS.replace("<> '+'", "= '+'")


class Permission(StrEnum):
    """Whether a prepared call may be dialed now, decided in the dial's own transaction."""

    GRANTED = "granted"
    ON_DND = "on_dnd"
    ON_A_CALL = "on_a_call"  # another call with that number is up: it would ring the same phone
    BATCH_PAUSED = "batch_paused"
    BATCH_CANCELED = "batch_canceled"


async def claim(
    db: aiosqlite.Connection,
    batch_id: BatchId,
    limit: int,
    new_id: Callable[[], CallId],
    now: datetime,
    *,
    extensions: bool = False,
) -> list[Call]:
    """Take up to `limit` queued recipients of a running batch, in row order, each with a call.

    `extensions` takes those of a PBX instead of numbers. One statement takes them, so two claimers
    can never take the same recipient. A recipient that was handed back keeps its call.
    """
    rows = await fetch_all(
        db,
        _TAKE_EXTENSIONS if extensions else _TAKE_NUMBERS,
        {"batch_id": batch_id, "limit": limit},
    )
    call_ids = []
    for row in rows:
        call_id = row["call_id"] or new_id()
        call_ids.append(call_id)
        await add(db, call_id, batch_id, row["id"], row["phone"], CallState.PREPARING, now)
        await db.execute(
            "UPDATE recipients SET call_id = :call_id WHERE id = :id",
            {"call_id": call_id, "id": row["id"]},
        )
    claimed = await calls.among(db, call_ids)
    return sorted(claimed.values(), key=lambda call: call.row)


async def add(
    db: aiosqlite.Connection,
    call_id: CallId,
    batch_id: BatchId,
    recipient_id: int,
    phone: str,
    state: CallState,
    now: datetime,
) -> None:
    """Insert a call that has not been dialed, or move the one that is there to `state`."""
    await db.execute(
        """
        INSERT INTO calls (id, batch_id, recipient_id, phone, state, created_at)
        VALUES (:id, :batch_id, :recipient_id, :phone, :state, :now)
        ON CONFLICT (id) DO UPDATE SET state = excluded.state
        """,
        {
            "id": call_id,
            "batch_id": batch_id,
            "recipient_id": recipient_id,
            "phone": phone,
            "state": state,
            "now": to_text(now),
        },
    )


async def add_single(db: aiosqlite.Connection, batch_id: BatchId, now: datetime) -> None:
    """Insert the queued call of a batch of one, so that it can be asked for at once."""
    row = await fetch_one(
        db, "SELECT id, phone, call_id FROM recipients WHERE batch_id = :id", {"id": batch_id}
    )
    if row is not None:
        await add(db, row["call_id"], batch_id, row["id"], row["phone"], CallState.QUEUED, now)


async def start_dialing(
    db: aiosqlite.Connection,
    call_id: CallId,
    trunk_id: TrunkId,
    channel: str | None,
    now: datetime,
) -> Permission:
    """Ask the do-not-disturb list, the batch and the other calls once more and commit `dialing`.

    Must be committed before the INVITE leaves: a call in any later state may have rung.
    """
    return await _dial_from(db, CallState.PREPARING, call_id, trunk_id, channel, now)


async def move_trunk(
    db: aiosqlite.Connection,
    call_id: CallId,
    trunk_id: TrunkId,
    channel: str | None,
    now: datetime,
) -> Permission:
    """`start_dialing` for a call whose trunk has failed before anything could ring: over another.

    To be committed before that INVITE leaves.
    """
    return await _dial_from(db, CallState.DIALING, call_id, trunk_id, channel, now)


async def _dial_from(
    db: aiosqlite.Connection,
    state: CallState,
    call_id: CallId,
    trunk_id: TrunkId,
    channel: str | None,
    now: datetime,
) -> Permission:
    row = await fetch_one(
        db,
        """
        SELECT batches.state AS batch_state, dnd.phone AS dnd_phone,
               EXISTS (SELECT 1 FROM calls AS others
                       WHERE others.phone = calls.phone AND others.id <> calls.id
                         AND others.state IN ('dialing', 'ringing', 'talking')) AS is_on_a_call
        FROM calls JOIN batches ON batches.id = calls.batch_id
        LEFT JOIN dnd ON dnd.phone = calls.phone
        WHERE calls.id = :id AND calls.state = :state
        """,
        {"id": call_id, "state": state},
    )
    if row is None or row["batch_state"] in ("canceled", "completed"):
        return Permission.BATCH_CANCELED
    if row["dnd_phone"] is not None:
        return Permission.ON_DND
    if row["batch_state"] != "running":
        return Permission.BATCH_PAUSED
    if row["is_on_a_call"]:
        return Permission.ON_A_CALL
    await db.execute(
        """
        UPDATE calls
        SET state = 'dialing', trunk_id = :trunk_id, channel = :channel, dialed_at = :now
        WHERE id = :id
        """,
        {"id": call_id, "trunk_id": trunk_id, "channel": channel, "now": to_text(now)},
    )
    return Permission.GRANTED


async def hand_back(db: aiosqlite.Connection, call_id: CallId) -> None:
    """Return a recipient whose call rang nobody to the queue; its call waits with it.

    It was not dialed yet, or its trunk failed before anything could ring.
    """
    await db.execute(
        """
        UPDATE calls SET state = 'queued', trunk_id = NULL, channel = NULL, dialed_at = NULL
        WHERE id = :id AND state IN ('preparing', 'dialing')
        """,
        {"id": call_id},
    )
    await db.execute(
        """
        UPDATE recipients SET state = 'queued'
        WHERE id = (SELECT recipient_id FROM calls WHERE id = :id AND state = 'queued')
        """,
        {"id": call_id},
    )
