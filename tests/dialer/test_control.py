import pytest

from movoice_box.dialer.live import LiveCall
from movoice_box.domain.batch import BatchState, RecipientState
from movoice_box.domain.call import CallState, Disposition
from movoice_box.errors import ConflictError
from movoice_box.ids import CallId
from movoice_box.store import batches, calls
from tests.builders import Office, a_result


async def test_pause_and_resume(office: Office) -> None:
    batch_id = await office.a_batch()
    assert (await office.control.pause(batch_id)).state is BatchState.PAUSED
    assert (await office.control.resume(batch_id)).state is BatchState.RUNNING


@pytest.mark.parametrize("action", ["pause", "resume"])
async def test_a_canceled_batch_names_its_state(office: Office, action: str) -> None:
    batch_id = await office.a_batch()
    await office.control.cancel(batch_id, end_talking=False)
    with pytest.raises(ConflictError, match=f"cannot {action} a batch that is canceled") as caught:
        await getattr(office.control, action)(batch_id)
    assert caught.value.code == "batch_state"


@pytest.mark.parametrize(("end_talking", "ended"), [(False, {"rings"}), (True, {"rings", "talks"})])
async def test_cancel_ends_ringing_calls_and_talking_ones_where_told(
    office: Office, end_talking: bool, ended: set[str]
) -> None:
    batch_id, other = await office.a_batch(), await office.a_batch()
    up = [
        LiveCall(CallId("rings"), batch_id, CallState.RINGING),
        LiveCall(CallId("talks"), batch_id, CallState.TALKING),
        LiveCall(CallId("other"), other, CallState.RINGING),
    ]
    with office.live.holding(up[0]), office.live.holding(up[1]), office.live.holding(up[2]):
        await office.control.cancel(batch_id, end_talking=end_talking)
    assert {call.id for call in up if call.end.is_set()} == ended


async def test_cancel_ends_a_call_that_was_handed_back(office: Office) -> None:
    batch_id = await office.a_batch(rows=2)
    (call,) = await office.claim(batch_id)
    await office.book.hand_back(batch_id, call)
    batch = await office.control.cancel(batch_id, end_talking=False)
    assert batch.tally.count(RecipientState.CANCELED) == 2
    assert (batch.tally.attempted, batch.tally.outcomes) == (0, {})
    async with office.database.reading() as db:
        ended = await calls.get(db, call.id)
    assert (ended.state, ended.disposition) == (CallState.ENDED, Disposition.CANCELED)


async def test_cancel_calls_nobody_else_and_counts_them(office: Office) -> None:
    batch_id = await office.a_batch(rows=3)
    (call,) = await office.claim(batch_id)
    await office.dial(call)
    batch = await office.control.cancel(batch_id, end_talking=False)
    assert batch.tally.count(RecipientState.CANCELED) == 2
    assert batch.tally.count(RecipientState.IN_PROGRESS) == 1
    await office.book.end(batch_id, call, a_result())
    async with office.database.reading() as db:
        after = await batches.get(db, batch_id)
    assert (after.state, after.tally.answered, after.tally.total) == (BatchState.CANCELED, 1, 3)
