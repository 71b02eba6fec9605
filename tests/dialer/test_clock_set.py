"""Somebody sets the machine's clock while calls are up: nothing comes early, late or twice."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from movoice_box.domain.batch import BatchState
from movoice_box.domain.call import Call, CallState, Disposition
from movoice_box.ids import BatchId
from tests.builders import Office, a_trunk, eventually
from tests.dialer.lines import Exchanges, calls_of, dialing, has_call_in, until
from tests.dialer.test_upkeep import an_upkeep

STEPS = [-1, -1 / 24, 1 / 24, 1]  # days


@pytest.fixture
async def dialer(office: Office) -> AsyncIterator[Exchanges]:
    async with dialing(office, a_trunk(channels=2)) as exchanges:
        yield exchanges


async def _reaches(office: Office, batch_id: BatchId, state: CallState) -> None:
    await eventually(lambda: has_call_in(office, batch_id, state))


async def _a_call(office: Office, dialer: Exchanges, days: float) -> Call:
    """It rings for 7 s and talks for 20 s; the clock is set in the middle of either."""
    batch_id = await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    phone.ring()
    await _reaches(office, batch_id, CallState.RINGING)
    office.clock.pass_time(3)
    office.clock.set_right(days=days)
    office.clock.pass_time(4)
    phone.answer()
    await _reaches(office, batch_id, CallState.TALKING)
    office.clock.pass_time(12)
    office.clock.set_right(days=days)
    office.clock.pass_time(8)
    phone.press("1")
    await until(office, batch_id, state=BatchState.COMPLETED)
    (call,) = await calls_of(office, batch_id)
    return call


@pytest.mark.parametrize("days", STEPS)
async def test_a_call_rings_and_talks_as_long_as_it_did(
    office: Office, dialer: Exchanges, days: float
) -> None:
    call = await _a_call(office, dialer, days)
    assert (call.outcome, call.ring_s, call.talk_s) == ("BOOKED", 7, 20)


async def test_the_next_call_is_written_down_by_the_clock_as_it_is_now(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=2, concurrency=1)
    first = await dialer.exchange.phone(1)
    office.clock.set_right(days=1)
    first.refuse(Disposition.BUSY, 486)
    second = await dialer.exchange.phone(2)
    second.refuse(Disposition.BUSY, 486)
    await until(office, batch_id, state=BatchState.COMPLETED)
    days = [(call.dialed_at, call.ended_at) for call in await calls_of(office, batch_id)]
    today = office.clock.now()
    assert days[1] == (today, today)
    assert days[0][0] == days[0][1] != today


@pytest.mark.parametrize("days", STEPS)
async def test_a_batch_goes_on_and_rings_nobody_twice(
    office: Office, dialer: Exchanges, days: float
) -> None:
    batch_id = await office.a_batch(rows=6)
    for number in range(1, 7):
        phone = await dialer.exchange.phone(number)
        office.clock.set_right(days=days)
        phone.refuse(Disposition.BUSY, 486)
    await until(office, batch_id, state=BatchState.COMPLETED)
    assert len({phone.number for phone in dialer.exchange.phones}) == 6
    assert len(dialer.exchange.phones) == 6


async def test_a_batch_that_has_started_does_not_wait_for_its_time_again(office: Office) -> None:
    upkeep = an_upkeep(office)
    batch_id = await office.a_batch(schedule_at=office.clock.now() + timedelta(minutes=1))
    office.clock.pass_time(60)
    await upkeep.start_scheduled()
    office.clock.set_right(days=-1)
    await upkeep.start_scheduled()
    await until(office, batch_id, state=BatchState.RUNNING)
