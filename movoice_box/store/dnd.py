"""The do-not-disturb list in SQLite."""

import json
from collections.abc import Iterable

import aiosqlite

from movoice_box.domain.dnd import DndEntry, DndSource
from movoice_box.domain.phone import PhoneNumber
from movoice_box.ids import CallId
from movoice_box.store.database import Row, execute_many, fetch_all, fetch_one, to_moment, to_text
from movoice_box.store.pages import Page, page_of


async def add(db: aiosqlite.Connection, entries: Iterable[DndEntry]) -> None:
    """List numbers; one that is listed keeps its first entry."""
    await execute_many(
        db,
        """
        INSERT INTO dnd VALUES (:phone, :source, :note, :call_id, :added_at)
        ON CONFLICT (phone) DO NOTHING
        """,
        [
            {
                "phone": str(entry.phone),
                "source": entry.source,
                "note": entry.note,
                "call_id": entry.call_id,
                "added_at": to_text(entry.added_at),
            }
            for entry in entries
        ],
    )


async def remove(db: aiosqlite.Connection, phone: PhoneNumber) -> bool:
    """Take a number off the list; False when it was not on it."""
    row = await fetch_one(
        db, "DELETE FROM dnd WHERE phone = :phone RETURNING 1", {"phone": str(phone)}
    )
    return row is not None


async def find(db: aiosqlite.Connection, phone: PhoneNumber) -> DndEntry | None:
    row = await fetch_one(db, "SELECT * FROM dnd WHERE phone = :phone", {"phone": str(phone)})
    return _to_entry(row) if row else None


async def among(
    db: aiosqlite.Connection, phones: Iterable[PhoneNumber]
) -> dict[PhoneNumber, DndEntry]:
    """Those of `phones` that are listed."""
    rows = await fetch_all(
        db,
        "SELECT * FROM dnd WHERE phone IN (SELECT value FROM json_each(:phones))",
        {"phones": json.dumps([str(phone) for phone in phones])},
    )
    return {PhoneNumber(row["phone"]): _to_entry(row) for row in rows}


async def page(
    db: aiosqlite.Connection, *, limit: int, cursor: str | None = None, search: str = ""
) -> Page[DndEntry]:
    """Entries in the order of their numbers; `search` is part of a number."""
    rows = await fetch_all(
        db,
        """
        SELECT * FROM dnd
        WHERE (:cursor IS NULL OR phone > :cursor) AND (:search = '' OR instr(phone, :search))
        ORDER BY phone LIMIT :limit
        """,
        {"cursor": cursor, "search": search, "limit": limit + 1},
    )
    return page_of(rows, limit, "phone", _to_entry)


async def count(db: aiosqlite.Connection) -> int:
    row = await fetch_one(db, "SELECT count(*) AS entries FROM dnd")
    return int(row["entries"]) if row else 0


def _to_entry(row: Row) -> DndEntry:
    return DndEntry(
        phone=PhoneNumber(row["phone"]),
        source=DndSource(row["source"]),
        note=row["note"],
        call_id=CallId(row["call_id"]) if row["call_id"] else None,
        added_at=to_moment(row["added_at"]),
    )
