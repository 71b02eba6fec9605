"""The gateway's own account of what it saw and did: one JSON object a line, only ever added to.

Journeys compare the box's books with this one, so nothing of the box writes it.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from movoice_box.clock import Clock

RECEIVED = "received"  # a SIP message: method, of a response also status; is_copy if seen before
SENT = "sent"
ANSWERED = "answered"  # the ACK of the gateway's 200 arrived
DIGIT_SENT = "digit_sent"
DIGIT_HEARD = "digit_heard"
SAID = "said"
ENDED = "ended"  # why, by whom, and what was heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. `number` is as it was dialled; `facts` are the event's own."""

    at: datetime
    event: str
    call_id: str
    number: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Ledger(AbstractContextManager["Ledger"]):
    """Writes entries as they happen; each line reaches the system before the next event does."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Append to `path`; None keeps no books."""
        self._clock = clock
        self._file: TextIO | None = path.open("a", buffering=1, encoding="utf-8") if path else None

    def note(self, event: str, call_id: str, number: str, **facts: object) -> None:
        if self._file is not None:
            line = {
                "at": self._clock.now().isoformat(timespec="milliseconds"),
                "event": event,
                "call_id": call_id,
                "number": number,
                **facts,
            }
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def read_ledger(path: Path) -> list[Entry]:
    """Every whole line; the last one may still be being written."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            facts = json.loads(line)
            at, event = datetime.fromisoformat(facts.pop("at")), facts.pop("event")
            call_id, number = facts.pop("call_id"), facts.pop("number")
            entries.append(Entry(at=at, event=event, call_id=call_id, number=number, facts=facts))
    return entries


def calls_by_number(entries: list[Entry]) -> dict[str, set[str]]:
    """The Call-IDs that asked for each number: more than one means it was dialled again."""
    calls: dict[str, set[str]] = {}
    for entry in entries:
        if entry.event == RECEIVED and entry.facts["method"] == "INVITE":
            calls.setdefault(entry.number, set()).add(entry.call_id)
    return calls
