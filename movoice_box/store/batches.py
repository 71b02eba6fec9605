"""Batches and their recipients in SQLite."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import aiosqlite

from movoice_box.domain.agent import Agent
from movoice_box.domain.batch import (
    Batch,
    BatchState,
    Recipient,
    RecipientState,
    SkipReason,
    Tally,
    TallyLine,
)
from movoice_box.domain.call import Disposition
from movoice_box.errors import NotFoundError
from movoice_box.ids import AgentId, BatchId, CallId, TrunkId
from movoice_box.store.database import (
    Row,
    execute_many,
    fetch_all,
    fetch_one,
    maybe_moment,
    to_moment,
    to_text,
)
from movoice_box.store.pages import Page, number_cursor, page_of


async def add(
    db: aiosqlite.Connection, batch: Batch, agent: Agent, recipients: Iterable[Recipient]
) -> None:
    """Insert a batch with all its rows; `agent` is kept as it is now.

    The rows are written out in the database's thread, not on the loop: a list may be long.
    """
    await db.execute(
        """
        INSERT INTO batches (id, name, kind, agent_id, agent_document, trunk_id, caller_id,
                             state, concurrency, schedule_at, created_at)
        VALUES (:id, :name, :kind, :agent_id, :agent, :trunk_id, :caller_id,
                :state, :concurrency, :schedule_at, :created_at)
        """,
        {
            "id": batch.id,
            "name": batch.name,
            "kind": "single" if batch.is_single else "batch",
            "agent_id": batch.agent_id,
            "agent": json.dumps(agent.to_document(), ensure_ascii=False),
            "trunk_id": batch.trunk_id or "",
            "caller_id": batch.caller_id,
            "state": batch.state,
            "concurrency": batch.concurrency,
            "schedule_at": to_text(batch.schedule_at) if batch.schedule_at else None,
            "created_at": to_text(batch.created_at),
        },
    )
    await execute_many(
        db,
        """
        INSERT INTO recipients (batch_id, row, phone, variables, state, skip_reason,
                                skip_message, call_id)
        VALUES (:batch_id, :row, :phone, :variables, :state, :skip_reason, :skip_message, :call_id)
        """,
        (
            {
                "batch_id": batch.id,
                "row": recipient.row,
                "phone": recipient.phone,
                "variables": json.dumps(recipient.variables, ensure_ascii=False),
                "state": recipient.state,
                "skip_reason": recipient.skip_reason,
                "skip_message": recipient.skip_message,
                "call_id": recipient.call_id,
            }
            for recipient in recipients
        ),
    )


async def get(db: aiosqlite.Connection, batch_id: str) -> Batch:
    """One batch with its counts. Raises `NotFoundError`."""
    row = await fetch_one(db, "SELECT * FROM batches WHERE id = :id", {"id": batch_id})
    if row is None:
        raise NotFoundError(f"there is no batch '{batch_id}'", field="batch_id")
    return _to_batch(row, (await _tallies(db, [batch_id])).get(batch_id, Tally()))


async def get_agent(db: aiosqlite.Connection, batch_id: BatchId) -> Agent:
    """The agent as it was when the batch was launched."""
    row = await fetch_one(db, "SELECT agent_document FROM batches WHERE id = :id", {"id": batch_id})
    if row is None:
        raise NotFoundError(f"there is no batch '{batch_id}'", field="batch_id")
    return Agent.from_document(json.loads(row["agent_document"]))


async def page(
    db: aiosqlite.Connection, *, limit: int, cursor: str | None = None, state: str | None = None
) -> Page[Batch]:
    """Batches, newest first; calls that were asked for singly are left out."""
    rows = await fetch_all(
        db,
        """
        SELECT * FROM batches
        WHERE kind = 'batch' AND (:cursor IS NULL OR id < :cursor)
          AND (:state IS NULL OR state = :state)
        ORDER BY id DESC LIMIT :limit
        """,
        {"cursor": cursor, "state": state, "limit": limit + 1},
    )
    tallies = await _tallies(db, [row["id"] for row in rows[:limit]])
    return page_of(rows, limit, "id", lambda row: _to_batch(row, tallies.get(row["id"], Tally())))


async def unfinished(db: aiosqlite.Connection) -> list[Batch]:
    """Scheduled, running and paused batches, oldest first."""
    rows = await fetch_all(
        db,
        """
        SELECT * FROM batches WHERE state IN ('scheduled', 'running', 'paused') ORDER BY id
        """,
    )
    tallies = await _tallies(db, [row["id"] for row in rows])
    return [_to_batch(row, tallies.get(row["id"], Tally())) for row in rows]


async def recipients(
    db: aiosqlite.Connection,
    batch_id: str,
    *,
    limit: int,
    cursor: str | None = None,
    state: str | None = None,
    outcome: str | None = None,
) -> Page[Recipient]:
    """Rows of a batch in the owner's order; `cursor` is the last row seen."""
    rows = await fetch_all(
        db,
        """
        SELECT * FROM recipients
        WHERE batch_id = :batch_id AND row > :cursor
          AND (:state IS NULL OR state = :state) AND (:outcome IS NULL OR outcome = :outcome)
        ORDER BY row LIMIT :limit
        """,
        {
            "batch_id": batch_id,
            "cursor": number_cursor(cursor, 0),
            "state": state,
            "outcome": outcome,
            "limit": limit + 1,
        },
    )
    return page_of(rows, limit, "row", _to_recipient)


async def variable_names(db: aiosqlite.Connection, batch_id: str) -> list[str]:
    """The variables of a batch's rows, each name once, in the order of the owner's list."""
    rows = await fetch_all(
        db,
        """
        SELECT item.key AS name FROM recipients, json_each(recipients.variables) AS item
        WHERE batch_id = :id GROUP BY item.key ORDER BY min(recipients.row), min(item.id)
        """,
        {"id": batch_id},
    )
    return [row["name"] for row in rows]


async def due(db: aiosqlite.Connection, now: datetime) -> list[BatchId]:
    """Scheduled batches whose time has come."""
    rows = await fetch_all(
        db,
        """
        SELECT id FROM batches
        WHERE state = 'scheduled' AND coalesce(schedule_at, '') <= :now ORDER BY id
        """,
        {"now": to_text(now)},
    )
    return [BatchId(row["id"]) for row in rows]


async def start_due(db: aiosqlite.Connection, now: datetime) -> list[BatchId]:
    """Set every batch that is due to running; return them."""
    started = await due(db, now)
    for batch_id in started:
        await set_state(db, batch_id, BatchState.RUNNING, now)
    return started


async def set_state(
    db: aiosqlite.Connection,
    batch_id: BatchId,
    state: BatchState,
    now: datetime,
    pause_reason: str | None = None,
) -> None:
    """Move a batch; its first `running` and its end are dated.

    `pause_reason` says why, where it was the box that paused it.
    """
    await db.execute(
        """
        UPDATE batches
        SET state = :state, pause_reason = :pause_reason,
            started_at = CASE WHEN :state = 'running' THEN coalesce(started_at, :now)
                              ELSE started_at END,
            ended_at = CASE WHEN :state IN ('completed', 'canceled') THEN :now ELSE ended_at END
        WHERE id = :id
        """,
        {"id": batch_id, "state": state, "pause_reason": pause_reason, "now": to_text(now)},
    )


async def skip_beyond(db: aiosqlite.Connection, batch_id: BatchId, rows: int, message: str) -> None:
    """Skip the queued recipients after the first `rows` rows: the plan allows no more."""
    await db.execute(
        """
        UPDATE recipients
        SET state = 'skipped', skip_reason = 'plan_limit', skip_message = :message
        WHERE batch_id = :batch_id AND state = 'queued' AND row > :rows
        """,
        {"batch_id": batch_id, "rows": rows, "message": message},
    )


async def cancel_queued(db: aiosqlite.Connection, batch_id: BatchId) -> None:
    """Cancel every recipient of the batch that no call was started for."""
    await db.execute(
        "UPDATE recipients SET state = 'canceled' WHERE batch_id = :id AND state = 'queued'",
        {"id": batch_id},
    )


async def is_drained(db: aiosqlite.Connection, batch_id: BatchId) -> bool:
    """True when no recipient is queued or being called."""
    row = await fetch_one(
        db,
        """
        SELECT 1 FROM batch_tally
        WHERE batch_id = :id AND state IN ('queued', 'in_progress') AND recipients > 0 LIMIT 1
        """,
        {"id": batch_id},
    )
    return row is None


async def queued_extensions(db: aiosqlite.Connection) -> dict[BatchId, int]:
    """How many of each batch's queued recipients are extensions of a PBX; without any left out."""
    rows = await fetch_all(
        db,
        """
        SELECT batch_id, count(*) AS recipients FROM recipients
        WHERE state = 'queued' AND substr(phone, 1, 1) <> '+' GROUP BY batch_id
        """,
    )
    return {BatchId(row["batch_id"]): row["recipients"] for row in rows}


async def take_completion(db: aiosqlite.Connection, batch_id: BatchId, now: datetime) -> bool:
    """True once in a batch's life: for the one who then writes its `batch.completed`."""
    row = await fetch_one(
        db,
        """
        UPDATE batches SET completed_event_at = :now
        WHERE id = :id AND completed_event_at IS NULL RETURNING 1
        """,
        {"id": batch_id, "now": to_text(now)},
    )
    return row is not None


async def _tallies(db: aiosqlite.Connection, batch_ids: Sequence[str]) -> dict[str, Tally]:
    rows = await fetch_all(
        db,
        """
        SELECT * FROM batch_tally
        WHERE recipients > 0 AND batch_id IN (SELECT value FROM json_each(:ids))
        """,
        {"ids": json.dumps(list(batch_ids))},
    )
    lines: dict[str, list[TallyLine]] = {}
    for row in rows:
        lines.setdefault(row["batch_id"], []).append(
            TallyLine(
                RecipientState(row["state"]),
                Disposition(row["disposition"]) if row["disposition"] else None,
                row["outcome"] or None,
                row["recipients"],
            )
        )
    return {batch_id: Tally(tuple(of_batch)) for batch_id, of_batch in lines.items()}


def _to_batch(row: Row, tally: Tally) -> Batch:
    return Batch(
        id=BatchId(row["id"]),
        name=row["name"],
        is_single=row["kind"] == "single",
        agent_id=AgentId(row["agent_id"]),
        trunk_id=TrunkId(row["trunk_id"]) if row["trunk_id"] else None,
        caller_id=row["caller_id"],
        state=BatchState(row["state"]),
        concurrency=row["concurrency"],
        schedule_at=maybe_moment(row["schedule_at"]),
        created_at=to_moment(row["created_at"]),
        started_at=maybe_moment(row["started_at"]),
        ended_at=maybe_moment(row["ended_at"]),
        pause_reason=row["pause_reason"],
        tally=tally,
    )


def _to_recipient(row: Row) -> Recipient:
    return Recipient(
        row=row["row"],
        phone=row["phone"],
        variables=json.loads(row["variables"]),
        state=RecipientState(row["state"]),
        skip_reason=SkipReason(row["skip_reason"]) if row["skip_reason"] else None,
        skip_message=row["skip_message"],
        disposition=Disposition(row["disposition"]) if row["disposition"] else None,
        outcome=row["outcome"],
        call_id=CallId(row["call_id"]) if row["call_id"] else None,
    )
