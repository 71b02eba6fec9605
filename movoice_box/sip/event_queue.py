"""What happens in one call, kept until the dialer asks for it."""

import asyncio
from collections import deque

from movoice_box.sip.trunk import DialogEvent, EarlyMedia, Ended, KeyPressed, MediaChanged

_MOST_KEYS = 100  # waiting: the peer must not fill our memory


class EventQueue:
    """Events in order; `Ended` is the last, and comes again to whoever asks again."""

    def __init__(self) -> None:
        self._events: deque[DialogEvent] = deque()
        self._has_event = asyncio.Event()
        self._has_ended = asyncio.Event()

    def put(self, event: DialogEvent) -> None:
        latest = self._events[-1] if self._events else None
        if isinstance(event, MediaChanged | EarlyMedia) and type(latest) is type(event):
            self._events.pop()  # only the newest matters
        if isinstance(event, KeyPressed) and len(self._events) >= _MOST_KEYS:
            return
        self._events.append(event)
        self._has_event.set()
        if isinstance(event, Ended):
            self._has_ended.set()

    async def next(self) -> DialogEvent:
        while not self._events:
            self._has_event.clear()
            await self._has_event.wait()
        if isinstance(self._events[0], Ended):
            return self._events[0]
        return self._events.popleft()

    async def ended(self) -> None:
        """Wait until `Ended` was put."""
        await self._has_ended.wait()
