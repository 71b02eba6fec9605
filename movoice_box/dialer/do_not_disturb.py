"""Changes to the do-not-disturb list, by the owner, by import and by callees."""

import asyncio
from dataclasses import dataclass

from movoice_box.clock import Clock
from movoice_box.dialer.recipient_file import PHONE, RecipientFile
from movoice_box.domain.dnd import DndEntry, DndSource
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import InputError, NotFoundError
from movoice_box.ids import CallId
from movoice_box.settings import Settings
from movoice_box.store import dnd, trunks
from movoice_box.store.database import Database


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `invalid` holds (row, value) of what is not a phone number."""

    added: int
    known: int
    invalid: list[tuple[int, str]]


class DoNotDisturb:
    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._country = settings.default_country
        self._clock = clock

    async def add(self, number: str, note: str = "") -> DndEntry:
        """List a number as people write it. Raises `InputError` when it is none."""
        entry = DndEntry(
            phone=await self._parse(number),
            source=DndSource.OWNER,
            note=note,
            added_at=self._clock.now(),
        )
        await self._database.write(lambda db: dnd.add(db, [entry]))
        return await self.check(number) or entry

    async def add_opt_out(self, phone: PhoneNumber, call_id: CallId, note: str) -> None:
        """List a callee who asked for it; returns once that is on disk, however long it takes."""
        entry = DndEntry(
            phone=phone,
            source=DndSource.OPT_OUT,
            note=note,
            call_id=call_id,
            added_at=self._clock.now(),
        )
        await self._database.keep(lambda db: dnd.add(db, [entry]))

    async def remove(self, number: str) -> None:
        """Raises `NotFoundError` when the number is not listed."""
        phone = await self._parse(number)
        if not await self._database.write(lambda db: dnd.remove(db, phone)):
            raise NotFoundError(f"{phone} is not on the do-not-disturb list", field="phone")

    async def check(self, number: str) -> DndEntry | None:
        """The entry of a number; None when it may be called."""
        phone = await self._parse(number)
        async with self._database.reading() as db:
            return await dnd.find(db, phone)

    async def _parse(self, number: str) -> PhoneNumber:
        """A number, or an extension where there are any: else a number cut short would be one."""
        async with self._database.reading() as db:
            parse = PhoneNumber.parse
            if await trunks.allow_extensions(db):
                parse = PhoneNumber.parse_any
        return parse(number, self._country)

    async def import_csv(self, data: bytes) -> Imported:
        """List every number of a file's phone column; a file of bare numbers needs no header.

        Raises `InputError` when no column holds phone numbers.
        """
        phones, invalid = await asyncio.to_thread(_read_phones, data, self._country)
        now = self._clock.now()
        entries = [DndEntry(phone=one, source=DndSource.IMPORT, added_at=now) for one in phones]
        async with self._database.reading() as db:
            before = await dnd.count(db)
        await self._database.write(lambda db: dnd.add(db, entries))
        async with self._database.reading() as db:
            added = await dnd.count(db) - before
        return Imported(added, len(entries) - added, invalid)


def _read_phones(data: bytes, country: str) -> tuple[set[PhoneNumber], list[tuple[int, str]]]:
    file = RecipientFile.parse(data)
    mapping = file.guess_mapping([])
    column = next((name for name, to in mapping.items() if to == PHONE), file.columns[0])
    place = file.columns.index(column)
    values = [column, *(row[place] for row in file.rows)]  # the first row may be a number itself
    phones, invalid = set(), []
    for number, value in enumerate(values):
        try:
            phones.add(PhoneNumber.parse(value, country))
        except InputError:
            if number:
                invalid.append((number, value))
    if not phones:
        raise InputError(
            f"no phone number in column '{column}': name the column 'phone'", field="file"
        )
    return phones, invalid
