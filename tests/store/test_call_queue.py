from movoice_box.domain.batch import RecipientState
from movoice_box.domain.call import CallState
from movoice_box.ids import TrunkId
from movoice_box.store import batches, call_queue, calls
from movoice_box.store.call_queue import Permission
from tests.builders import Office, a_row, a_trunk
from tests.dialer.lines import a_stored_trunk, batch_now


async def test_extensions_are_claimed_apart_from_numbers(office: Office) -> None:
    await a_stored_trunk(office, a_trunk(allows_extensions=True))
    rows = [a_row("101"), a_row("+919876500001"), a_row("102"), a_row("+919876500002")]
    answer = await office.intake.accept(office.request(rows=rows))
    batch_id = answer["batch_id"]
    async with office.database.reading() as db:
        assert await batches.queued_extensions(db) == {batch_id: 2}
    assert [str(call.phone) for call in await office.claim(batch_id, 9)] == [
        "+919876500001",
        "+919876500002",
    ]
    claimed = await office.database.write(
        lambda db: call_queue.claim(
            db, batch_id, 9, office.ids.call, office.clock.now(), extensions=True
        )
    )
    assert [call.phone.e164 for call in claimed] == ["101", "102"]
    async with office.database.reading() as db:
        assert await batches.queued_extensions(db) == {}


async def test_a_call_that_moves_to_another_trunk_says_which_carried_it(office: Office) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    assert call.trunk_id is None
    await office.dial(call, "trunk_one", "SIM 1")
    permission = await office.database.write(
        lambda db: call_queue.move_trunk(
            db, call.id, TrunkId("trunk_two"), None, office.clock.now()
        )
    )
    async with office.database.reading() as db:
        moved = await calls.get(db, call.id)
    assert permission is Permission.GRANTED
    assert (moved.state, moved.trunk_id, moved.channel) == (CallState.DIALING, "trunk_two", None)


async def test_a_call_moves_to_no_trunk_once_it_rang(office: Office) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.dial(call)
    await office.book.progress(batch_id, call, CallState.RINGING)
    permission = await office.database.write(
        lambda db: call_queue.move_trunk(
            db, call.id, TrunkId("trunk_two"), None, office.clock.now()
        )
    )
    assert permission is Permission.BATCH_CANCELED


async def test_a_number_listed_between_two_trunks_is_not_dialed_again(office: Office) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.dial(call)
    await office.dnd.add(str(call.phone))
    permission = await office.database.write(
        lambda db: call_queue.move_trunk(
            db, call.id, TrunkId("trunk_two"), None, office.clock.now()
        )
    )
    assert permission is Permission.ON_DND


async def test_a_call_whose_trunk_failed_waits_in_the_queue_as_if_never_dialed(
    office: Office,
) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.dial(call, "trunk_one", "SIM 1")
    await office.book.hand_back(batch_id, call)
    async with office.database.reading() as db:
        waiting = await calls.get(db, call.id)
    assert (waiting.state, waiting.trunk_id, waiting.dialed_at) == (CallState.QUEUED, None, None)
    assert (await batch_now(office, batch_id)).tally.count(RecipientState.QUEUED) == 1
    (again,) = await office.claim(batch_id)
    assert again.id == call.id


async def test_a_call_that_rang_is_not_handed_back(office: Office) -> None:
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.dial(call)
    await office.book.progress(batch_id, call, CallState.RINGING)
    await office.book.hand_back(batch_id, call)
    async with office.database.reading() as db:
        assert (await calls.get(db, call.id)).state is CallState.RINGING
