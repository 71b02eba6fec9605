"""Times in requests: epoch seconds, or ISO 8601 with its zone."""

import re
from datetime import UTC, datetime

from movoice_box.errors import InputError

Moment = float | str

_NUMBER = re.compile(r"\d{1,20}(\.\d{1,9})?")
_LATEST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def parse_moment(value: Moment | None, field: str) -> datetime | None:
    """Read a time; None and empty text are no time. Raises `InputError` naming `field`."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return _parse_text(value, field)
    return _from_epoch(float(value), field)


def _from_epoch(seconds: float, field: str) -> datetime:
    if not 0 <= seconds < _LATEST_S:
        hint = "; is it in milliseconds?" if seconds >= _LATEST_S else ""
        raise InputError(
            f"{field} ({seconds:.0f}) must be epoch seconds, such as 1714000000{hint}", field=field
        )
    return datetime.fromtimestamp(seconds, UTC)


def _parse_text(text: str, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{field} ('{text[:60]}') must be epoch seconds or a time such as "
            "2026-04-25T10:00:00+05:30",
            field=field,
        ) from None
    if moment.tzinfo is None:
        raise InputError(
            f"{field} ('{text}') has no zone: add one, as in {moment:%Y-%m-%dT%H:%M:%S}+05:30",
            field=field,
        )
    return _from_epoch(moment.timestamp(), field)
