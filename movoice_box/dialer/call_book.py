"""The book of calls: each step is on disk, and each end with its webhook and its batch."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiosqlite

from movoice_box.clock import Clock
from movoice_box.dialer.broadcast import Broadcast, Change
from movoice_box.dialer.completion import end_call
from movoice_box.dialer.webhooks import WebhookSender
from movoice_box.domain.batch import Batch, BatchState, SkipReason
from movoice_box.domain.call import (
    HUNG_UP,
    UNANSWERED_OUTCOMES,
    Call,
    CallResult,
    CallState,
    Disposition,
)
from movoice_box.domain.summary import callee_name, summary_without_conversation
from movoice_box.ids import BatchId, CallId, IdFactory
from movoice_box.store import batches, call_queue, calls
from movoice_box.store.database import Database


@dataclass(frozen=True, slots=True)
class CallBook:
    """Writes down what happens to calls, and tells whoever watches.

    What it is told is not lost: it waits for a disk that is full, however long that takes.
    """

    database: Database
    clock: Clock
    ids: IdFactory
    broadcast: Broadcast
    webhooks: WebhookSender
    _starts: dict[CallId, tuple[datetime, float]] = field(default_factory=dict, init=False)

    def moment_of(self, call_id: CallId) -> datetime:
        """Now, in the record of a call: its first moment there, and the seconds since.

        The machine's clock may be set while the call is up: its ring and its talk last as long as
        they did.
        """
        monotonic = self.clock.monotonic()
        start, started = self._starts.setdefault(call_id, (self.clock.now(), monotonic))
        return start + timedelta(seconds=monotonic - started)

    async def progress(self, batch_id: BatchId, call: Call, state: CallState) -> None:
        at = self.moment_of(call.id)
        await self.database.keep(lambda db: calls.progress(db, call.id, state, at))
        self.broadcast.publish(Change(batch_id, call.id))

    async def end(
        self,
        batch_id: BatchId,
        call: Call,
        result: CallResult,
        skipped: tuple[SkipReason, str] | None = None,
    ) -> None:
        """End a call once: a second end changes nothing and sends nothing."""
        now, ended_at = self.clock.now(), self.moment_of(call.id)

        await self.database.keep(
            lambda db: end_call(
                db, batch_id, call, result, self.ids, now, skipped, ended_at=ended_at
            )
        )
        self._close(batch_id, call)

    async def hand_back(self, batch_id: BatchId, call: Call, problem: str | None = None) -> None:
        """Return a call that rang nobody to the queue; where its batch is canceled, end it.

        With a `problem` the batch is paused, for the next call would fare no better; a call asked
        for by itself fails with it.
        """
        now = self.clock.now()

        async def write(db: aiosqlite.Connection) -> None:
            batch = await batches.get(db, batch_id)
            if batch.state is BatchState.CANCELED:
                result = not_dialed(call)
                await end_call(db, batch_id, call, result, self.ids, now)
            elif problem and batch.is_single:
                result = without_conversation(call, Disposition.FAILED, problem)
                await end_call(db, batch_id, call, result, self.ids, now)
            else:
                await call_queue.hand_back(db, call.id)
                if problem:
                    await _pause(db, batch, now, problem)

        await self.database.keep(write)
        self._close(batch_id, call)

    async def pause(self, batch_id: BatchId, reason: str) -> None:
        """Pause a running batch on the box's own account; nothing for one in another state."""
        now = self.clock.now()

        async def write(db: aiosqlite.Connection) -> None:
            await _pause(db, await batches.get(db, batch_id), now, reason)

        await self.database.keep(write)
        self.broadcast.publish(Change(batch_id))

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

    def _close(self, batch_id: BatchId, call: Call) -> None:
        self._starts.pop(call.id, None)
        self.broadcast.publish(Change(batch_id, call.id))
        self.webhooks.wake()


async def _pause(db: aiosqlite.Connection, batch: Batch, now: datetime, reason: str) -> None:
    if batch.state is BatchState.RUNNING:
        await batches.set_state(db, batch.id, BatchState.PAUSED, now, reason)


def not_dialed(call: Call) -> CallResult:
    return without_conversation(call, Disposition.CANCELED, "canceled before the dial")


def without_conversation(call: Call, disposition: Disposition, sip_reason: str) -> CallResult:
    """The result of a call in which nobody spoke."""
    return CallResult(
        disposition=disposition,
        outcome=UNANSWERED_OUTCOMES.get(disposition, HUNG_UP),
        summary=summary_without_conversation(disposition, callee_name(call.variables)),
        collected={},
        sip_reason=sip_reason,
    )
