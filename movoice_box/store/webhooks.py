"""The owner's webhooks in SQLite; their secrets are sealed."""

import json
from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from movoice_box.domain.event import EventType
from movoice_box.errors import NotFoundError
from movoice_box.ids import WebhookId
from movoice_box.store.database import Row, fetch_all, fetch_one, to_moment, to_text
from movoice_box.store.sealing import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    id: WebhookId
    url: str
    events: tuple[EventType, ...]
    is_enabled: bool
    created_at: datetime


async def put(
    db: aiosqlite.Connection, seal: Seal, webhook: Webhook, secret: str | None = None
) -> None:
    """Insert a webhook with its `secret` ("whsec_..."), or replace one and keep its secret."""
    if secret is None:
        await db.execute(
            "UPDATE webhooks SET url = :url, events = :events, is_enabled = :enabled"
            " WHERE id = :id",
            _values(webhook),
        )
        return
    await db.execute(
        "INSERT INTO webhooks VALUES (:id, :url, :events, :secret, :enabled, :created_at)",
        {**_values(webhook), "secret": seal.close(secret, webhook.id)},
    )


async def get(db: aiosqlite.Connection, webhook_id: str) -> Webhook:
    """One webhook. Raises `NotFoundError`."""
    row = await fetch_one(db, "SELECT * FROM webhooks WHERE id = :id", {"id": webhook_id})
    if row is None:
        raise NotFoundError(f"there is no webhook '{webhook_id}'", field="webhook_id")
    return _to_webhook(row)


async def every(db: aiosqlite.Connection) -> list[Webhook]:
    """All webhooks, oldest first."""
    return [_to_webhook(row) for row in await fetch_all(db, "SELECT * FROM webhooks ORDER BY id")]


async def remove(db: aiosqlite.Connection, webhook_id: str) -> None:
    """Delete a webhook with its deliveries. Raises `NotFoundError`."""
    row = await fetch_one(db, "DELETE FROM webhooks WHERE id = :id RETURNING 1", {"id": webhook_id})
    if row is None:
        raise NotFoundError(f"there is no webhook '{webhook_id}'", field="webhook_id")


def _values(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": json.dumps(webhook.events),
        "enabled": webhook.is_enabled,
        "created_at": to_text(webhook.created_at),
    }


def _to_webhook(row: Row) -> Webhook:
    return Webhook(
        id=WebhookId(row["id"]),
        url=row["url"],
        events=tuple(EventType(event) for event in json.loads(row["events"])),
        is_enabled=bool(row["is_enabled"]),
        created_at=to_moment(row["created_at"]),
    )
