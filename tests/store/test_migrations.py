"""A database of the first version: everything in it is read, and its batches go on."""

import json
import sqlite3
from importlib import resources
from pathlib import Path

import pytest

from movoice_box.domain.batch import BatchState
from movoice_box.domain.call import Call, CallState, Direction, Disposition
from movoice_box.domain.phone import NumberFormat, PhoneNumber
from movoice_box.domain.trunk import Transport, TrunkAccount, TrunkDriver
from movoice_box.ids import BatchId, TrunkId
from movoice_box.store import calls, inbound, trunks
from movoice_box.store.sealing import Seal
from tests.builders import Office, an_agent, an_office
from tests.dialer.lines import batch_now, calls_of, dialing, until

BATCH = BatchId("batch_old")
AT = "2026-04-20T09:00:00.000+00:00"
CALLED, LOST, WAITING = "+919876500000", "+919876500001", "+919876500002"


def _a_first_version(folder: Path) -> None:
    """A box that was stopped by the mains: a call ended, one was ringing, one row waits."""
    script = resources.files("movoice_box.store") / "migrations" / "0001_start.sql"
    agent = json.dumps(an_agent().to_document())
    password = Seal.from_files(folder).close("s3cret", TrunkId("trunk_old"))
    db = sqlite3.connect(folder / "box.db", isolation_level=None)
    db.executescript(script.read_text(encoding="utf-8") + "PRAGMA user_version = 1;")
    db.execute("INSERT INTO agents VALUES ('agent_payment', ?, ?, ?)", (agent, AT, AT))
    db.execute(
        """
        INSERT INTO trunks VALUES ('trunk_old', 'old', '127.0.0.1', 5999, 'udp', 'box', ?, 0, 2,
                                   '08040000000', 30, 'native', 'national', 1, ?)
        """,
        (password, AT),
    )
    db.execute(
        """
        INSERT INTO batches VALUES (?, 'Old', 'batch', 'agent_payment', ?, 'trunk_old', 'running',
                                    2, NULL, ?, ?, NULL, NULL, NULL)
        """,
        (BATCH, agent, AT, AT),
    )
    variables = json.dumps({"name": "Rahul", "amount_due": "₹2500"})
    rows = [
        (1, CALLED, "completed", "answered", "BOOKED", "call_1"),
        (2, LOST, "in_progress", None, None, "call_2"),
        (3, WAITING, "queued", None, None, None),
    ]
    for row, phone, state, disposition, outcome, call_id in rows:
        db.execute(
            "INSERT INTO recipients VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?)",
            (row, BATCH, row, phone, variables, state, disposition, outcome, call_id),
        )
    for number, phone, state, disposition in (
        (1, CALLED, "ended", "answered"),
        (2, LOST, "ringing", None),
    ):
        db.execute(
            """
            INSERT INTO calls (id, batch_id, recipient_id, phone, state, disposition, outcome,
                               created_at, dialed_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                *(f"call_{number}", BATCH, number, phone, state, disposition),
                *("BOOKED" if disposition else None, AT, AT),
            ),
        )
    db.close()


@pytest.fixture
def old_box(tmp_path: Path) -> Path:
    _a_first_version(tmp_path)
    return tmp_path


async def test_a_trunk_of_the_first_version_is_what_it_was(old_box: Path) -> None:
    async with an_office(old_box) as office, office.database.reading() as db:
        account = await trunks.get(db, office.seal, "trunk_old")
    assert account == TrunkAccount(
        id=TrunkId("trunk_old"),
        name="old",
        host="127.0.0.1",
        port=5999,
        transport=Transport.UDP,
        username="box",
        password="s3cret",
        channels=2,
        caller_id="08040000000",
        ring_timeout_s=30,
        driver=TrunkDriver.NATIVE,
        number_format=NumberFormat.NATIONAL,
    )


async def test_calls_of_the_first_version_are_read_with_their_trunk(old_box: Path) -> None:
    async with an_office(old_box) as office:
        ended, ringing = await calls_of(office, BATCH)
        async with office.database.reading() as db:
            row = await inbound.row_last_dialed(db, PhoneNumber(CALLED))
    assert (ended.trunk_id, ended.outcome) == ("trunk_old", "BOOKED")
    assert (ended.direction, ended.channel, ended.quality) == (Direction.OUTBOUND, None, None)
    assert ringing.state is CallState.RINGING
    assert row is not None
    assert (row.batch_id, row.recipient_id) == (BATCH, 1)


async def test_a_batch_of_the_first_version_goes_on_and_rings_nobody_twice(old_box: Path) -> None:
    async with an_office(old_box) as office:
        assert await office.book.recover() == 1
        async with dialing(office) as dialer:
            batch = await until(office, BATCH, in_progress=1, failed=1, completed=1)
            assert batch.trunk_id == "trunk_old"
            phone = await dialer.built["old"].phone(1)
            assert phone.number.e164 == WAITING
            phone.answer()
            phone.press("1")
            await until(office, BATCH, state=BatchState.COMPLETED, completed=2)
            assert len(dialer.built["old"].phones) == 1
        tally = (await batch_now(office, BATCH)).tally
        lost = await _call(office, "call_2")
    assert (tally.total, tally.outcomes) == (3, {"BOOKED": 2, "UNKNOWN_AFTER_RESTART": 1})
    assert lost.disposition is Disposition.UNKNOWN_AFTER_RESTART


async def _call(office: Office, call_id: str) -> Call:
    async with office.database.reading() as db:
        return await calls.get(db, call_id)
