"""Trunks in SQLite; their passwords are sealed."""

import sqlite3
from datetime import datetime

import aiosqlite
import msgspec

from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import ConflictError, InputError, NotFoundError, SettingsError
from movoice_box.ids import TrunkId
from movoice_box.store.database import Row, fetch_all, fetch_one, to_text
from movoice_box.store.sealing import Seal

_COLUMNS = ("id", "name", "password")  # the rest of an account is the document


async def put(db: aiosqlite.Connection, seal: Seal, account: TrunkAccount, now: datetime) -> None:
    """Insert or replace a trunk. Raises `ConflictError` when another has its name.

    A password that does not open is kept until another is given: its key may come back.
    """
    password = seal.close(account.password, account.id) if account.password else None
    if password is None:
        password = (await _unopened(db, seal, account.id)).get(account.id)
    try:
        await db.execute(
            """
            INSERT INTO trunks VALUES (:id, :name, :password, :document, :now)
            ON CONFLICT (id) DO UPDATE SET
                name = :name, password = :password, document = :document
            """,
            {
                "id": account.id,
                "name": account.name,
                "password": password,
                "document": _to_document(account),
                "now": to_text(now),
            },
        )
    except sqlite3.IntegrityError:
        raise ConflictError(
            f"another trunk is named '{account.name}': choose another name",
            code="name_taken",
            field="name",
        ) from None


async def get(db: aiosqlite.Connection, seal: Seal, trunk_id: str) -> TrunkAccount:
    """One trunk. Raises `NotFoundError`."""
    row = await fetch_one(db, "SELECT * FROM trunks WHERE id = :id", {"id": trunk_id})
    if row is None:
        raise NotFoundError(f"there is no trunk '{trunk_id}'", field="trunk_id")
    return _to_account(row, seal)


async def unopened(db: aiosqlite.Connection, seal: Seal) -> set[TrunkId]:
    """The trunks whose password was sealed with another key: they read as disabled."""
    return set(await _unopened(db, seal))


async def every(db: aiosqlite.Connection, seal: Seal) -> list[TrunkAccount]:
    """All trunks, oldest first."""
    rows = await fetch_all(db, "SELECT * FROM trunks ORDER BY created_at, id")
    return [_to_account(row, seal) for row in rows]


async def names(db: aiosqlite.Connection) -> dict[str, str]:
    """The name of each trunk by its id."""
    rows = await fetch_all(db, "SELECT id, name FROM trunks")
    return {row["id"]: row["name"] for row in rows}


async def enabled(db: aiosqlite.Connection, seal: Seal) -> list[TrunkAccount]:
    """The trunks that are enabled, oldest first. Raises `InputError` with code `no_trunk`."""
    if found := [account for account in await every(db, seal) if account.is_enabled]:
        return found
    raise InputError(
        "no trunk is enabled: add one under Trunks, or with 'movoice-box trunk add'",
        code="no_trunk",
        field="trunk_id",
    )


async def allow_extensions(db: aiosqlite.Connection, trunk_id: str | None = None) -> bool:
    """Whether the trunk, or any that is enabled, carries calls to extensions of a PBX."""
    row = await fetch_one(
        db,
        """
        SELECT 1 FROM trunks
        WHERE document ->> 'allows_extensions'
          AND (id = :id OR :id IS NULL AND document ->> 'is_enabled') LIMIT 1
        """,
        {"id": trunk_id},
    )
    return row is not None


async def remove(db: aiosqlite.Connection, trunk_id: str) -> None:
    """Delete a trunk. Raises `NotFoundError`, or `ConflictError` while a batch needs it."""
    busy = await fetch_one(
        db,
        """
        SELECT name FROM batches
        WHERE state IN ('scheduled', 'running', 'paused')
          AND (trunk_id = :id OR trunk_id = '' AND NOT EXISTS (
                SELECT 1 FROM trunks WHERE id <> :id AND document ->> 'is_enabled'))
        LIMIT 1
        """,
        {"id": trunk_id},
    )
    if busy is not None:
        raise ConflictError(
            f"batch '{busy['name']}' still needs this trunk: cancel it first, or disable the trunk",
            code="trunk_in_use",
        )
    row = await fetch_one(db, "DELETE FROM trunks WHERE id = :id RETURNING 1", {"id": trunk_id})
    if row is None:
        raise NotFoundError(f"there is no trunk '{trunk_id}'", field="trunk_id")


async def _unopened(
    db: aiosqlite.Connection, seal: Seal, trunk_id: str | None = None
) -> dict[TrunkId, bytes]:
    rows = await fetch_all(
        db,
        """
        SELECT id, password FROM trunks
        WHERE password IS NOT NULL AND (:id IS NULL OR id = :id)
        """,
        {"id": trunk_id},
    )
    return {TrunkId(row["id"]): row["password"] for row in rows if _password_of(row, seal) is None}


def _password_of(row: Row, seal: Seal) -> str | None:
    """None where there is none, or none that this box can open."""
    try:
        return seal.open(row["password"], row["id"]) if row["password"] else None
    except SettingsError:
        return None


def _to_document(account: TrunkAccount) -> str:
    values = msgspec.to_builtins(account)
    for column in _COLUMNS:
        del values[column]
    return msgspec.json.encode(values).decode()


def _to_account(row: Row, seal: Seal) -> TrunkAccount:
    values = msgspec.json.decode(row["document"])
    password = _password_of(row, seal)
    columns = {"id": row["id"], "name": row["name"], "password": password}
    if row["password"] and password is None:
        columns["is_enabled"] = False
    return msgspec.convert(values | columns, TrunkAccount)
