"""The do-not-disturb list: numbers that are never called."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from movoice_box.domain.phone import PhoneNumber
from movoice_box.ids import CallId


class DndSource(StrEnum):
    OWNER = "owner"
    IMPORT = "import"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class DndEntry:
    """`call_id` is the call in which the callee opted out."""

    phone: PhoneNumber
    source: DndSource
    added_at: datetime
    note: str = ""
    call_id: CallId | None = None

    @property
    def reason(self) -> str:
        """Why the number is listed, as a plain sentence."""
        how = {
            DndSource.OWNER: "added by the owner",
            DndSource.IMPORT: "imported",
            DndSource.OPT_OUT: "opted out in a call",
        }[self.source]
        return f"on the do-not-disturb list: {how} on {self.added_at:%d %b %Y}"
