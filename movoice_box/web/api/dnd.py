"""The do-not-disturb list: /v1/dnd."""

from datetime import datetime
from typing import Annotated, Self

import msgspec
from litestar import Controller, delete, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, JSONBody, MultipartBody, QueryParameter

from movoice_box.dialer.recipient_file import MAX_BYTES
from movoice_box.domain.dnd import DndEntry, DndSource
from movoice_box.domain.phone import PhoneNumber
from movoice_box.store import dnd
from movoice_box.web.api.shapes import DEFAULT_LIMIT, Cursor, Given, Limit, Listed, listed

_MOST_INVALID = 1_000  # told one by one; the rest are counted


class DndIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A number as people write it."""

    phone: str
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


class DndOut(msgspec.Struct, kw_only=True):
    """`call_id` is the call in which the callee opted out."""

    phone: str
    source: DndSource
    note: str
    call_id: str | None
    added_at: datetime

    @classmethod
    def of(cls, entry: DndEntry) -> Self:
        return cls(
            phone=str(entry.phone),
            source=entry.source,
            note=entry.note,
            call_id=entry.call_id,
            added_at=entry.added_at,
        )


class CheckedOut(msgspec.Struct):
    """Whether a number may be called; `entry` says why not."""

    phone: str
    listed: bool
    entry: DndOut | None


class InvalidOut(msgspec.Struct):
    row: int
    value: str


class ImportedOut(msgspec.Struct):
    """`known` were listed before. At most 1,000 `invalid` rows are told; all are counted."""

    added: int
    known: int
    invalid_rows: int
    invalid: list[InvalidOut]


class FileIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    file: UploadFile


class DndController(Controller):
    path = "/dnd"
    tags = ("dnd",)

    @get("/")
    async def list_entries(
        self,
        services: Given,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        search: Annotated[
            str | None, QueryParameter(max_length=20, description="Part of a number.")
        ] = None,
    ) -> Listed[DndOut]:
        """Numbers that are never called, in order."""
        async with services.database.reading() as db:
            page = await dnd.page(db, limit=limit, cursor=cursor, search=search or "")
        return listed(page, DndOut.of)

    @post("/")
    async def add_entry(self, data: JSONBody[DndIn], services: Given) -> DndOut:
        """Never call a number again; one that is listed keeps its first entry."""
        return DndOut.of(await services.dnd.add(data.phone, data.note))

    @post("/import", status_code=200, request_max_body_size=MAX_BYTES + 2**20)
    async def import_entries(self, data: MultipartBody[FileIn], services: Given) -> ImportedOut:
        """List every number of a CSV file's phone column, or of a file of bare numbers."""
        imported = await services.dnd.import_csv(await data.file.read())
        told = imported.invalid[:_MOST_INVALID]
        return ImportedOut(
            imported.added,
            imported.known,
            len(imported.invalid),
            [InvalidOut(row, value) for row, value in told],
        )

    @get("/{phone:str}")
    async def check_number(self, phone: FromPath[str], services: Given) -> CheckedOut:
        """Whether a number, as people write it, is listed."""
        number = PhoneNumber.parse(phone, services.settings.default_country)
        entry = await services.dnd.check(str(number))
        return CheckedOut(str(number), entry is not None, DndOut.of(entry) if entry else None)

    @delete("/{phone:str}")
    async def remove_entry(self, phone: FromPath[str], services: Given) -> None:
        """Allow a number to be called again."""
        await services.dnd.remove(phone)
