"""Who calls the box, and which agent answers."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from movoice_box.domain.batch import BatchState, Recipient
from movoice_box.domain.call import Call, CallState, Direction, Disposition
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.ids import AgentId, BatchId
from movoice_box.store import agents, batches, calls
from tests.builders import AGENT_ID, Office, a_row, a_trunk, an_agent, eventually
from tests.dialer.lines import Caller, Exchanges, calls_of, dialing, until

RAHUL = "+919876500000"  # the first row of every batch
DESK = AgentId("agent_desk")


@pytest.fixture
async def dialer(office: Office) -> AsyncIterator[Exchanges]:
    async with dialing(office, a_trunk()) as exchanges:
        yield exchanges


async def _a_missed_call(office: Office, dialer: Exchanges) -> BatchId:
    """A batch of one row, whom nobody answered."""
    batch_id = await office.a_batch(rows=1)
    phones = dialer.exchange.phones
    phone = await dialer.exchange.phone(len(phones) + 1)
    phone.refuse(Disposition.NO_ANSWER, 487)
    await until(office, batch_id, state=BatchState.COMPLETED)
    return batch_id


def _calls(dialer: Exchanges, caller: str = RAHUL, account: TrunkAccount | None = None) -> Caller:
    incoming = Caller(account or dialer.exchange.account, caller)
    dialer.inbound.on_call(incoming)
    return incoming


async def _answers_with(caller: Caller, key: str | None) -> None:
    await eventually(lambda: caller.phone is not None)
    assert caller.phone is not None
    if key:
        caller.phone.press(key)
    else:
        caller.phone.hang_up()


async def _is_listed(office: Office) -> bool:
    return await office.dnd.check(RAHUL) is not None


async def _newest(office: Office) -> Call:
    async with office.database.reading() as db:
        return (await calls.page(db, limit=1)).items[0]


async def _has_ended(office: Office, number: int) -> bool:
    async with office.database.reading() as db:
        items = (await calls.page(db, limit=100)).items
    return len(items) == number and all(call.state is CallState.ENDED for call in items)


async def _row(office: Office, batch_id: BatchId) -> Recipient:
    async with office.database.reading() as db:
        return (await batches.recipients(db, batch_id, limit=1)).items[0]


async def _answers(office: Office, caller: Caller, key: str | None, number: int = 2) -> Call:
    """The caller presses `key`, or hangs up without a word; returns the call as it ended."""
    await _answers_with(caller, key)
    await eventually(lambda: _has_ended(office, number))
    return await _newest(office)


@pytest.mark.parametrize("written", [RAHUL, "09876500000", "9876500000", "919876500000"])
async def test_a_missed_call_returned_is_the_row_s_own(
    office: Office, dialer: Exchanges, written: str
) -> None:
    batch_id = await _a_missed_call(office, dialer)
    call = await _answers(office, _calls(dialer, written), "1")
    row = await _row(office, batch_id)
    assert (call.batch_id, call.direction, call.phone.e164) == (batch_id, Direction.INBOUND, RAHUL)
    assert (call.outcome, call.summary) == ("BOOKED", "Rahul confirmed.")
    assert call.variables == {"name": "Rahul", "amount_due": "₹2500"}
    assert (row.disposition, row.outcome, row.call_id) == ("answered", "BOOKED", call.id)
    async with office.database.reading() as db:
        tally = (await batches.get(db, batch_id)).tally
    assert (tally.answered, tally.outcomes) == (1, {"BOOKED": 1})


async def test_of_two_batches_the_one_that_dialed_last_answers(
    office: Office, dialer: Exchanges
) -> None:
    await _a_missed_call(office, dialer)
    office.clock.pass_time(60)
    second = await _a_missed_call(office, dialer)
    call = await _answers(office, _calls(dialer), "2", number=3)
    assert (call.batch_id, call.outcome) == (second, "REFUSED")


async def test_a_canceled_batch_still_answers_whom_it_dialed(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=1)
    await dialer.exchange.phone(1)
    await office.control.cancel(batch_id, end_talking=True)
    await until(office, batch_id, canceled=1)
    call = await _answers(office, _calls(dialer), "1")
    row = await _row(office, batch_id)
    assert (call.outcome, row.state, row.outcome) == ("BOOKED", "completed", "BOOKED")


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [("1", None, "BOOKED"), ("1", "2", "REFUSED"), (None, "1", "BOOKED"), (None, None, "HUNG_UP")],
)
async def test_a_hang_up_takes_no_answer_away(
    office: Office, dialer: Exchanges, before: str | None, key: str | None, after: str
) -> None:
    batch_id = await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    phone.answer()
    if before:
        phone.press(before)
    else:
        phone.hang_up()
    await until(office, batch_id, completed=1)
    await _answers(office, _calls(dialer), key)
    assert (await _row(office, batch_id)).outcome == after


async def test_a_caller_who_gives_up_changes_nothing_of_the_row(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await _a_missed_call(office, dialer)
    dialer.speech.release.clear()
    caller = _calls(dialer, RAHUL)
    await eventually(lambda: len(office.live) == 1)
    caller.is_gone = True
    dialer.speech.release.set()
    await eventually(lambda: _has_ended(office, 2))
    call, row = await _newest(office), await _row(office, batch_id)
    assert call.summary == "Rahul called and hung up before the agent answered."
    assert (row.outcome, row.call_id != call.id) == ("NO_ANSWER", True)


async def test_a_row_that_is_on_a_call_is_busy(office: Office, dialer: Exchanges) -> None:
    await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    phone.ring()
    caller = _calls(dialer)
    await eventually(lambda: caller.refused is not None)
    assert (caller.refused, caller.phone) == (486, None)


async def test_who_talks_with_the_box_is_not_rung_for_another_batch(
    office: Office, dialer: Exchanges
) -> None:
    await _a_missed_call(office, dialer)
    caller = _calls(dialer)
    await eventually(lambda: caller.phone is not None)
    other = await office.a_batch(rows=1)
    await until(office, other, completed=1, state=BatchState.COMPLETED)
    (call,) = await calls_of(office, other)
    assert (call.disposition, call.dialed_at) == (Disposition.BUSY, None)
    assert call.sip_reason == "another call of this box with that number was up"
    assert len(dialer.exchange.phones) == 1
    await _answers(office, caller, "1", number=3)


async def test_an_opt_out_of_a_caller_takes_the_number_out_of_every_queue(
    office: Office, dialer: Exchanges
) -> None:
    await _a_missed_call(office, dialer)
    rows = [a_row("+919876599999"), a_row(RAHUL)]
    request = office.request(rows=rows, concurrency=1)
    waiting = BatchId((await office.intake.accept(request))["batch_id"])
    other = await dialer.exchange.phone(2)
    await _answers_with(_calls(dialer), "9")
    await eventually(lambda: _is_listed(office))
    other.refuse(Disposition.BUSY, 486)
    await until(office, waiting, skipped=1, state=BatchState.COMPLETED)
    assert len(dialer.exchange.phones) == 2


@pytest.mark.parametrize("number", ["+14155550123", "", "alice"])
async def test_an_unknown_caller_is_refused_where_the_trunk_has_no_agent(
    office: Office, dialer: Exchanges, number: str
) -> None:
    caller = _calls(dialer, number)
    await eventually(lambda: caller.refused == 486)
    assert await _has_ended(office, 0)


@pytest.mark.parametrize(
    ("number", "shown"), [("14155550123", "+14155550123"), ("201", "201"), ("", "anonymous")]
)
async def test_an_unknown_caller_gets_the_agent_of_the_trunk(
    office: Office, dialer: Exchanges, number: str, shown: str
) -> None:
    agent = an_agent(name="Desk", greeting="This is the desk.")
    await office.database.write(lambda db: agents.put(db, DESK, agent, office.clock.now()))
    account = replace(dialer.exchange.account, inbound_agent_id=DESK)
    call = await _answers(office, _calls(dialer, number, account), "1", number=1)
    assert (call.batch_id, call.agent_id, call.phone.e164) == (None, DESK, shown)
    assert (call.outcome, call.transcript[0].text) == ("BOOKED", "This is the desk.")
    assert call.variables == {}


async def test_a_caller_who_withholds_the_number_cannot_be_listed(
    office: Office, dialer: Exchanges
) -> None:
    account = replace(dialer.exchange.account, inbound_agent_id=AGENT_ID)
    call = await _answers(office, _calls(dialer, "", account), "9", number=1)
    assert call.outcome == "OPTED_OUT"
    async with office.database.reading() as db:
        listed = await db.execute_fetchall("SELECT phone FROM dnd")
    assert [*listed] == []


async def test_who_opted_out_is_answered_and_stays_listed(
    office: Office, dialer: Exchanges
) -> None:
    await _a_missed_call(office, dialer)
    await office.dnd.add(RAHUL)
    call = await _answers(office, _calls(dialer), "1")
    assert call.outcome == "BOOKED"
    assert await office.dnd.check(RAHUL) is not None


async def test_the_webhook_says_that_it_came_in(office: Office, dialer: Exchanges) -> None:
    await _a_missed_call(office, dialer)
    await _answers(office, _calls(dialer), "1")
    async with office.database.reading() as db:
        rows = await db.execute_fetchall("SELECT body FROM events WHERE type = 'call.completed'")
    assert ['"inbound"' in row[0] for row in rows] == [False, True]


async def test_a_call_beyond_the_channels_of_the_trunk_is_busy(office: Office) -> None:
    async with dialing(office, a_trunk(channels=1)) as dialer:
        await office.a_batch(rows=1)
        await dialer.exchange.phone(1)
        caller = _calls(dialer, "+14155550123")
        await eventually(lambda: caller.refused == 486)


async def test_a_call_beyond_the_plan_is_busy(office: Office) -> None:
    async with dialing(office, a_trunk(), plan="starter") as dialer:
        await office.a_batch(rows=1)
        await dialer.exchange.phone(1)
        caller = _calls(dialer, "+14155550123")
        assert caller.refused == 486


async def test_a_call_that_came_in_counts_against_the_plan(office: Office) -> None:
    async with dialing(office, a_trunk(), plan="starter") as dialer:
        await _a_missed_call(office, dialer)
        caller = _calls(dialer)
        await eventually(lambda: caller.phone is not None)
        batch_id = await office.a_batch(rows=1)
        await until(office, batch_id, queued=1, state=BatchState.RUNNING)
        assert len(dialer.exchange.phones) == 1
        assert caller.phone is not None
        caller.phone.press("1")
        await dialer.exchange.phone(2)


async def test_a_box_that_stops_takes_no_call_and_ends_those_that_are_up(office: Office) -> None:
    async with dialing(office, a_trunk()) as dialer:
        batch_id = await _a_missed_call(office, dialer)
        caller = _calls(dialer)
        await eventually(lambda: caller.phone is not None)
    assert caller.phone is not None
    assert caller.phone.is_ended_by_box
    assert _calls(dialer).refused == 503
    assert [call.state for call in await calls_of(office, batch_id)] == [CallState.ENDED] * 2


async def test_the_agent_answers_though_its_voice_is_slow(
    office: Office, dialer: Exchanges
) -> None:
    await _a_missed_call(office, dialer)
    dialer.speech.release.clear()
    caller = _calls(dialer)
    await eventually(lambda: caller.phone is not None)
    dialer.speech.release.set()
    assert (await _answers(office, caller, "1")).outcome == "BOOKED"


async def test_a_box_killed_during_the_call_leaves_the_row_as_it_was(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await _a_missed_call(office, dialer)
    caller = _calls(dialer)
    await eventually(lambda: caller.phone is not None)
    await office.book.recover()
    assert (await _row(office, batch_id)).outcome == "NO_ANSWER"
