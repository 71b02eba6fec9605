import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import aiosqlite
import pytest

from movoice_box.errors import SettingsError
from movoice_box.store.database import Database, fetch_one


async def _count(database: Database) -> int:
    async with database.reading() as db:
        row = await fetch_one(db, "SELECT count(*) FROM box_facts")
    assert row is not None
    return int(row[0])


async def _add(db: aiosqlite.Connection, name: str) -> str:
    await db.execute("INSERT INTO box_facts VALUES (:name, '')", {"name": name})
    return name


async def test_writes_that_wait_together_each_get_their_own_value(tmp_path: Path) -> None:
    async with Database.opened(tmp_path / "box.db") as database:
        names = [f"fact {number}" for number in range(500)]
        written = await asyncio.gather(
            *(database.write(partial(_add, name=name)) for name in names)
        )
        assert written == names
        assert await _count(database) == 500


async def test_a_write_that_raises_undoes_itself_alone(tmp_path: Path) -> None:
    async def fail(db: aiosqlite.Connection) -> None:
        await _add(db, "undone")
        raise ValueError("no")

    async with Database.opened(tmp_path / "box.db") as database:
        results = await asyncio.gather(
            database.write(lambda db: _add(db, "before")),
            database.write(fail),
            database.write(lambda db: _add(db, "after")),
            return_exceptions=True,
        )
        assert [str(result) for result in results] == ["before", "no", "after"]
        assert await _count(database) == 2


async def test_a_caller_that_is_cancelled_leaves_the_writer_whole(tmp_path: Path) -> None:
    async with Database.opened(tmp_path / "box.db") as database:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(database.write(lambda db: _add(db, "one")))
            await asyncio.sleep(0)
            task.cancel()
        assert await database.write(lambda db: _add(db, "two")) == "two"


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    async with Database.opened(tmp_path / "box.db") as database:
        await database.write(lambda db: _add(db, "kept"))
    async with Database.opened(tmp_path / "box.db") as database:
        assert await _count(database) == 1


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    async with Database.opened(tmp_path / "box.db") as database, database.reading() as db:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await _add(db, "never")


async def test_a_database_that_another_process_holds_fails_the_write_not_the_writer(
    tmp_path: Path,
) -> None:
    async with Database.opened(tmp_path / "box.db") as database:
        await database.write(lambda db: db.execute("PRAGMA busy_timeout = 1"))
        other = sqlite3.connect(tmp_path / "box.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await database.write(lambda db: _add(db, "refused"))
        other.execute("ROLLBACK")
        other.close()
        assert await database.write(lambda db: _add(db, "taken")) == "taken"


async def test_what_must_be_kept_waits_for_a_database_that_is_held(tmp_path: Path) -> None:
    async with Database.opened(tmp_path / "box.db") as database:
        await database.write(lambda db: db.execute("PRAGMA busy_timeout = 1"))
        other = sqlite3.connect(tmp_path / "box.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.TaskGroup() as group:
            kept = group.create_task(database.keep(lambda db: _add(db, "kept")))
            await asyncio.sleep(0.1)
            other.execute("ROLLBACK")
            other.close()
        assert kept.result() == "kept"
        assert await _count(database) == 1


async def test_what_is_wrong_in_itself_is_not_tried_again(tmp_path: Path) -> None:
    async with Database.opened(tmp_path / "box.db") as database:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await database.keep(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))


async def test_a_write_that_ends_the_transaction_fails_with_its_neighbours_and_no_more(
    tmp_path: Path,
) -> None:
    async def undo_all(db: aiosqlite.Connection) -> None:
        await db.execute("ROLLBACK")  # as SQLite does by itself when a disk fails
        raise sqlite3.OperationalError("disk I/O error")

    async with Database.opened(tmp_path / "box.db") as database:
        results = await asyncio.gather(
            database.write(lambda db: _add(db, "neighbour")),
            database.write(undo_all),
            return_exceptions=True,
        )
        assert [str(result) for result in results] == ["disk I/O error"] * 2
        assert await _count(database) == 0
        assert await database.write(lambda db: _add(db, "next")) == "next"


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "box.db").write_bytes(b"these are not the pages you are looking for" * 100)
    with pytest.raises(SettingsError, match=r"box\.db cannot be used: file is not a database"):
        async with Database.opened(tmp_path / "box.db"):
            raise AssertionError("it opened")
