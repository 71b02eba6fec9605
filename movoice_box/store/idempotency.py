"""Answers given to requests with an `Idempotency-Key`, so that a repeat gets the same again."""

from datetime import datetime

import aiosqlite

from movoice_box.errors import ConflictError
from movoice_box.store.database import fetch_one, to_text


async def find(db: aiosqlite.Connection, key: str, body_hash: str) -> str | None:
    """The answer given before, as JSON; None for a new key.

    Raises `ConflictError` with code `idempotency_key_reused` when the body was another.
    """
    row = await fetch_one(db, "SELECT * FROM idempotency_keys WHERE key = :key", {"key": key})
    if row is None:
        return None
    if row["body_hash"] != body_hash:
        raise ConflictError(
            f"Idempotency-Key '{key}' was used with another body: use a new key for a new request",
            code="idempotency_key_reused",
            field="Idempotency-Key",
        )
    return str(row["answer"])


async def put(
    db: aiosqlite.Connection, key: str, body_hash: str, answer: str, now: datetime
) -> None:
    await db.execute(
        "INSERT INTO idempotency_keys VALUES (:key, :hash, :answer, :now)",
        {"key": key, "hash": body_hash, "answer": answer, "now": to_text(now)},
    )


async def remove_before(db: aiosqlite.Connection, moment: datetime) -> None:
    await db.execute(
        "DELETE FROM idempotency_keys WHERE created_at < :moment", {"moment": to_text(moment)}
    )
