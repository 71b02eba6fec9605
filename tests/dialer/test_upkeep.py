from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from movoice_box.dialer.channels import Channels
from movoice_box.dialer.live import LiveCalls
from movoice_box.dialer.queue import CallQueue
from movoice_box.dialer.runner import CallRunner
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.dialer.upkeep import Upkeep
from movoice_box.domain.batch import PLANS, BatchState, RecipientState
from movoice_box.ids import BatchId
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from movoice_box.sip.trunk import Trunk
from movoice_box.store import batches
from movoice_box.voice.speech.tts import Voice
from tests.builders import Office, some_rows
from tests.dialer.lines import a_desk


class _Mute:
    async def synthesize(self, text: str, voice: Voice) -> bytes:
        raise AssertionError("nothing is spoken here")


def _no_trunk(_: object) -> Trunk:
    raise AssertionError("no trunk is started here")


def an_upkeep(office: Office, plan: str = "enterprise") -> Upkeep:
    live, trunks = LiveCalls(), TrunkPool(office.database, office.seal, _no_trunk)
    channels = Channels(trunks, office.database, office.clock, office.settings.zone)
    media = MediaEngine(Rtp(), office.clock)
    runner = CallRunner(
        desk=a_desk(office, channels, media), live=live, media=media, speech=_Mute()
    )
    queue = CallQueue(runner, office.book, live, trunks, channels, PLANS[plan])
    return Upkeep(book=office.book, queue=queue, trunks=trunks, plan=PLANS[plan])


async def _batch(office: Office, batch_id: BatchId) -> tuple[BatchState, int, int]:
    async with office.database.reading() as db:
        batch = await batches.get(db, batch_id)
    tally = batch.tally
    return batch.state, tally.count(RecipientState.QUEUED), tally.count(RecipientState.SKIPPED)


async def test_a_scheduled_batch_starts_when_its_time_has_come(office: Office) -> None:
    upkeep = an_upkeep(office)
    later = office.clock.now() + timedelta(minutes=5)
    batch_id = await office.a_batch(schedule_at=later)
    await upkeep.start_scheduled()
    assert (await _batch(office, batch_id))[0] is BatchState.SCHEDULED
    office.clock.pass_time(300)
    await upkeep.start_scheduled()
    assert (await _batch(office, batch_id))[0] is BatchState.RUNNING


async def test_a_plan_that_became_smaller_skips_the_rows_beyond_it(office: Office) -> None:
    later = office.clock.now() + timedelta(minutes=5)
    answer = await office.intake.accept(office.request(rows=some_rows(60), schedule_at=later))
    office.clock.pass_time(300)
    await an_upkeep(office, "starter").start_scheduled()
    assert await _batch(office, answer["batch_id"]) == (BatchState.RUNNING, 50, 10)
    async with office.database.reading() as db:
        page = await batches.recipients(db, answer["batch_id"], limit=100, state="skipped")
    assert {one.skip_reason for one in page.items} == {"plan_limit"}
    assert page.items[0].skip_message == "the plan 'starter' allows 50 rows a batch"


async def test_a_paused_batch_does_not_start_by_its_time(office: Office) -> None:
    later = office.clock.now() + timedelta(minutes=5)
    batch_id = await office.a_batch(schedule_at=later)
    await office.control.pause(batch_id)
    office.clock.pass_time(300)
    await an_upkeep(office).start_scheduled()
    assert (await _batch(office, batch_id))[0] is BatchState.PAUSED


async def test_old_idempotency_keys_are_forgotten(office: Office) -> None:
    first = await office.intake.accept(office.request(idempotency_key="order-1"))
    office.clock.pass_time(timedelta(days=8).total_seconds())
    await an_upkeep(office).forget()
    again = await office.intake.accept(office.request(idempotency_key="order-1"))
    assert first["batch_id"] != again["batch_id"]


async def test_no_job_waits_for_a_time_of_a_clock_that_was_set_back(office: Office) -> None:
    upkeep, scheduler = an_upkeep(office), AsyncIOScheduler(timezone="UTC")
    upkeep.set_out(scheduler)
    scheduler.start(paused=True)
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC) + timedelta(days=1))  # noqa: TID251

    upkeep.set_out(scheduler)

    waits = {job.id: job.next_run_time - datetime.now(UTC) for job in scheduler.get_jobs()}  # noqa: TID251
    scheduler.shutdown(wait=False)
    assert set(waits) == {"start", "follow", "forget"}
    assert max(waits.values()) <= timedelta(hours=1)
    assert waits["start"] <= timedelta(seconds=1)
