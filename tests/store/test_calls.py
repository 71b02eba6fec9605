import asyncio

from movoice_box.domain.batch import BatchState, RecipientState
from movoice_box.domain.call import CallState, Disposition
from movoice_box.ids import BatchId
from movoice_box.store import batches, calls
from movoice_box.store.call_queue import Permission
from tests.builders import Office, a_result


async def _tally(office: Office, batch_id: BatchId) -> dict[str, int]:
    async with office.database.reading() as db:
        tally = (await batches.get(db, batch_id)).tally
    return {state: tally.count(state) for state in RecipientState if tally.count(state)}


async def test_two_claimers_never_take_the_same_recipient(office: Office) -> None:
    batch_id = await office.a_batch(rows=50)
    claimed = await asyncio.gather(*(office.claim(batch_id, 7) for _ in range(10)))
    rows = [call.row for group in claimed for call in group]
    assert sorted(rows) == list(range(1, 51))


async def test_a_paused_batch_gives_nothing_to_call(office: Office) -> None:
    batch_id = await office.a_batch()
    await office.control.pause(batch_id)
    assert await office.claim(batch_id, 3) == []


async def test_a_number_listed_after_the_claim_is_not_dialed(office: Office) -> None:
    (call,) = await office.claim(await office.a_batch())
    await office.dnd.add(call.phone.e164)
    assert await office.dial(call) is Permission.ON_DND


async def test_a_batch_paused_after_the_claim_is_not_dialed(office: Office) -> None:
    batch_id = await office.a_batch()
    (call,) = await office.claim(batch_id)
    await office.control.pause(batch_id)
    assert await office.dial(call) is Permission.BATCH_PAUSED


async def test_a_batch_canceled_after_the_claim_is_not_dialed(office: Office) -> None:
    batch_id = await office.a_batch()
    (call,) = await office.claim(batch_id)
    await office.control.cancel(batch_id, end_talking=False)
    assert await office.dial(call) is Permission.BATCH_CANCELED


async def test_a_call_is_dialed_once(office: Office) -> None:
    (call,) = await office.claim(await office.a_batch())
    assert await office.dial(call) is Permission.GRANTED
    assert await office.dial(call) is Permission.BATCH_CANCELED


async def test_a_call_handed_back_is_claimed_again_under_its_own_id(office: Office) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.book.hand_back(batch_id, call)
    assert [again.id for again in await office.claim(batch_id)] == [call.id]


async def test_a_call_ends_once(office: Office) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.dial(call)
    await office.book.end(batch_id, call, a_result("BOOKED"))
    await office.book.end(batch_id, call, a_result("REFUSED"))
    async with office.database.reading() as db:
        assert (await calls.get(db, call.id)).outcome == "BOOKED"
        assert (await batches.get(db, batch_id)).tally.outcomes == {"BOOKED": 1}


async def test_the_last_call_completes_the_batch(office: Office) -> None:
    batch_id = await office.a_batch(rows=2)
    for call in await office.claim(batch_id, 2):
        await office.dial(call)
        await office.book.end(batch_id, call, a_result())
    async with office.database.reading() as db:
        batch = await batches.get(db, batch_id)
    assert batch.state is BatchState.COMPLETED
    assert batch.tally.answer_rate == 1.0


async def test_after_a_crash_what_may_have_rung_is_unknown_and_the_rest_waits(
    office: Office,
) -> None:
    batch_id = await office.a_batch(rows=4)
    prepared, dialed, ringing = await office.claim(batch_id, 3)
    await office.dial(dialed)
    await office.dial(ringing)
    await office.book.progress(batch_id, ringing, CallState.RINGING)

    assert await office.book.recover() == 3

    assert await _tally(office, batch_id) == {"queued": 2, "failed": 2}
    async with office.database.reading() as db:
        assert (await calls.get(db, prepared.id)).state is CallState.QUEUED
        unknown = await calls.get(db, ringing.id)
    assert unknown.disposition is Disposition.UNKNOWN_AFTER_RESTART
    assert await office.book.recover() == 0


async def test_ring_and_talk_seconds_are_counted_from_the_dial_and_the_answer(
    office: Office,
) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.dial(call)
    office.clock.pass_time(4)
    await office.book.progress(batch_id, call, CallState.TALKING)
    office.clock.pass_time(20.5)
    await office.book.end(batch_id, call, a_result())
    async with office.database.reading() as db:
        ended = await calls.get(db, call.id)
    assert (ended.ring_s, ended.talk_s) == (4.0, 20.5)
