"""Calls in SQLite, from their first ring to their end, and for reading."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import aiosqlite
import msgspec

from movoice_box.domain.batch import RecipientState, SkipReason, recipient_state_after
from movoice_box.domain.call import (
    Call,
    CallResult,
    CallState,
    Direction,
    Disposition,
    TranscriptLine,
)
from movoice_box.domain.early_media import EarlyMediaVerdict
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.quality import MediaQuality
from movoice_box.errors import NotFoundError
from movoice_box.ids import AgentId, BatchId, CallId, TrunkId
from movoice_box.store import inbound
from movoice_box.store.database import Row, fetch_all, fetch_one, maybe_moment, to_moment, to_text
from movoice_box.store.pages import Page, page_of

_Value = TypeVar("_Value")


async def progress(
    db: aiosqlite.Connection, call_id: CallId, state: CallState, now: datetime
) -> None:
    """Record that the callee's phone rings (`ringing`) or was answered (`talking`)."""
    await db.execute(
        """
        UPDATE calls
        SET state = :state,
            ringing_at = CASE :state WHEN 'ringing' THEN :now ELSE ringing_at END,
            answered_at = CASE :state WHEN 'talking' THEN :now ELSE answered_at END
        WHERE id = :id AND state <> 'ended'
        """,
        {"id": call_id, "state": state, "now": to_text(now)},
    )


async def end(
    db: aiosqlite.Connection,
    call_id: CallId,
    result: CallResult,
    now: datetime,
    *,
    skipped: tuple[SkipReason, str] | None = None,
) -> bool:
    """End a call and its recipient; False when it had ended before.

    `skipped` marks a recipient that was not dialed after all, with the reason and its message.
    One that was canceled before its dial counts as one that no call was started for.
    """
    ended = await fetch_one(
        db,
        """
        UPDATE calls
        SET state = 'ended', disposition = :disposition, outcome = :outcome, summary = :summary,
            sip_call_id = :sip_call_id,
            transcript = :transcript, collected = :collected, sip_status = :sip_status,
            sip_reason = :sip_reason, q850_cause = :q850_cause, ended_by = :ended_by,
            recording = :recording, quality = :quality, early_media = :early_media,
            ended_at = :now
        WHERE id = :id AND state <> 'ended'
        RETURNING recipient_id, dialed_at, direction
        """,
        {
            "id": call_id,
            "disposition": result.disposition,
            "outcome": result.outcome,
            "summary": result.summary,
            "transcript": _transcript_text(result.transcript),
            "collected": json.dumps(result.collected, ensure_ascii=False),
            "sip_call_id": result.sip_call_id,
            "sip_status": result.sip_status,
            "sip_reason": result.sip_reason,
            "q850_cause": result.q850_cause,
            "ended_by": result.ended_by,
            "recording": result.recording,
            "quality": _json_of(result.quality),
            "early_media": _json_of(result.early_media),
            "now": to_text(now),
        },
    )
    if ended is None:
        return False
    if ended["direction"] == Direction.INBOUND:
        await inbound.settle_row(db, call_id, ended["recipient_id"], result)
        return True
    state = RecipientState.SKIPPED if skipped else recipient_state_after(result.disposition)
    reason, message = skipped or (None, None)
    is_canceled = result.disposition is Disposition.CANCELED and ended["dialed_at"] is None
    was_attempted = not (skipped or is_canceled)
    await db.execute(
        """
        UPDATE recipients
        SET state = :state, disposition = :disposition, outcome = :outcome,
            skip_reason = :reason, skip_message = :message
        WHERE id = :id
        """,
        {
            "id": ended["recipient_id"],
            "state": state,
            "disposition": result.disposition if was_attempted else None,
            "outcome": result.outcome if was_attempted else None,
            "reason": reason,
            "message": message,
        },
    )
    return True


async def get(db: aiosqlite.Connection, call_id: str) -> Call:
    """One call. Raises `NotFoundError`."""
    row = await fetch_one(db, "SELECT * FROM call_records WHERE id = :id", {"id": call_id})
    if row is None:
        raise NotFoundError(f"there is no call '{call_id}'", field="call_id")
    return _to_call(row)


async def batch_of(db: aiosqlite.Connection, call_id: str) -> BatchId:
    """The batch of a call, also where the call was asked for by itself. Raises `NotFoundError`."""
    row = await fetch_one(db, "SELECT batch_id FROM calls WHERE id = :id", {"id": call_id})
    if row is None:
        raise NotFoundError(f"there is no call '{call_id}'", field="call_id")
    return BatchId(row["batch_id"])


async def page(
    db: aiosqlite.Connection,
    *,
    limit: int,
    cursor: str | None = None,
    batch_id: str | None = None,
    state: str | None = None,
    outcome: str | None = None,
    phone: str | None = None,
    direction: str | None = None,
) -> Page[Call]:
    """Calls, newest first."""
    rows = await fetch_all(
        db,
        """
        SELECT * FROM call_records
        WHERE (:cursor IS NULL OR id < :cursor)
          AND (:batch_id IS NULL OR batch_id = :batch_id)
          AND (:state IS NULL OR state = :state)
          AND (:outcome IS NULL OR outcome = :outcome)
          AND (:phone IS NULL OR phone = :phone)
          AND (:direction IS NULL OR direction = :direction)
        ORDER BY id DESC LIMIT :limit
        """,
        {
            "cursor": cursor,
            "batch_id": batch_id,
            "state": state,
            "outcome": outcome,
            "phone": phone,
            "direction": direction,
            "limit": limit + 1,
        },
    )
    return page_of(rows, limit, "id", _to_call)


async def among(db: aiosqlite.Connection, call_ids: Iterable[str]) -> dict[CallId, Call]:
    """Those of `call_ids` that there are."""
    rows = await fetch_all(
        db,
        "SELECT * FROM call_records WHERE id IN (SELECT value FROM json_each(:ids))",
        {"ids": json.dumps(list(call_ids))},
    )
    return {CallId(row["id"]): _to_call(row) for row in rows}


async def last_failures(
    db: aiosqlite.Connection, trunk_id: str, since: datetime, limit: int
) -> list[Call]:
    """The newest calls that a trunk could not carry, as far back as `since`."""
    rows = await fetch_all(
        db,
        """
        SELECT * FROM call_records
        WHERE trunk_id = :trunk_id AND dialed_at >= :since
          AND disposition IN ('failed', 'unreachable')
        ORDER BY dialed_at DESC LIMIT :limit
        """,
        {"trunk_id": trunk_id, "since": to_text(since), "limit": limit},
    )
    return [_to_call(row) for row in rows]


async def collected_names(db: aiosqlite.Connection, batch_id: str) -> list[str]:
    """What the calls of a batch collected, each name once, in order of appearance."""
    rows = await fetch_all(
        db,
        """
        SELECT item.key AS name FROM calls, json_each(calls.collected) AS item
        WHERE batch_id = :id GROUP BY item.key ORDER BY min(calls.id), min(item.id)
        """,
        {"id": batch_id},
    )
    return [row["name"] for row in rows]


async def waiting(db: aiosqlite.Connection, batch_id: BatchId) -> list[Call]:
    """Calls of a batch that were handed back to the queue, and single ones that wait in it."""
    rows = await fetch_all(
        db,
        "SELECT * FROM call_records WHERE batch_id = :id AND state = 'queued' ORDER BY row",
        {"id": batch_id},
    )
    return [_to_call(row) for row in rows]


async def live(db: aiosqlite.Connection) -> list[tuple[BatchId, Call]]:
    """Calls that are neither ended nor waiting in the queue, each with its batch."""
    rows = await fetch_all(db, "SELECT * FROM call_records WHERE state NOT IN ('ended', 'queued')")
    return [(BatchId(row["batch_id"]), _to_call(row)) for row in rows]


def _transcript_text(transcript: tuple[TranscriptLine, ...]) -> str:
    lines = [
        {"at_ms": line.at_ms, "speaker": line.speaker, "text": line.text} for line in transcript
    ]
    return json.dumps(lines, ensure_ascii=False)


def _json_of(value: MediaQuality | EarlyMediaVerdict | None) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


def _value_of(text: str | None, kind: type[_Value]) -> _Value | None:
    return msgspec.json.decode(text, type=kind) if text else None


def _to_call(row: Row) -> Call:
    return Call(
        id=CallId(row["id"]),
        batch_id=BatchId(row["batch_id"]) if row["kind"] == "batch" else None,
        row=row["row"],
        agent_id=AgentId(row["agent_id"]),
        trunk_id=TrunkId(row["chosen_trunk_id"]) if row["chosen_trunk_id"] else None,
        phone=PhoneNumber(row["phone"]),
        variables=json.loads(row["variables"]),
        state=CallState(row["state"]),
        disposition=Disposition(row["disposition"]) if row["disposition"] else None,
        outcome=row["outcome"],
        summary=row["summary"],
        transcript=tuple(TranscriptLine(**line) for line in json.loads(row["transcript"])),
        collected=json.loads(row["collected"]),
        sip_call_id=row["sip_call_id"],
        sip_status=row["sip_status"],
        sip_reason=row["sip_reason"],
        q850_cause=row["q850_cause"],
        ended_by=row["ended_by"],
        recording=row["recording"],
        direction=Direction(row["direction"]),
        channel=row["channel"],
        quality=_value_of(row["quality"], MediaQuality),
        early_media=_value_of(row["early_media"], EarlyMediaVerdict),
        created_at=to_moment(row["created_at"]),
        dialed_at=maybe_moment(row["dialed_at"]),
        ringing_at=maybe_moment(row["ringing_at"]),
        answered_at=maybe_moment(row["answered_at"]),
        ended_at=maybe_moment(row["ended_at"]),
    )
