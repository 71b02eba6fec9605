"""SQLite: one writer with group commit, read-only readers, numbered migrations."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import aiosqlite

from movoice_box.errors import SettingsError

T = TypeVar("T")
Row = sqlite3.Row
Write = Callable[[aiosqlite.Connection], Awaitable[T]]

_GROUP = 256  # most writes in one transaction
_READERS = 2
_BUSY_TIMEOUT_MS = 10_000
_TRY_AGAIN_S = 1.0
_PASSING = {  # what a full, slow or missing disk answers, and a file that another process holds
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}

logger = logging.getLogger(__name__)


class _Job(NamedTuple):
    work: Write[Any]
    done: asyncio.Future[Any]


class Database:
    """The box's one file. Open it with `async with Database.opened(file)`.

    Only the writer task touches the write connection, so a cancelled caller can never leave it
    inside a transaction. Writes that wait while one commits share the next commit; each has its
    own savepoint, so one that raises undoes itself alone.
    """

    def __init__(self, writer: aiosqlite.Connection, readers: list[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for reader in readers:
            self._readers.put_nowait(reader)

    @classmethod
    @asynccontextmanager
    async def opened(cls, file: Path, *, is_guest: bool = False) -> AsyncIterator["Database"]:
        """Open (and create or migrate) `file`; closes it when the block ends.

        A guest leaves checkpoints to the box that may have the file open: two connections that
        checkpoint at once meet the WAL-reset bug of SQLite before 3.51.3. Raises `SettingsError`
        when the file cannot be read and written.
        """
        async with contextlib.AsyncExitStack() as stack:
            try:
                writer = await stack.enter_async_context(_connect(file))
                await writer.execute("PRAGMA journal_mode = WAL")
                await _migrate(writer)
                if is_guest:
                    await writer.execute("PRAGMA wal_autocheckpoint = 0")
                readers = [await stack.enter_async_context(_connect(file)) for _ in range(_READERS)]
                for reader in readers:
                    await reader.execute("PRAGMA query_only = ON")
                    await reader.execute("PRAGMA wal_autocheckpoint = 0")
            except sqlite3.Error as error:
                raise SettingsError(
                    f"the database {file} cannot be used: {error}; is its disk full, or the "
                    "folder another user's?",
                    field="data.dir",
                ) from error
            database = cls(writer, readers)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            task = group.create_task(database._run_writer(), name="database writer")
            try:
                yield database
            finally:
                await database._jobs.join()
                task.cancel()

    async def write(self, work: Write[T]) -> T:
        """Run `work` in a transaction and return its value once that is on disk (FULL sync).

        If `work` raises, its changes are undone and the error is raised here.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(work, done))
        return await done

    async def keep(self, work: Write[T]) -> T:
        """`write` for what must not be lost: it waits for a disk that is full or a file that is
        locked, however long that takes.
        """
        has_failed = False
        while True:
            try:
                value = await self.write(work)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _PASSING:
                    raise
                if not has_failed:
                    logger.error("what has to be written down waits for the disk: %s", error)
                has_failed = True
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                return value

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[aiosqlite.Connection]:
        """A read-only connection that sees everything committed so far."""
        reader = await self._readers.get()
        try:
            yield reader
        finally:
            self._readers.put_nowait(reader)

    async def _run_writer(self) -> None:
        while True:
            jobs = [await self._jobs.get()]
            while len(jobs) < _GROUP and not self._jobs.empty():
                jobs.append(self._jobs.get_nowait())
            try:
                await self._commit_together(jobs)
            finally:
                for _ in jobs:
                    self._jobs.task_done()

    async def _commit_together(self, jobs: list[_Job]) -> None:
        results: list[tuple[_Job, Any]] = []
        try:
            await self._writer.execute("BEGIN IMMEDIATE")
            for job in jobs:
                if (result := await self._run_one(job)) is not _REFUSED:
                    results.append((job, result))
            await self._writer.commit()
        except Exception as error:  # the transaction itself: disk full, locked, read-only
            with contextlib.suppress(sqlite3.Error):
                await self._writer.rollback()
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(error)
            return
        for job, result in results:
            if not job.done.done():
                job.done.set_result(result)

    async def _run_one(self, job: _Job) -> Any:
        await self._writer.execute("SAVEPOINT job")
        try:
            result = await job.work(self._writer)
        except Exception as error:
            if not self._writer.in_transaction:
                raise  # SQLite has undone all of it (lang_transaction.html, "Response To Errors")
            await self._writer.execute("ROLLBACK TO job")
            if not job.done.done():
                job.done.set_exception(error)
            result = _REFUSED
        await self._writer.execute("RELEASE job")
        return result


_REFUSED = object()


@asynccontextmanager
async def _connect(file: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(file, isolation_level=None) as connection:
        connection.row_factory = Row
        for pragma in (
            f"busy_timeout = {_BUSY_TIMEOUT_MS}",
            "foreign_keys = ON",
            "synchronous = FULL",
        ):
            await connection.execute(f"PRAGMA {pragma}")
        yield connection


async def _migrate(connection: aiosqlite.Connection) -> None:
    """Apply the numbered migrations that this file has not seen, each in a transaction."""
    (version,) = await fetch_one(connection, "PRAGMA user_version") or (0,)
    for migration in sorted(
        resources.files("movoice_box.store").joinpath("migrations").iterdir(),
        key=lambda item: item.name,
    ):
        number = int(migration.name.partition("_")[0])
        if number > version:
            script = migration.read_text(encoding="utf-8")
            await connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
            )


async def fetch_all(
    connection: aiosqlite.Connection, sql: str, values: dict[str, Any] | None = None
) -> list[Row]:
    return list(await connection.execute_fetchall(sql, values or {}))


async def fetch_one(
    connection: aiosqlite.Connection, sql: str, values: dict[str, Any] | None = None
) -> Row | None:
    rows = await fetch_all(connection, sql, values)
    return rows[0] if rows else None


async def execute_many(
    connection: aiosqlite.Connection, sql: str, rows: Iterable[dict[str, Any]]
) -> None:
    await connection.executemany(sql, rows)


def to_text(moment: datetime) -> str:
    """UTC with milliseconds: sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def to_moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def maybe_moment(text: str | None) -> datetime | None:
    return to_moment(text) if text else None
