"""A batch that is being put together: the list and the choices so far, on disk between the steps.

Each draft is a folder under `drafts` in the data folder, readable by the box alone and never
served. It outlives a reload, a new log-in and a restart, and is forgotten after a day.
"""

import asyncio
import re
import secrets
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from litestar.di import NamedDependency, Provide

from movoice_box.clock import Clock
from movoice_box.dialer.recipient_file import RecipientFile, RecipientRow
from movoice_box.errors import ConflictError, InputError, NotFoundError
from movoice_box.web.services import Services

_KEEP = timedelta(days=1)
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_CHOICES, _LIST = "choices.json", "list.csv"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen so far. `mapping` is from column to variable.

    `batch_id` is set once the draft was launched: its list is gone then.
    """

    id: str
    user: str
    created_at: datetime
    agent_id: str
    name: str
    source: str
    mapping: dict[str, str] | None = None
    concurrency: int | None = None
    schedule_at: datetime | None = None
    trunk_id: str | None = None
    caller_id: str | None = None
    batch_id: str | None = None


class Drafts:
    """The drafts of one box, each for the person who began it."""

    def __init__(self, folder: Path, clock: Clock, country: str) -> None:
        self._folder = folder
        self._clock = clock
        self._country = country

    async def create(self, user: str, agent_id: str, name: str, source: str, data: bytes) -> Draft:
        """Keep a list; `source` says where it came from.

        Raises `InputError` when it is no table, or names columns and has no rows.
        """
        draft = Draft(
            id=secrets.token_urlsafe(16),
            user=user,
            created_at=self._clock.now(),
            agent_id=agent_id,
            name=name,
            source=source,
        )
        await asyncio.to_thread(self._create, draft, data)
        return draft

    async def get(self, draft_id: str, user: str) -> Draft:
        """Raises `NotFoundError` when there is none, or it is too old, or another person's."""
        draft = None
        if _ID.fullmatch(draft_id):
            draft = await asyncio.to_thread(_read, self._folder / draft_id)
        if draft is None or draft.user != user or self._is_old(draft):
            raise NotFoundError("this draft of a batch was dropped after a day: start a new one")
        return draft

    async def save(self, draft: Draft) -> None:
        await asyncio.to_thread(_write, self._folder / draft.id, draft)

    async def read_list(self, draft: Draft) -> bytes:
        """Raises `ConflictError` when the draft was launched meanwhile."""
        try:
            return await asyncio.to_thread((self._folder / draft.id / _LIST).read_bytes)
        except FileNotFoundError:
            raise ConflictError("this batch was launched already", code="draft_launched") from None

    async def table(self, draft: Draft) -> RecipientFile:
        data = await self.read_list(draft)
        return await asyncio.to_thread(RecipientFile.parse, data, self._country)

    async def rows(self, draft: Draft) -> list[RecipientRow]:
        """The list as recipients. Raises `InputError` while no column is known as the phone."""
        table = await self.table(draft)
        return await asyncio.to_thread(table.recipients, draft.mapping or {})

    async def close(self, draft: Draft, batch_id: str) -> None:
        """Drop the list; what is left leads a second click to the batch that came of it."""
        await self.save(msgspec.structs.replace(draft, batch_id=batch_id))
        await asyncio.to_thread((self._folder / draft.id / _LIST).unlink, missing_ok=True)

    def _create(self, draft: Draft, data: bytes) -> None:
        if not RecipientFile.parse(data, self._country).rows:
            raise InputError(
                "the list has column names only: the rows below them are missing", field="file"
            )
        for folder in self._folder.glob("*/"):
            earlier = _read(folder)
            if earlier is None or self._is_old(earlier):
                shutil.rmtree(folder, ignore_errors=True)
        folder = self._folder / draft.id
        folder.mkdir(mode=0o700, parents=True)
        (folder / _LIST).write_bytes(data)
        _write(folder, draft)

    def _is_old(self, draft: Draft) -> bool:
        return draft.created_at + _KEEP < self._clock.now()


def _provide(services: NamedDependency[Services]) -> Drafts:
    settings = services.settings
    return Drafts(settings.data.dir / "drafts", services.clock, settings.default_country)


provide_drafts = Provide(_provide, sync_to_thread=False)


def _read(folder: Path) -> Draft | None:
    try:
        return msgspec.json.decode((folder / _CHOICES).read_bytes(), type=Draft)
    except (OSError, msgspec.DecodeError):
        return None


def _write(folder: Path, draft: Draft) -> None:
    fresh = folder / "choices.new"
    fresh.write_bytes(msgspec.json.encode(draft))
    fresh.rename(folder / _CHOICES)
