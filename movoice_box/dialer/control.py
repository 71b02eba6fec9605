"""What an owner does to a batch, pause, resume, cancel; and to a call, end it, hand it over."""

from collections.abc import Callable, Iterable

import aiosqlite

from movoice_box.clock import Clock
from movoice_box.dialer.broadcast import Broadcast, Change
from movoice_box.dialer.call_book import not_dialed
from movoice_box.dialer.completion import complete_if_drained, end_call
from movoice_box.dialer.live import LiveCalls
from movoice_box.dialer.transfer import check_transfer
from movoice_box.domain.batch import ALLOWED_FROM, Batch, BatchState
from movoice_box.domain.call import Call, CallState
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import ConflictError
from movoice_box.ids import IdFactory
from movoice_box.store import batches, calls
from movoice_box.store.database import Database


class BatchControl:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdFactory,
        broadcast: Broadcast,
        live: LiveCalls,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._broadcast = broadcast
        self._live = live
        self._wake = wake

    async def pause(self, batch_id: str) -> Batch:
        """Start no more calls; live ones finish. Raises `ConflictError` in another state."""
        return await self._move(batch_id, "pause", lambda _: BatchState.PAUSED)

    async def resume(self, batch_id: str) -> Batch:
        """Go on, or wait for the scheduled time where that is still ahead."""
        return await self._move(
            batch_id,
            "resume",
            lambda batch: (
                BatchState.SCHEDULED
                if batch.schedule_at and batch.schedule_at > self._clock.now()
                else BatchState.RUNNING
            ),
        )

    async def cancel(self, batch_id: str, *, end_talking: bool) -> Batch:
        """Call nobody else and end ringing calls with CANCEL; with `end_talking`, BYE the others.

        Returns as soon as the batch is canceled on disk; the calls end within seconds.
        """
        batch = await self._move(batch_id, "cancel", lambda _: BatchState.CANCELED)
        self._live.end_batch(batch.id, end_talking=end_talking)
        return batch

    async def end_call(self, call_id: str) -> Call:
        """End one call: CANCEL while it rings, BYE while they talk; one that waits is not placed.

        Returns the call as it is now; one that is up ends within 2 s. Raises `NotFoundError`, and
        `ConflictError` when it has ended.
        """
        now = self._clock.now()

        async def end(db: aiosqlite.Connection) -> Call:
            batch_id, call = await calls.batch_of(db, call_id), await calls.get(db, call_id)
            is_up = self._live.end_call(call.id)
            if call.state in (CallState.QUEUED, CallState.PREPARING):
                await end_call(db, batch_id, call, not_dialed(call), self._ids, now)
                self._broadcast.publish(Change(batch_id, call.id))
            elif not is_up:
                raise ConflictError(
                    f"call {call.id} is {call.state}: only a call that waits or is up can be ended",
                    code="call_state",
                    field="state",
                )
            return await calls.get(db, call_id)

        call = await self._database.write(end)
        self._wake()
        return call

    async def transfer_call(self, call_id: str, to: PhoneNumber) -> Call:
        """Stop the agent and hand the callee over to `to`; returns before anyone has answered.

        Raises `NotFoundError`, `InputError` for a number that may not be rung, and `ConflictError`
        unless agent and callee are talking.
        """
        async with self._database.reading() as db:
            call = await calls.get(db, call_id)
            await check_transfer(db, call, to)
        if not self._live.transfer_call(call.id, to):
            raise ConflictError(
                f"call {call.id} cannot be transferred: agent and callee are not talking",
                code="call_state",
                field="state",
            )
        return call

    async def _move(
        self, batch_id: str, action: str, target: Callable[[Batch], BatchState]
    ) -> Batch:
        now = self._clock.now()

        async def move(db: aiosqlite.Connection) -> Batch:
            batch = await batches.get(db, batch_id)
            if batch.state not in ALLOWED_FROM[action]:
                raise ConflictError(
                    f"cannot {action} a batch that is {batch.state}: "
                    f"it must be {_or(ALLOWED_FROM[action])}",
                    code="batch_state",
                    field="state",
                )
            await batches.set_state(db, batch.id, target(batch), now)
            if action == "cancel":
                await batches.cancel_queued(db, batch.id)
                for call in await calls.waiting(db, batch.id):
                    await end_call(db, batch.id, call, not_dialed(call), self._ids, now)
            await complete_if_drained(db, batch.id, self._ids, now)
            return await batches.get(db, batch_id)

        batch = await self._database.write(move)
        self._broadcast.publish(Change(batch.id))
        self._wake()
        return batch


def _or(states: Iterable[BatchState]) -> str:
    return " or ".join(sorted(states))
