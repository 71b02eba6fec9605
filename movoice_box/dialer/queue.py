"""The queue: takes due recipients, as many as plan, batch and trunks allow, and runs each call."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from movoice_box.dialer.broadcast import Change
from movoice_box.dialer.call_book import CallBook, without_conversation
from movoice_box.dialer.channels import Channels, Lease
from movoice_box.dialer.live import LiveCalls
from movoice_box.dialer.runner import CallRunner
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.agent import Agent
from movoice_box.domain.batch import Batch, BatchState, Plan, RecipientState
from movoice_box.domain.call import Call, Disposition
from movoice_box.domain.routing import Wish
from movoice_box.domain.sharing import Demand, share_channels
from movoice_box.errors import TrunkError
from movoice_box.ids import BatchId
from movoice_box.store import batches, call_queue

_DRAIN_S = 8.0
_PATIENCE_S = 20.0  # of a call asked for by itself, with trunks that are down or rest

_BROKEN = "an error inside the box: see its log"

logger = logging.getLogger(__name__)


class CallQueue:
    """A service. `wake` makes it look for work; it also looks when a channel comes free, and when
    a rest, a gap or a place in the calls per second is due.
    """

    def __init__(
        self,
        runner: CallRunner,
        book: CallBook,
        live: LiveCalls,
        trunks: TrunkPool,
        channels: Channels,
        plan: Plan,
        *,
        not_before: datetime | None = None,
    ) -> None:
        """With `not_before`, batches that were launched earlier are left alone."""
        self._runner = runner
        self._book = book
        self._live = live
        self._trunks = trunks
        self._channels = channels
        self._plan = plan
        self._not_before = not_before
        self._wake = asyncio.Event()
        self._look_again: float | None = None
        self._up: Counter[BatchId] = Counter()
        self._agents: dict[BatchId, Agent] = {}
        self._turns: Counter[BatchId] = Counter()
        self._waiting: dict[BatchId, tuple[str, float]] = {}
        channels.wake = self.wake

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled; every live call is a task that dies with this one."""
        await self._trunks.loaded()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                self._look_again = None
                if not self._live.is_closing:
                    await self._fill(group)
                await self._work_to_do()

    async def drain(self) -> None:
        """Start no more calls, end those that are up, and wait for that, at most 8 s."""
        self._live.close()
        try:
            async with asyncio.timeout(_DRAIN_S):
                while self._up.total():
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            logger.error("calls were still up when the box stopped")

    async def _work_to_do(self) -> None:
        """Wait until somebody wakes the queue, or what calls wait for is due."""
        wait_s = None
        if self._look_again is not None:
            wait_s = max(0.0, self._look_again - self._book.clock.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()

    async def _fill(self, group: asyncio.TaskGroup) -> None:
        """Start every call that may start now."""
        async with self._book.database.reading() as db:
            unfinished = await batches.unfinished(db)
            extensions = await batches.queued_extensions(db)
        running = [
            batch
            for batch in unfinished
            if batch.state is BatchState.RUNNING
            and (self._not_before is None or batch.created_at >= self._not_before)
        ]
        await self._channels.follow()
        by_id = {batch.id: batch for batch in running if await self._has_trunk(batch)}
        demands = [
            demand
            for batch in by_id.values()
            for demand in self._demands(batch, extensions.get(batch.id, 0))
        ]
        free_calls = None
        if self._plan.concurrency is not None:
            free_calls = self._plan.concurrency - self._up.total() - self._live.inbound
        shares = share_channels(demands, self._channels.try_take, free_calls)
        for demand, leases in shares.items():
            try:
                await self._start(group, by_id[demand.batch_id], demand.wish, leases)
            except Exception:  # one batch that cannot be read must not stop the others
                logger.exception("a batch cannot go on", extra={"batch_id": demand.batch_id})
                await self._book.pause(demand.batch_id, _BROKEN)
            finally:
                for lease in leases:
                    if lease.call_id is None:
                        lease.drop()
        left = [one for one in demands if len(shares.get(one, ())) < one.queued]
        await self._note_waiting(by_id, left)
        self._forget_all_but(batch.id for batch in running)

    async def _start(
        self, group: asyncio.TaskGroup, batch: Batch, wish: Wish, leases: list[Lease]
    ) -> None:
        """Give each lease to a recipient; those left over keep no call."""
        if batch.id not in self._agents:
            async with self._book.database.reading() as db:
                self._agents[batch.id] = await batches.get_agent(db, batch.id)
        claimed = await self._claim(batch.id, len(leases), wish)
        self._turns[batch.id] = max(self._turns.values(), default=0) + 1
        for call, lease in zip(claimed, leases, strict=False):
            lease.call_id = call.id
            self._up[batch.id] += 1
            run = self._run_one(batch, call, self._agents[batch.id], lease)
            group.create_task(run, name=f"call {call.id}")

    async def _run_one(self, batch: Batch, call: Call, agent: Agent, lease: Lease) -> None:
        try:
            await self._runner.run(batch, call, agent, lease)
        except Exception:  # one call's failure must not end its neighbours
            logger.exception("call failed", extra={"call_id": call.id})
            failed = without_conversation(call, Disposition.FAILED, _BROKEN)
            await self._book.end(batch.id, call, failed)
        finally:
            self._channels.free(call.id)
            self._up[batch.id] -= 1
            if not self._up[batch.id]:
                del self._up[batch.id]
            self.wake()

    def _demands(self, batch: Batch, extensions: int) -> list[Demand]:
        queued = batch.tally.count(RecipientState.QUEUED)
        return [
            Demand(
                batch.id,
                Wish(trunk_id=batch.trunk_id, is_extension=is_extension),
                live=self._up[batch.id],
                concurrency=batch.concurrency,
                queued=waiting,
                turn=self._turns[batch.id],
            )
            for is_extension, waiting in ((False, queued - extensions), (True, extensions))
            if waiting > 0
        ]

    async def _has_trunk(self, batch: Batch) -> bool:
        """Whether the trunk that the batch names is there; a person has to see to it if not."""
        if batch.trunk_id is None or self._channels.is_known(batch.trunk_id):
            return True
        if not batch.tally.count(RecipientState.QUEUED):
            return False
        try:
            await self._trunks.find(batch.trunk_id)  # another process may have added it just now
        except TrunkError as error:
            await self._give_up(batch, error.message)
            return False
        await self._channels.follow()
        return True

    async def _note_waiting(self, by_id: dict[BatchId, Batch], left: Iterable[Demand]) -> None:
        """Note for what the calls that are left wait, and when to look again."""
        waiting: dict[BatchId, str] = {}
        for demand in left:
            obstacle = self._channels.obstacle(demand.wish)
            if obstacle is None:
                continue  # what limits it is the plan or the batch
            self._look_again_at(obstacle.until)
            if obstacle.is_visible:
                waiting[demand.batch_id] = obstacle.reason
        now = self._book.clock.monotonic()
        for batch_id in self._waiting.keys() | waiting.keys():
            told, since = self._waiting.get(batch_id, ("", now))
            reason = waiting.get(batch_id, "")
            if told != reason:
                self._book.broadcast.publish(Change(batch_id))
            if not reason:
                del self._waiting[batch_id]
                continue
            self._waiting[batch_id] = (reason, since)
            if by_id[batch_id].is_single:
                self._look_again_at(since + _PATIENCE_S)
                if now - since >= _PATIENCE_S:
                    await self._give_up(by_id[batch_id], reason)

    async def _give_up(self, batch: Batch, reason: str) -> None:
        """Pause a batch; a call that was asked for by itself fails, for somebody waits for it."""
        if not batch.is_single:
            await self._book.pause(batch.id, reason)
            return
        for wish in (Wish(), Wish(is_extension=True)):
            for call in await self._claim(batch.id, 1, wish):
                failed = without_conversation(call, Disposition.FAILED, reason)
                await self._book.end(batch.id, call, failed)

    async def _claim(self, batch_id: BatchId, limit: int, wish: Wish) -> list[Call]:
        now = self._book.clock.now()
        return await self._book.database.keep(
            lambda db: call_queue.claim(
                db, batch_id, limit, self._book.ids.call, now, extensions=wish.is_extension
            )
        )

    def _look_again_at(self, moment: float | None) -> None:
        if moment is not None:
            self._look_again = min(moment, self._look_again or moment)

    def _forget_all_but(self, running: Iterable[BatchId]) -> None:
        kept = set(running)
        for book in (self._agents, self._turns):
            for batch_id in book.keys() - kept:
                del book[batch_id]
