"""News of calls and batches for whoever watches now; nobody watching costs nothing."""

import asyncio
import contextlib
from collections import deque
import contextlib
from collections.abc import AsyncIterator, Iterator
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


class Watch:
    """What one watcher has yet to see; the oldest is lost where they are too slow."""

    def __init__(self) -> None:
        self._news: deque[Change] = deque(maxlen=_BACKLOG)
        self._stirred = asyncio.Event()
        self._is_over = False

    def tell(self, change: Change) -> None:
        self._news.append(change)
        self._stirred.set()

    def end(self) -> None:
        self._is_over = True
        self._stirred.set()

    async def changes(self, timeout_s: float | None = None) -> list[Change] | None:
        """All that is new, waiting for the first; [] where none came in time, None at the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._stirred.wait()
        if not self._is_over:
            self._stirred.clear()
        elif not self._news:
            return None
        changes = list(self._news)
        self._news.clear()
        return changes


class Broadcast:
    def __init__(self) -> None:
        self._watches: set[Watch] = set()

    def publish(self, change: Change) -> None:
        """Tell every watcher; a slow one never holds us up."""
        for watch in self._watches:
            watch.tell(change)

    def close(self) -> None:
        """End every watch, so that open streams let the box stop."""
        for watch in self._watches:
            watch.end()

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watch]:
        """Collect every change from now on."""
        watch = Watch()
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def watch(self) -> AsyncIterator[Change]:
        """Every change from now on, until the box stops."""
        with self.watching() as watch:
            while (changes := await watch.changes()) is not None:
                for change in changes:
                    yield change

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
