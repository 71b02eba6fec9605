"""Who may use the box: users, their web sessions, API keys, and the one-time set-up token.

Tokens are 256 random bits, kept only as their SHA-256; passwords as argon2id (RFC 9106).
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiosqlite
import argon2

from movoice_box.errors import ConflictError, InputError, NotFoundError
from movoice_box.store.database import Row, fetch_all, fetch_one, maybe_moment, to_moment, to_text

SESSION_LIFETIME = timedelta(days=14)
PASSWORD_MIN = 10
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash(secrets.token_hex())  # so that an unknown name costs what a known one does


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


def hash_password(password: str) -> str:
    """Takes some 30 ms: call it in a thread. Raises `InputError` when it is too short."""
    if len(password) < PASSWORD_MIN:
        raise InputError(
            f"the password must have at least {PASSWORD_MIN} characters", field="password"
        )
    return _HASHER.hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Takes some 30 ms, also for an unknown user (None): call it in a thread."""
    try:
        return _HASHER.verify(password_hash or _NOBODY, password) and password_hash is not None
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


async def add_user(db: aiosqlite.Connection, name: str, password_hash: str, now: datetime) -> None:
    """Add a user; from then on the set-up page is closed. Raises `ConflictError`."""
    if await find_password_hash(db, name) is not None:
        raise ConflictError(f"there is a user '{name}' already", code="name_taken", field="name")
    await db.execute(
        "INSERT INTO users VALUES (:name, :hash, :now)",
        {"name": name, "hash": password_hash, "now": to_text(now)},
    )
    await db.execute("DELETE FROM box_facts WHERE name = 'setup_token'")


async def set_password(db: aiosqlite.Connection, name: str, password_hash: str) -> None:
    """Change a user's password and end every session of theirs."""
    await db.execute(
        "UPDATE users SET password_hash = :hash WHERE name = :name",
        {"hash": password_hash, "name": name},
    )
    await db.execute(
        "DELETE FROM web_sessions WHERE user_name = :name COLLATE NOCASE", {"name": name}
    )


async def has_owner(db: aiosqlite.Connection) -> bool:
    return await fetch_one(db, "SELECT 1 FROM users LIMIT 1") is not None


async def find_password_hash(db: aiosqlite.Connection, name: str) -> str | None:
    row = await fetch_one(db, "SELECT password_hash FROM users WHERE name = :name", {"name": name})
    return row["password_hash"] if row else None


async def setup_token(db: aiosqlite.Connection) -> str | None:
    """The token of the set-up link, made at first use; None once an owner exists."""
    if await has_owner(db):
        return None
    await db.execute(
        "INSERT INTO box_facts VALUES ('setup_token', :token) ON CONFLICT DO NOTHING",
        {"token": secrets.token_urlsafe(24)},
    )
    row = await fetch_one(db, "SELECT value FROM box_facts WHERE name = 'setup_token'")
    return row["value"] if row else None


async def is_setup_token(db: aiosqlite.Connection, token: str) -> bool:
    row = await fetch_one(db, "SELECT value FROM box_facts WHERE name = 'setup_token'")
    return row is not None and secrets.compare_digest(row["value"], token)


async def open_session(db: aiosqlite.Connection, user_name: str, now: datetime) -> str:
    """Log a user in and return the token for the cookie."""
    token = secrets.token_urlsafe(32)
    await db.execute("DELETE FROM web_sessions WHERE expires_at < :now", {"now": to_text(now)})
    await db.execute(
        "INSERT INTO web_sessions VALUES (:hash, :name, :expires_at)",
        {
            "hash": _hash(token),
            "name": user_name,
            "expires_at": to_text(now + SESSION_LIFETIME),
        },
    )
    return token


async def find_session_user(db: aiosqlite.Connection, token: str, now: datetime) -> str | None:
    row = await fetch_one(
        db,
        "SELECT user_name FROM web_sessions WHERE token_hash = :hash AND expires_at >= :now",
        {"hash": _hash(token), "now": to_text(now)},
    )
    return row["user_name"] if row else None


async def close_session(db: aiosqlite.Connection, token: str) -> None:
    await db.execute("DELETE FROM web_sessions WHERE token_hash = :hash", {"hash": _hash(token)})


async def create_api_key(db: aiosqlite.Connection, name: str, now: datetime) -> str:
    """Make a key and return it; it cannot be read again."""
    key = f"mvb_{secrets.token_urlsafe(32)}"
    await db.execute(
        "INSERT INTO api_keys (name, key_hash, created_at) VALUES (:name, :hash, :now)",
        {"name": name, "hash": _hash(key), "now": to_text(now)},
    )
    return key


async def find_api_key(db: aiosqlite.Connection, key: str) -> ApiKey | None:
    row = await fetch_one(db, "SELECT * FROM api_keys WHERE key_hash = :hash", {"hash": _hash(key)})
    return _to_key(row) if row else None


async def touch_api_key(db: aiosqlite.Connection, key_id: int, now: datetime) -> None:
    await db.execute(
        "UPDATE api_keys SET last_used_at = :now WHERE id = :id",
        {"id": key_id, "now": to_text(now)},
    )


async def api_keys(db: aiosqlite.Connection) -> list[ApiKey]:
    return [_to_key(row) for row in await fetch_all(db, "SELECT * FROM api_keys ORDER BY id")]


async def remove_api_key(db: aiosqlite.Connection, key_id: int) -> None:
    """Revoke a key. Raises `NotFoundError`."""
    row = await fetch_one(db, "DELETE FROM api_keys WHERE id = :id RETURNING 1", {"id": key_id})
    if row is None:
        raise NotFoundError(f"there is no API key {key_id}")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _to_key(row: Row) -> ApiKey:
    return ApiKey(
        row["id"], row["name"], to_moment(row["created_at"]), maybe_moment(row["last_used_at"])
    )
