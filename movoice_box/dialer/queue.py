"""The queue: takes due recipients, as many as plan, batch and trunk allow, and runs each call."""

import asyncio
import logging
from collections import Counter

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

logger = logging.getLogger(__name__)


class CallQueue:
    """A service. `wake` makes it look for work; it also looks when a call has ended."""

    def __init__(
        self, runner: CallRunner, book: CallBook, live: LiveCalls, trunks: TrunkPool, plan: Plan
    ) -> None:
        self._runner = runner
        self._book = book
        self._live = live
        self._trunks = trunks
        self._plan = plan
        self._wake = asyncio.Event()
        self._up: dict[BatchId, Counter[TrunkId]] = {}
        self._agents: dict[BatchId, Agent] = {}
        self._is_open = True

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled; every live call is a task that dies with this one."""
        await self._trunks.loaded()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                if self._is_open:
                    await self._fill(group)
                await self._wake.wait()

    async def drain(self) -> None:
        """Start no more calls, end those that are up, and wait for that, at most 8 s."""
        self._is_open = False
        self._live.end_all()
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
        running = [batch for batch in unfinished if batch.state is BatchState.RUNNING]
        free_calls = None
        if self._plan.concurrency is not None:
            free_calls = self._plan.concurrency - sum(up.total() for up in self._up.values())
        shares = share_channels(map(self._demand, running), self._free_channels(), free_calls)
        for batch_id, calls_to_start in shares.items():
            await self._start(group, batch_id, calls_to_start)
        self._agents = {
            batch.id: self._agents[batch.id] for batch in running if batch.id in self._agents
        }

    async def _start(self, group: asyncio.TaskGroup, batch_id: BatchId, limit: int) -> None:
        now = self._book.clock.now()
        claimed = await self._book.database.write(
            lambda db: calls.claim(db, batch_id, limit, self._book.ids.call, now)
        )
        if claimed and batch_id not in self._agents:
            async with self._book.database.reading() as db:
                self._agents[batch_id] = await batches.get_agent(db, batch_id)
        for call in claimed:
            self._up.setdefault(batch_id, Counter())[call.trunk_id] += 1
            run = self._run_one(batch_id, call, self._agents[batch_id])
            group.create_task(run, name=f"call {call.id}")

    async def _run_one(self, batch_id: BatchId, call: Call, agent: Agent) -> None:
        try:
            await self._runner.run(batch_id, call, agent)
        except Exception:  # one call's failure must not end its neighbours
            logger.exception("call failed", extra={"call_id": call.id})
            failed = without_conversation(
                call, Disposition.FAILED, "an error inside the box: see its log"
            )
            await self._book.end(batch_id, call, failed)
        finally:
            self._up[batch_id][call.trunk_id] -= 1
            if not self._up[batch_id].total():
                del self._up[batch_id]
            self.wake()

    def _demand(self, batch: Batch) -> Demand:
        return Demand(
            batch.id,
            batch.trunk_id,
            live=self._up.get(batch.id, Counter()).total(),
            concurrency=batch.concurrency,
            queued=batch.tally.count(RecipientState.QUEUED),
        )

    def _free_channels(self) -> dict[TrunkId, int]:
        taken: Counter[TrunkId] = Counter()
        for up in self._up.values():
            taken.update(up)
        return {
            account.id: account.channels - taken[account.id] for account in self._trunks.accounts()
        }
