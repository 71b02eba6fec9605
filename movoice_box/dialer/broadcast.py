"""News of calls and batches for whoever watches now; nobody watching costs nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from movoice_box.ids import BatchId, CallId

_BACKLOG = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """Something changed in `batch_id`, and in the call `call_id` where one is named.

    `detail` is a fresh transcript line where that is the news. Read the store for the rest.
    """

    batch_id: BatchId
    call_id: CallId | None = None
    detail: str | None = None


class Broadcast:
    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[Change | None]] = set()

    def publish(self, change: Change) -> None:
        """Tell every watcher; one that is too slow loses its oldest news, never holds us up."""
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(change)

    def close(self) -> None:
        """End every watch, so that open streams let the box stop."""
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def watch(self) -> AsyncIterator[Change]:
        """Every change from now on, until the box stops."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(_BACKLOG)
        self._watchers.add(queue)
        try:
            while (change := await queue.get()) is not None:
                yield change
        finally:
            self._watchers.discard(queue)

    async def gathered(self, pause_s: float, quiet_s: float) -> AsyncIterator[list[Change]]:
        """Changes by the handful, at most one handful every `pause_s`, until the box stops.

        Empty ones come at once, when nothing can be missed any more, and after each `quiet_s`
        without a change, so that a watcher who is gone is noticed.
        """
        queue: asyncio.Queue[Change | None] = asyncio.Queue(_BACKLOG)
        self._watchers.add(queue)
        try:
            handful: list[Change | None] = []
            while None not in handful:
                yield [change for change in handful if change]
                handful = []
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(quiet_s):
                        handful.append(await queue.get())
                    await asyncio.sleep(pause_s)
                    while not queue.empty():
                        handful.append(queue.get_nowait())
        finally:
            self._watchers.discard(queue)
