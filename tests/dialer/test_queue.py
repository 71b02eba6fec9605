"""The dialer on real storage and a real conversation; only the far end is the test's."""

from collections.abc import AsyncIterator

import pytest

from movoice_box.domain.batch import BatchState
from movoice_box.domain.call import CallState, Disposition
from movoice_box.domain.disposition_rule import DispositionRule
from movoice_box.store import batches
from tests.builders import Office, a_trunk, eventually
from tests.dialer.lines import Exchanges, calls_of, dialing, has_call_in, until


@pytest.fixture
async def dialer(office: Office) -> AsyncIterator[Exchanges]:
    async with dialing(office, a_trunk()) as exchanges:
        yield exchanges


async def test_an_answered_call_reaches_the_outcome_of_the_key(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    phone.ring()
    phone.answer()
    phone.press("1")
    await until(office, batch_id, state=BatchState.COMPLETED)
    (call,) = await calls_of(office, batch_id)
    assert (call.disposition, call.outcome) == (Disposition.ANSWERED, "BOOKED")
    assert call.summary == "Rahul confirmed."
    assert [line.speaker for line in call.transcript][-1] == "callee"
    assert phone.is_ended_by_box


async def test_a_refusal_is_written_down_with_its_status(office: Office, dialer: Exchanges) -> None:
    batch_id = await office.a_batch(rows=1)
    (await dialer.exchange.phone(1)).refuse(Disposition.BUSY, 486)
    await until(office, batch_id, state=BatchState.COMPLETED)
    (call,) = await calls_of(office, batch_id)
    assert (call.outcome, call.sip_status) == ("BUSY", 486)


async def test_the_rules_of_a_trunk_say_what_its_refusals_count_as(office: Office) -> None:
    rule = DispositionRule(sip_status=503, q850_cause=20, disposition=Disposition.NO_ANSWER)
    async with dialing(office, a_trunk(dispositions=(rule,))) as dialer:
        batch_id = await office.a_batch(rows=1)
        (await dialer.exchange.phone(1)).refuse(Disposition.FAILED, 503, q850_cause=20)
        await until(office, batch_id, state=BatchState.COMPLETED)
        (call,) = await calls_of(office, batch_id)
    assert (call.disposition, call.outcome) == (Disposition.NO_ANSWER, "NO_ANSWER")
    assert (call.sip_status, call.q850_cause) == (503, 20)


async def test_no_more_calls_are_up_than_the_batch_asked_for(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=5, concurrency=2)
    await dialer.exchange.phone(2)
    await until(office, batch_id, in_progress=2, queued=3)
    assert len(dialer.exchange.phones) == 2
    dialer.exchange.phones[0].refuse(Disposition.BUSY, 486)
    await dialer.exchange.phone(3)
    await until(office, batch_id, in_progress=2, queued=2)


async def test_no_more_calls_are_up_than_the_trunk_has_channels(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=9, concurrency=9)
    await until(office, batch_id, in_progress=4, queued=5)
    await dialer.exchange.phone(4)
    assert len(dialer.exchange.phones) == 4


async def test_the_plan_counts_calls_over_all_batches(office: Office) -> None:
    async with dialing(office, a_trunk(), plan="starter") as dialer:
        first, second = await office.a_batch(rows=1), await office.a_batch(rows=1)
        (await dialer.exchange.phone(1)).refuse(Disposition.BUSY, 486)
        await until(office, first, state=BatchState.COMPLETED)
        await until(office, second, in_progress=1)


async def test_batches_take_turns_where_there_is_one_call_between_them(office: Office) -> None:
    async with dialing(office, a_trunk(), plan="starter") as dialer:
        first, second = await office.a_batch(rows=3), await office.a_batch(rows=3)
        for number in (1, 2, 3, 4):
            (await dialer.exchange.phone(number)).refuse(Disposition.BUSY, 486)
        await until(office, first, completed=2)
        await until(office, second, completed=2)


async def test_a_paused_batch_lets_live_calls_finish_and_starts_none(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=3, concurrency=1)
    phone = await dialer.exchange.phone(1)
    await office.control.pause(batch_id)
    phone.answer()
    phone.press("1")
    await until(office, batch_id, completed=1, queued=2, state=BatchState.PAUSED)
    assert len(dialer.exchange.phones) == 1
    await office.control.resume(batch_id)
    await dialer.exchange.phone(2)


async def test_cancel_ends_what_rings_and_lets_who_talks_finish(
    office: Office, dialer: Exchanges
) -> None:
    batch_id = await office.a_batch(rows=3, concurrency=2)
    rings, talks = await dialer.exchange.phone(1), await dialer.exchange.phone(2)
    rings.ring()
    talks.answer()
    await eventually(lambda: has_call_in(office, batch_id, CallState.TALKING))
    await office.control.cancel(batch_id, end_talking=False)
    await until(office, batch_id, canceled=2, in_progress=1)
    assert (rings.is_ended_by_box, talks.is_ended_by_box) == (True, False)
    talks.press("1")
    batch = await until(office, batch_id, completed=1, in_progress=0)
    assert batch.state is BatchState.CANCELED


async def test_cancel_ends_who_talks_where_told(office: Office, dialer: Exchanges) -> None:
    batch_id = await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    phone.answer()
    await eventually(lambda: has_call_in(office, batch_id, CallState.TALKING))
    await office.control.cancel(batch_id, end_talking=True)
    await until(office, batch_id, in_progress=0)
    (call,) = await calls_of(office, batch_id)
    assert phone.is_ended_by_box
    assert (call.disposition, call.outcome) == (Disposition.ANSWERED, "CANCELED")


async def test_an_opt_out_is_on_the_list_before_the_call_ends(
    office: Office, dialer: Exchanges
) -> None:
    await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    phone.answer()
    phone.press("9")
    await eventually(lambda: _is_listed(office, phone.number.e164))


async def test_a_number_listed_while_its_call_is_prepared_is_not_dialed(
    office: Office, dialer: Exchanges
) -> None:
    dialer.speech.release.clear()
    batch_id = await office.a_batch(rows=1)
    await dialer.speech.asked.wait()
    await office.dnd.add("+919876500000")
    dialer.speech.release.set()
    await until(office, batch_id, skipped=1, state=BatchState.COMPLETED)
    assert dialer.exchange.phones == []
    async with office.database.reading() as db:
        (row,) = (await batches.recipients(db, batch_id, limit=1)).items
    assert row.skip_reason == "dnd"


async def test_a_batch_paused_while_its_call_is_prepared_rings_nobody(
    office: Office, dialer: Exchanges
) -> None:
    dialer.speech.release.clear()
    batch_id = await office.a_batch(rows=1)
    await dialer.speech.asked.wait()
    await office.control.pause(batch_id)
    dialer.speech.release.set()
    await until(office, batch_id, queued=1)
    assert dialer.exchange.phones == []


async def test_without_a_voice_the_batch_pauses_and_says_why(
    office: Office, dialer: Exchanges
) -> None:
    dialer.speech.is_lost = True
    batch_id = await office.a_batch(rows=2)
    batch = await until(office, batch_id, state=BatchState.PAUSED, queued=2)
    assert batch.pause_reason == "espeak-ng is not installed: apt install libespeak-ng1"
    assert dialer.exchange.phones == []


async def test_an_unreachable_trunk_fails_the_call_with_its_reason(
    office: Office, dialer: Exchanges
) -> None:
    dialer.exchange.is_reachable = False
    batch_id = await office.a_batch(rows=1)
    await until(office, batch_id, failed=1, state=BatchState.COMPLETED)
    (call,) = await calls_of(office, batch_id)
    assert call.disposition is Disposition.UNREACHABLE
    assert "timer B" in call.sip_reason


async def test_a_callee_who_hangs_up_leaves_an_outcome(office: Office, dialer: Exchanges) -> None:
    batch_id = await office.a_batch(rows=1)
    phone = await dialer.exchange.phone(1)
    phone.answer()
    phone.hang_up()
    await until(office, batch_id, state=BatchState.COMPLETED)
    (call,) = await calls_of(office, batch_id)
    assert (call.outcome, call.ended_by) == ("HUNG_UP", "callee")


async def test_a_box_that_stops_ends_its_calls_and_writes_them_down(office: Office) -> None:
    async with dialing(office, a_trunk()) as dialer:
        batch_id = await office.a_batch(rows=2, concurrency=2)
        phones = [await dialer.exchange.phone(1), await dialer.exchange.phone(2)]
    assert all(phone.is_ended_by_box for phone in phones)
    assert [call.state for call in await calls_of(office, batch_id)] == [CallState.ENDED] * 2


async def _is_listed(office: Office, number: str) -> bool:
    return await office.dnd.check(number) is not None
