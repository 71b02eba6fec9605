"""Webhook events and their deliveries, written in the transaction of what they report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import aiosqlite

from movoice_box.errors import NotFoundError
from movoice_box.ids import EventId, WebhookId
from movoice_box.store.database import Row, fetch_all, fetch_one, maybe_moment, to_moment, to_text
from movoice_box.store.pages import Page, number_cursor, page_of
from movoice_box.store.sealing import Seal

KEEP_TRYING = timedelta(days=1)
LONGEST_WAIT = timedelta(hours=1)
"""Between two attempts. What is due later than that was written by a clock that was set back."""
_LAST = 2**62


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook. `status` is the HTTP status of the last answer."""

    id: int
    event_id: EventId
    event_type: str
    webhook_id: WebhookId
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    give_up_at: datetime
    status: int | None
    detail: str
    created_at: datetime
    delivered_at: datetime | None
    body: str


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery with what is needed to send it."""

    delivery: Delivery
    url: str
    secret: str


async def add(
    db: aiosqlite.Connection, event_id: EventId, body: Mapping[str, Any], now: datetime
) -> int:
    """Write an event, and a delivery for every enabled webhook that wants its type.

    Returns how many deliveries are due.
    """
    await db.execute(
        "INSERT INTO events VALUES (:id, :type, :batch_id, :call_id, :body, :now)",
        {
            "id": event_id,
            "type": body["event_type"],
            "batch_id": body.get("batch_id"),
            "call_id": body.get("call_id"),
            "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            "now": to_text(now),
        },
    )
    cursor = await db.execute(
        """
        INSERT INTO deliveries (event_id, webhook_id, state, due_at, give_up_at)
        SELECT :event_id, id, 'pending', :now, :give_up_at FROM webhooks
        WHERE is_enabled AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = :type)
        """,
        {
            "event_id": event_id,
            "type": body["event_type"],
            "now": to_text(now),
            "give_up_at": to_text(now + KEEP_TRYING),
        },
    )
    return cursor.rowcount


async def due(
    db: aiosqlite.Connection, seal: Seal, webhook_id: WebhookId, now: datetime, limit: int
) -> list[DueDelivery]:
    """Deliveries to one webhook whose time has come, oldest first."""
    last = now + LONGEST_WAIT
    rows = await fetch_all(
        db,
        """
        SELECT deliveries.*, events.type, events.body, events.created_at,
               webhooks.url, webhooks.secret
        FROM deliveries
        JOIN events ON events.id = event_id
        JOIN webhooks ON webhooks.id = webhook_id
        WHERE webhook_id = :webhook_id AND deliveries.state = 'pending'
          AND (due_at <= :now OR due_at > :last)
        ORDER BY due_at, deliveries.id LIMIT :limit
        """,
        {"webhook_id": webhook_id, "now": to_text(now), "last": to_text(last), "limit": limit},
    )
    return [
        DueDelivery(_to_delivery(row), row["url"], seal.open(row["secret"], row["webhook_id"]))
        for row in rows
    ]


async def hasten(db: aiosqlite.Connection, now: datetime) -> None:
    """Make all that is pending due: the clock was set back, and its times mean nothing now."""
    await db.execute(
        "UPDATE deliveries SET due_at = :now WHERE state = 'pending' AND due_at > :now",
        {"now": to_text(now)},
    )


async def next_due(db: aiosqlite.Connection) -> dict[WebhookId, datetime]:
    """When the next delivery to each enabled webhook is due; those with none are left out."""
    rows = await fetch_all(
        db,
        """
        SELECT webhook_id, min(due_at) AS due_at
        FROM deliveries JOIN webhooks ON webhooks.id = webhook_id
        WHERE state = 'pending' AND is_enabled GROUP BY webhook_id
        """,
    )
    return {WebhookId(row["webhook_id"]): to_moment(row["due_at"]) for row in rows}


async def record_attempt(
    db: aiosqlite.Connection,
    delivery_id: int,
    *,
    state: DeliveryState,
    status: int | None,
    detail: str,
    due_at: datetime | None,
    now: datetime,
) -> None:
    """Write down how an attempt went; `due_at` is the next one, None when there is none."""
    await db.execute(
        """
        UPDATE deliveries
        SET state = :state, attempts = attempts + 1, status = :status, detail = :detail,
            due_at = :due_at,
            delivered_at = CASE WHEN :state = 'delivered' THEN :now ELSE delivered_at END
        WHERE id = :id
        """,
        {
            "id": delivery_id,
            "state": state,
            "status": status,
            "detail": detail,
            "due_at": to_text(due_at) if due_at else None,
            "now": to_text(now),
        },
    )


async def replay(db: aiosqlite.Connection, delivery_id: int, now: datetime) -> None:
    """Send a delivery again, with its old `webhook-id`. Raises `NotFoundError`."""
    row = await fetch_one(
        db,
        """
        UPDATE deliveries SET state = 'pending', due_at = :now, give_up_at = :give_up_at
        WHERE id = :id RETURNING 1
        """,
        {"id": delivery_id, "now": to_text(now), "give_up_at": to_text(now + KEEP_TRYING)},
    )
    if row is None:
        raise NotFoundError(f"there is no delivery '{delivery_id}'", field="delivery_id")


async def deliveries(
    db: aiosqlite.Connection,
    *,
    limit: int,
    webhook_id: str | None = None,
    cursor: str | None = None,
) -> Page[Delivery]:
    """The delivery log, newest first."""
    rows = await fetch_all(
        db,
        """
        SELECT deliveries.*, events.type, events.body, events.created_at
        FROM deliveries JOIN events ON events.id = event_id
        WHERE deliveries.id < :cursor AND (:webhook_id IS NULL OR webhook_id = :webhook_id)
        ORDER BY deliveries.id DESC LIMIT :limit
        """,
        {
            "cursor": number_cursor(cursor, _LAST),
            "webhook_id": webhook_id,
            "limit": limit + 1,
        },
    )
    return page_of(rows, limit, "id", _to_delivery)


def _to_delivery(row: Row) -> Delivery:
    return Delivery(
        id=row["id"],
        event_id=EventId(row["event_id"]),
        event_type=row["type"],
        webhook_id=WebhookId(row["webhook_id"]),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        due_at=maybe_moment(row["due_at"]),
        give_up_at=to_moment(row["give_up_at"]),
        status=row["status"],
        detail=row["detail"],
        created_at=to_moment(row["created_at"]),
        delivered_at=maybe_moment(row["delivered_at"]),
        body=row["body"],
    )
