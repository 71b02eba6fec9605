"""Cursor pages: items and where the next page starts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from movoice_box.errors import InputError
from movoice_box.store.database import Row

T = TypeVar("T")
MAX_LIMIT = 500
_LARGEST = 2**63 - 1  # of an INTEGER in SQLite


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` is None on the last page; otherwise pass it as `cursor` for the next."""

    items: list[T]
    next_cursor: str | None


def page_of(rows: list[Row], limit: int, key: str, read: Callable[[Row], T]) -> Page[T]:
    """Make a page of at most `limit` rows; `rows` holds one more where there is a next page."""
    kept = rows[:limit]
    next_cursor = str(kept[-1][key]) if len(rows) > limit else None
    return Page([read(row) for row in kept], next_cursor)


def number_cursor(cursor: str | None, default: int) -> int:
    """A cursor that counts. Raises `InputError` where it was not given by a page."""
    if cursor is None:
        return default
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 19):
        raise InputError(
            f"cursor '{cursor[:40]}' was not given by this list: start without one", field="cursor"
        )
    return min(int(cursor), _LARGEST)
