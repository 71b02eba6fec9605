"""A batch as a CSV file, written while it is sent."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from movoice_box.domain.batch import Batch, Recipient
from movoice_box.domain.call import Call
from movoice_box.ids import BatchId
from movoice_box.store import batches, calls, trunks
from movoice_box.store.database import Database

_ROWS_AT_ONCE = 500
_BOM = "\ufeff"  # without it Excel takes UTF-8 for Windows-1252, and ₹ for three other characters
_BEFORE = ("row", "phone")
_AFTER = (
    *("state", "disposition", "outcome", "summary", "skip_reason", "skip_message"),
    *("call_id", "direction", "trunk", "channel"),
    *("sip_status", "sip_reason", "ring_s", "talk_s", "mos"),
    *("dialed_at", "answered_at", "ended_at"),
)
_COLUMNS = {*_BEFORE, *_AFTER}

# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV injection") ...
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# ... unless it is a mere number: +919876543210, -1800, +91 98765-43210
_HARMLESS = re.compile(r"[+-]?\d[\d ,.()-]*", re.ASCII)


async def export_csv(database: Database, batch_id: BatchId, zone: ZoneInfo) -> AsyncIterator[str]:
    """The rows of a batch in the owner's order; times are ISO 8601 in `zone`.

    Columns: row and phone, the owner's variables, the results, what was collected. A variable
    named like one of ours becomes `variables.NAME`; what was collected is `collected.NAME`.
    """
    async with database.reading() as db:
        variables = await batches.variable_names(db, batch_id)
        collected = await calls.collected_names(db, batch_id)
        trunk_names = await trunks.names(db)
    yield _BOM + _lines(
        [
            [
                *_BEFORE,
                *(f"variables.{name}" if name in _COLUMNS else name for name in variables),
                *_AFTER,
                *(f"collected.{name}" for name in collected),
            ]
        ]
    )
    cursor = None
    while True:
        async with database.reading() as db:
            page = await batches.recipients(db, batch_id, limit=_ROWS_AT_ONCE, cursor=cursor)
            known = await calls.among(db, (one.call_id for one in page.items if one.call_id))
        yield _lines(
            _cells(
                one,
                known.get(one.call_id) if one.call_id else None,
                variables,
                collected,
                trunk_names,
                zone,
            )
            for one in page.items
        )
        if (cursor := page.next_cursor) is None:
            return


def file_name(batch: Batch) -> str:
    """The batch's name where it is plain ASCII, as the name of a file."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", batch.name).strip("-.")[:80]
    return f"{plain or batch.id}.csv"


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet runs: what looks like a formula gets a leading apostrophe."""
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA) and not _HARMLESS.fullmatch(text):
        return f"'{text}"
    return text


def _cells(
    recipient: Recipient,
    call: Call | None,
    variables: Sequence[str],
    collected: Sequence[str],
    trunk_names: Mapping[str, str],
    zone: ZoneInfo,
) -> list[object]:
    return [
        recipient.row,
        recipient.phone,
        *(recipient.variables.get(name) for name in variables),
        recipient.state,
        recipient.disposition,
        recipient.outcome,
        call and call.summary,
        recipient.skip_reason,
        recipient.skip_message,
        recipient.call_id,
        call and call.direction,
        call and call.trunk_id and trunk_names.get(call.trunk_id, call.trunk_id),
        call and call.channel,
        call and call.sip_status,
        call and call.sip_reason,
        call and call.ring_s,
        call and call.talk_s,
        round(call.quality.mos, 1) if call and call.quality and call.quality.mos else None,
        *(_in_zone(at, zone) for at in _moments(call)),
        *(call.collected.get(name) if call else None for name in collected),
    ]


def _moments(call: Call | None) -> tuple[datetime | None, ...]:
    return (call.dialed_at, call.answered_at, call.ended_at) if call else (None, None, None)


def _in_zone(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None


def _lines(rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([safe_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue()
