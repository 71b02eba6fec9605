"""The book of calls: each step is on disk, and each end with its webhook and its batch."""

from dataclasses import dataclass

import aiosqlite

from movoice_box.clock import Clock
from movoice_box.dialer.broadcast import Broadcast, Change
from movoice_box.dialer.completion import complete_if_drained
from movoice_box.dialer.webhooks import WebhookSender
from movoice_box.domain.batch import BatchState, SkipReason
from movoice_box.domain.call import UNANSWERED_OUTCOMES, Call, CallResult, CallState, Disposition
from movoice_box.domain.event import call_completed
from movoice_box.domain.summary import callee_name, summary_without_conversation
from movoice_box.ids import BatchId, IdFactory
from movoice_box.store import batches, calls, outbox
from movoice_box.store.database import Database


@dataclass(frozen=True, slots=True)
class CallBook:
    """Writes down what happens to calls, and tells whoever watches."""

    database: Database
    clock: Clock
    ids: IdFactory
    broadcast: Broadcast
    webhooks: WebhookSender

    async def progress(self, batch_id: BatchId, call: Call, state: CallState) -> None:
        now = self.clock.now()
        await self.database.write(lambda db: calls.progress(db, call.id, state, now))
        self.broadcast.publish(Change(batch_id, call.id))

    async def end(
        self,
        batch_id: BatchId,
        call: Call,
        result: CallResult,
        skipped: tuple[SkipReason, str] | None = None,
    ) -> None:
        """End a call once: a second end changes nothing and sends nothing."""
        now = self.clock.now()

        async def write(db: aiosqlite.Connection) -> None:
            if await calls.end(db, call.id, result, now, skipped=skipped):
                await outbox.add(db, self.ids.event(), call_completed(call, result), now)
                await complete_if_drained(db, batch_id, self.ids, now)

        await self.database.write(write)
        self._tell(batch_id, call)

    async def hand_back(self, batch_id: BatchId, call: Call) -> None:
        """Return a call that never left the box to the queue."""
        await self.database.write(lambda db: calls.hand_back(db, call.id))
        self._tell(batch_id, call)

    async def hand_back_and_pause(self, batch_id: BatchId, call: Call, reason: str) -> None:
        """Return a call to the queue and pause its batch: the next one would fare no better."""
        now = self.clock.now()

        async def write(db: aiosqlite.Connection) -> None:
            await calls.hand_back(db, call.id)
            if (await batches.get(db, batch_id)).state is BatchState.RUNNING:
                await batches.set_state(db, batch_id, BatchState.PAUSED, now, reason)

        await self.database.write(write)
        self._tell(batch_id, call)

    async def recover(self) -> int:
        """Settle the calls that a stopped box left behind; returns how many there were.

        A call that may have rung reads `unknown_after_restart` and is not placed again.
        """
        async with self.database.reading() as db:
            left = await calls.live(db)
        for batch_id, call in left:
            if call.state is CallState.PREPARING:
                await self.hand_back(batch_id, call)
            else:
                await self.end(
                    batch_id,
                    call,
                    without_conversation(
                        call, Disposition.UNKNOWN_AFTER_RESTART, "the box stopped during the call"
                    ),
                )
        return len(left)

    def _tell(self, batch_id: BatchId, call: Call) -> None:
        self.broadcast.publish(Change(batch_id, call.id))
        self.webhooks.wake()


def without_conversation(call: Call, disposition: Disposition, sip_reason: str) -> CallResult:
    """The result of a call in which nobody spoke."""
    return CallResult(
        disposition=disposition,
        outcome=UNANSWERED_OUTCOMES[disposition],
        summary=summary_without_conversation(disposition, callee_name(call.variables)),
        collected={},
        sip_reason=sip_reason,
    )
