"""The queue: takes due recipients, as many as plan, batch and trunk allow, and runs each call."""

import asyncio
import logging
from collections import Counter
from datetime import datetime

from movoice_box.dialer.call_book import CallBook, without_conversation
from movoice_box.dialer.live import LiveCalls
from movoice_box.dialer.runner import CallRunner
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.agent import Agent
from movoice_box.domain.batch import Batch, BatchState, Plan, RecipientState
from movoice_box.domain.call import Call, Disposition
from movoice_box.domain.sharing import Demand, share_channels
from movoice_box.ids import BatchId, TrunkId
from movoice_box.store import batches, calls

_DRAIN_S = 8.0
_LOST_IN_A_ROW = 3  # calls that heard nothing from their trunk; then it is not the number's fault

_BROKEN = "an error inside the box: see its log"

logger = logging.getLogger(__name__)


class CallQueue:
    """A service. `wake` makes it look for work; it also looks when a call has ended."""

    def __init__(
        self,
        runner: CallRunner,
        book: CallBook,
        live: LiveCalls,
        trunks: TrunkPool,
        plan: Plan,
        *,
        not_before: datetime | None = None,
    ) -> None:
        """With `not_before`, batches that were launched earlier are left alone."""
        self._runner = runner
        self._book = book
        self._live = live
        self._trunks = trunks
        self._plan = plan
        self._not_before = not_before
        self._wake = asyncio.Event()
        self._up: dict[BatchId, Counter[TrunkId]] = {}
        self._agents: dict[BatchId, Agent] = {}
        self._turns: Counter[BatchId] = Counter()
        self._lost: Counter[TrunkId] = Counter()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled; every live call is a task that dies with this one."""
        await self._trunks.loaded()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                if not self._live.is_closing:
                    await self._fill(group)
                await self._wake.wait()

    async def drain(self) -> None:
        """Start no more calls, end those that are up, and wait for that, at most 8 s."""
        self._live.close()
        try:
            async with asyncio.timeout(_DRAIN_S):
                while any(self._up.values()):
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            logger.error("calls were still up when the box stopped")

    async def _fill(self, group: asyncio.TaskGroup) -> None:
        async with self._book.database.reading() as db:
            unfinished = await batches.unfinished(db)
        running = [
            batch
            for batch in unfinished
            if batch.state is BatchState.RUNNING
            and (self._not_before is None or batch.created_at >= self._not_before)
        ]
        free_calls = None
        if self._plan.concurrency is not None:
            free_calls = self._plan.concurrency - sum(up.total() for up in self._up.values())
        channels = self._free_channels()
        for batch in running:  # where its trunk is gone, one call finds out and says so
            channels.setdefault(batch.trunk_id, 1)
        shares = share_channels(map(self._demand, running), channels, free_calls)
        for batch_id, calls_to_start in shares.items():
            try:
                await self._start(group, batch_id, calls_to_start)
            except Exception:  # one batch that cannot be read must not stop the others
                logger.exception("a batch cannot go on", extra={"batch_id": batch_id})
                await self._book.pause(batch_id, _BROKEN)
        going_on = {batch.id for batch in running}
        for batch_id in self._agents.keys() - going_on:
            del self._agents[batch_id]
        for batch_id in self._turns.keys() - going_on:
            del self._turns[batch_id]

    async def _start(self, group: asyncio.TaskGroup, batch_id: BatchId, limit: int) -> None:
        now = self._book.clock.now()
        if batch_id not in self._agents:
            async with self._book.database.reading() as db:
                self._agents[batch_id] = await batches.get_agent(db, batch_id)
        claimed = await self._book.database.keep(
            lambda db: calls.claim(db, batch_id, limit, self._book.ids.call, now)
        )
        self._turns[batch_id] = max(self._turns.values(), default=0) + 1
        for call in claimed:
            self._up.setdefault(batch_id, Counter())[call.trunk_id] += 1
            run = self._run_one(batch_id, call, self._agents[batch_id])
            group.create_task(run, name=f"call {call.id}")

    async def _run_one(self, batch_id: BatchId, call: Call, agent: Agent) -> None:
        try:
            await self._judge(batch_id, call, await self._runner.run(batch_id, call, agent))
        except Exception:  # one call's failure must not end its neighbours
            logger.exception("call failed", extra={"call_id": call.id})
            failed = without_conversation(call, Disposition.FAILED, _BROKEN)
            await self._book.end(batch_id, call, failed)
        finally:
            self._up[batch_id][call.trunk_id] -= 1
            if not self._up[batch_id].total():
                del self._up[batch_id]
            self.wake()

    async def _judge(self, batch_id: BatchId, call: Call, disposition: Disposition | None) -> None:
        """Pause the batch when its trunk is dead, instead of spending the whole list on it."""
        if disposition is not Disposition.UNREACHABLE:
            self._lost[call.trunk_id] *= disposition is None
            return
        self._lost[call.trunk_id] += 1
        if self._lost[call.trunk_id] >= _LOST_IN_A_ROW:
            names = {account.id: account.name for account in self._trunks.accounts()}
            await self._book.pause(
                batch_id,
                f"trunk '{names.get(call.trunk_id, call.trunk_id)}' did not answer the last "
                f"{self._lost[call.trunk_id]} calls: see that it is up, then resume",
            )

    def _demand(self, batch: Batch) -> Demand:
        return Demand(
            batch.id,
            batch.trunk_id,
            live=self._up.get(batch.id, Counter()).total(),
            concurrency=batch.concurrency,
            queued=batch.tally.count(RecipientState.QUEUED),
            turn=self._turns[batch.id],
        )

    def _free_channels(self) -> dict[TrunkId, int]:
        taken: Counter[TrunkId] = Counter()
        for up in self._up.values():
            taken.update(up)
        return {
            account.id: account.channels - taken[account.id] for account in self._trunks.accounts()
        }
