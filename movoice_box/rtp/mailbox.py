"""A bounded queue between the tick, which never waits, and a task that reads."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from movoice_box.domain.audio import LineClosed

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Keeps the newest `size` items; older ones are dropped and counted."""

    def __init__(self, size: int) -> None:
        self.dropped = 0
        self._items: deque[Item] = deque(maxlen=size)
        self._changed = asyncio.Event()
        self._is_closed = False

    def put(self, item: Item) -> None:
        self.dropped += len(self._items) == self._items.maxlen
        self._items.append(item)
        self._changed.set()

    def close(self) -> None:
        """Let readers take what is left; then they get `LineClosed`."""
        self._is_closed = True
        self._changed.set()

    async def get(self) -> Item:
        """Wait for the oldest item and take it. Raises `LineClosed`."""
        while not self._items:
            if self._is_closed:
                raise LineClosed
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()
