"""What the clock starts: scheduled batches, and looking for what another process wrote.

The truth is in the due times of the store; these jobs only poll it, so a missed one loses nothing.
They are paced by the loop's clock, which nobody can set.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import aiosqlite

from movoice_box.dialer.broadcast import Change
from movoice_box.dialer.call_book import CallBook
from movoice_box.dialer.completion import complete_if_drained
from movoice_box.dialer.queue import CallQueue
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.batch import Plan
from movoice_box.store import batches, idempotency

_SCHEDULE_S = 1
_FOLLOW_S = 3
_FORGET_S = 3600
_KEEP_IDEMPOTENCY_KEYS = timedelta(days=7)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """A service: a handful of polling jobs."""

    book: CallBook
    queue: CallQueue
    trunks: TrunkPool
    plan: Plan

    async def run(self) -> None:
        """Run until cancelled."""
        jobs = (
            (self.start_scheduled, _SCHEDULE_S),
            (self.follow_other_processes, _FOLLOW_S),
            (self.forget, _FORGET_S),
        )
        async with asyncio.TaskGroup() as group:
            for job, every_s in jobs:
                group.create_task(_repeat(job, every_s), name=job.__name__)

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


async def _repeat(job: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await job()
        except Exception:  # it comes again: a locked database must not stop the box
            logger.exception("a job of the upkeep failed")
