"""What goes wrong around a call: a disk, a gateway, an owner in a hurry, the end of the box."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from movoice_box.domain.batch import BatchState, RecipientState
from movoice_box.domain.call import CallState, Disposition
from movoice_box.errors import ConflictError
from movoice_box.store import calls, trunks
from tests.builders import Office, a_trunk, eventually
from tests.dialer.lines import (
    Exchanges,
    batch_now,
    calls_of,
    dialing,
    has_call_in,
    until,
    waits_for,
)


@pytest.fixture
async def dialer(office: Office) -> AsyncIterator[Exchanges]:
    async with dialing(office, a_trunk()) as exchanges:
        yield exchanges


@contextmanager
def _held_by_another_process(office: Office) -> Iterator[None]:
    """The database is locked, as by a backup that takes its time."""
    other = sqlite3.connect(office.settings.data.dir / "box.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


async def _is_impatient(office: Office) -> None:
    await office.database.write(lambda db: db.execute("PRAGMA busy_timeout = 1"))


async def test_a_call_outlives_a_database_that_is_locked(office: Office, dialer: Exchanges) -> None:
    await _is_impatient(office)
    batch_id = await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    with _held_by_another_process(office):
        phone.ring()
        phone.answer()
        phone.press("1")
        await eventually(lambda: phone.is_ended_by_box)
    await until(office, batch_id, completed=1, state=BatchState.COMPLETED)
    (call,) = await calls_of(office, batch_id)
    assert (call.outcome, call.answered_at is not None) == ("BOOKED", True)


async def test_an_opt_out_outlives_a_database_that_is_locked(
    office: Office, dialer: Exchanges
) -> None:
    await _is_impatient(office)
    await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    with _held_by_another_process(office):
        phone.answer()
        phone.press("9")
        await eventually(lambda: phone.is_ended_by_box)
    await eventually(lambda: _is_listed(office, phone.number.e164))


async def test_nobody_is_dialed_while_the_disk_does_not_say_so(
    office: Office, dialer: Exchanges
) -> None:
    await _is_impatient(office)
    dialer.speech.release.clear()
    batch_id = await office.a_batch(rows=1)
    await dialer.speech.asked.wait()
    with _held_by_another_process(office):
        dialer.speech.release.set()
        await asyncio.sleep(0.1)
        assert dialer.exchange.phones == []
    await dialer.exchange.phone(1)
    assert (await batch_now(office, batch_id)).state is BatchState.RUNNING


async def test_an_opt_out_counts_though_the_box_trips_over_the_call(
    office: Office, dialer: Exchanges
) -> None:
    await _is_impatient(office)
    batch_id = await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    dialer.speech.release.clear()  # so that the goodbye takes its time
    phone.answer()
    await eventually(lambda: has_call_in(office, batch_id, CallState.TALKING))
    with _held_by_another_process(office):
        phone.press("9")
        await asyncio.sleep(0.1)
        phone.break_down()
        await eventually(lambda: phone.is_ended_by_box)
    await until(office, batch_id, in_progress=0)
    assert await _is_listed(office, phone.number.e164)


async def test_a_batch_canceled_while_its_call_is_handed_back_leaves_nobody_waiting(
    office: Office,
) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.control.pause(batch_id)
    await office.control.cancel(batch_id, end_talking=False)
    await office.book.hand_back(batch_id, call)
    batch = await batch_now(office, batch_id)
    assert batch.tally.count(RecipientState.CANCELED) == batch.tally.total


async def test_a_box_killed_between_cancel_and_the_dial_leaves_nobody_waiting(
    office: Office,
) -> None:
    batch_id = await office.a_batch(rows=1)
    await office.claim(batch_id)
    await office.control.cancel(batch_id, end_talking=False)
    await office.book.recover()
    batch = await batch_now(office, batch_id)
    assert batch.tally.count(RecipientState.CANCELED) == batch.tally.total


async def test_a_box_that_stops_hands_back_whom_it_has_not_dialed(office: Office) -> None:
    async with dialing(office, a_trunk()) as dialer:
        dialer.speech.release.clear()
        batch_id = await office.a_batch(rows=1)
        await dialer.speech.asked.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(dialer.queue.drain())
            await asyncio.sleep(0)
            dialer.speech.release.set()
        assert dialer.exchange.phones == []
    batch = await batch_now(office, batch_id)
    assert (batch.state, batch.tally.count(RecipientState.QUEUED)) == (BatchState.RUNNING, 1)


async def test_a_call_ended_while_it_is_prepared_rings_nobody(
    office: Office, dialer: Exchanges
) -> None:
    dialer.speech.release.clear()
    batch_id = await office.a_batch(rows=1)
    await dialer.speech.asked.wait()
    (call,) = await calls_of(office, batch_id)
    await office.control.end_call(call.id)
    dialer.speech.release.set()
    await until(office, batch_id, canceled=1, state=BatchState.COMPLETED)
    await eventually(lambda: not len(office.live))
    assert dialer.exchange.phones == []


async def test_a_call_that_waits_for_its_time_can_be_ended(office: Office) -> None:
    later = office.clock.now() + timedelta(hours=1)
    queued = await office.intake.accept_call(office.request(schedule_at=later))
    ended = await office.control.end_call(queued["call_id"])
    assert (ended.state, ended.outcome) == (CallState.ENDED, "CANCELED")
    with pytest.raises(ConflictError, match="is ended"):
        await office.control.end_call(queued["call_id"])


async def test_a_single_call_that_cannot_be_placed_fails_with_the_reason(
    office: Office, dialer: Exchanges
) -> None:
    dialer.speech.is_lost = True
    call_id = (await office.intake.accept_call(office.request()))["call_id"]
    await eventually(lambda: _is_ended(office, call_id))
    async with office.database.reading() as db:
        call = await calls.get(db, call_id)
    assert (call.disposition, call.sip_reason[:9]) == (Disposition.FAILED, "espeak-ng")


async def test_a_disabled_trunk_pauses_its_batches_and_says_so(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=2, concurrency=1, trunk_id="trunk_gateway")
    phone = await dialer.exchange.phone(1)
    account = replace(dialer.exchange.account, is_enabled=False)
    await office.database.write(lambda db: trunks.put(db, office.seal, account, office.clock.now()))
    await dialer.trunks.reload()
    phone.refuse(Disposition.BUSY, 486)
    batch = await until(office, batch_id, queued=1, state=BatchState.PAUSED)
    assert "disabled" in str(batch.pause_reason)
    assert len(dialer.exchange.phones) == 1


async def test_a_host_that_dns_does_not_know_spends_no_row(
    office: Office, dialer: Exchanges
) -> None:
    dialer.exchange.is_lost = True
    batch_id = await office.a_batch(rows=2)
    await eventually(lambda: "DNS" in waits_for(dialer))
    await until(office, batch_id, queued=2, state=BatchState.RUNNING)
    dialer.exchange.is_lost = False
    office.clock.pass_time(30)
    dialer.queue.wake()
    await dialer.exchange.phone(1)


async def test_a_dead_gateway_does_not_use_up_the_list(office: Office, dialer: Exchanges) -> None:
    dialer.exchange.is_reachable = False
    batch_id = await office.a_batch(rows=20, concurrency=2)
    await eventually(lambda: "trunk 'gateway' rests: did not answer" in waits_for(dialer))
    batch = await until(office, batch_id, state=BatchState.RUNNING, in_progress=0)
    assert batch.tally.count(RecipientState.QUEUED) >= 17
    dialer.exchange.is_reachable = True
    office.clock.pass_time(30)
    dialer.queue.wake()
    trial = await dialer.exchange.phone(1)
    await until(office, batch_id, in_progress=1)
    trial.ring()
    await dialer.exchange.phone(2)
    assert waits_for(dialer) == ""


async def test_a_batch_that_cannot_be_read_stops_no_other(office: Office) -> None:
    broken, sound = await office.a_batch(rows=1), await office.a_batch(rows=1)
    await office.database.write(
        lambda db: db.execute(
            "UPDATE batches SET agent_document = '{}' WHERE id = :id", {"id": broken}
        )
    )
    async with dialing(office, a_trunk()) as dialer:
        await dialer.exchange.phone(1)
        await until(office, sound, in_progress=1)
        batch = await until(office, broken, state=BatchState.PAUSED, queued=1)
    assert batch.pause_reason == "an error inside the box: see its log"


async def test_a_box_for_one_call_leaves_waiting_batches_alone(office: Office) -> None:
    waiting = await office.a_batch(rows=1)
    office.clock.pass_time(1)
    async with dialing(office, a_trunk(), not_before=office.clock.now()) as dialer:
        ours = await office.a_batch(rows=1)
        await until(office, ours, in_progress=1)
        await dialer.exchange.phone(1)
    assert (await batch_now(office, waiting)).tally.count(RecipientState.QUEUED) == 1


async def _is_listed(office: Office, number: str) -> bool:
    return await office.dnd.check(number) is not None


async def _is_ended(office: Office, call_id: str) -> bool:
    async with office.database.reading() as db:
        return (await calls.get(db, call_id)).state is CallState.ENDED
