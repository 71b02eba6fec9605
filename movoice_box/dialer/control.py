"""What an owner does to a batch while it lives: pause, resume, cancel."""

from collections.abc import Callable, Iterable

import aiosqlite

from movoice_box.clock import Clock
from movoice_box.dialer.broadcast import Broadcast, Change
from movoice_box.dialer.completion import complete_if_drained
from movoice_box.dialer.live import LiveCalls
from movoice_box.domain.batch import ALLOWED_FROM, Batch, BatchState
from movoice_box.errors import ConflictError
from movoice_box.ids import IdFactory
from movoice_box.store import batches
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
            await complete_if_drained(db, batch.id, self._ids, now)
            return await batches.get(db, batch_id)

        batch = await self._database.write(move)
        self._broadcast.publish(Change(batch.id))
        self._wake()
        return batch


def _or(states: Iterable[BatchState]) -> str:
    return " or ".join(sorted(states))
