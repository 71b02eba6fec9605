"""What the clock starts: scheduled batches, and looking for what another process wrote.

The truth is in the due times of the store; these jobs only poll it, so a missed one loses nothing.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import aiosqlite
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from movoice_box.clock import StepWatch
from movoice_box.dialer.broadcast import Change
from movoice_box.dialer.call_book import CallBook
from movoice_box.dialer.completion import complete_if_drained
from movoice_box.dialer.queue import CallQueue
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.batch import Plan
from movoice_box.store import batches, idempotency

_SCHEDULE_S = 1
_FOLLOW_S = 3
_KEEP_IDEMPOTENCY_KEYS = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """A service: a handful of polling jobs."""

    book: CallBook
    queue: CallQueue
    trunks: TrunkPool
    plan: Plan

    async def run(self) -> None:
        """Run until cancelled."""
        scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None}
        )
        self.set_out(scheduler)
        scheduler.start()
        watch = StepWatch(self.book.clock)
        try:
            while True:
                await asyncio.sleep(_SCHEDULE_S)
                if abs(watch.step_s()) > _SCHEDULE_S:
                    self.set_out(scheduler)
        finally:
            scheduler.shutdown(wait=False)

    def set_out(self, scheduler: AsyncIOScheduler) -> None:
        """Have each job run from now on at its pace.

        Again when the clock was set: the scheduler waits for times of day, and those of a clock
        that was an hour ahead are an hour away.
        """
        scheduler.add_job(
            self.start_scheduled, "interval", seconds=_SCHEDULE_S, id="start", replace_existing=True
        )
        scheduler.add_job(
            self.follow_other_processes,
            "interval",
            seconds=_FOLLOW_S,
            id="follow",
            replace_existing=True,
        )
        scheduler.add_job(self.forget, "interval", hours=1, id="forget", replace_existing=True)

    async def start_scheduled(self) -> None:
        """Start each batch whose time has come, with no more rows than the plan allows by now."""
        now = self.book.clock.now()

        async def start(db: aiosqlite.Connection) -> None:
            for batch_id in await batches.start_due(db, now):
                if rows := self.plan.rows_per_batch:
                    message = f"the plan '{self.plan.name}' allows {rows} rows a batch"
                    await batches.skip_beyond(db, batch_id, rows, message)
                await complete_if_drained(db, batch_id, self.book.ids, now)

        async with self.book.database.reading() as db:
            due = await batches.due(db, now)
        if due:
            await self.book.database.write(start)
            for batch_id in due:
                self.book.broadcast.publish(Change(batch_id))
            self.queue.wake()

    async def follow_other_processes(self) -> None:
        """Take up what the command line wrote while the box runs."""
        await self.trunks.reload()
        self.queue.wake()
        self.book.webhooks.wake()

    async def forget(self) -> None:
        """Drop the idempotency keys that no client repeats any more."""
        before = self.book.clock.now() - _KEEP_IDEMPOTENCY_KEYS
        await self.book.database.write(lambda db: idempotency.remove_before(db, before))
