"""Two calls joined in the box: what is heard on one is played on the other."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from movoice_box.domain.audio import CallAudio, LineClosed
from movoice_box.errors import TrunkError
from movoice_box.rtp.tone_plan import INDIAN_RINGBACK
from movoice_box.rtp.tones import progress_tone

_MOST_WAITING = 3  # frames; where a side falls behind, what is oldest is lost, not the pace

logger = logging.getLogger(__name__)


async def ring_back(audio: CallAudio) -> None:
    """Play what a caller hears while the other phone rings, until cancelled or the line closes."""
    ringing = progress_tone(INDIAN_RINGBACK)
    with suppress(LineClosed):
        while True:
            await audio.play(ringing)


async def bridge(one: CallAudio, other: CallAudio) -> None:
    """Carry audio and key presses both ways until either line closes; the delay is a frame.

    Nobody else may play on the two lines meanwhile.
    """
    ways = (_Way(one, other), _Way(other, one))
    async with asyncio.TaskGroup() as group:
        carrying = [
            group.create_task(_until_closed(work()), name="bridge")
            for way in ways
            for work in (way.hear, way.play, way.pass_keys)
        ]
        await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
        for task in carrying:
            task.cancel()


class _Way:
    """From one call to the other."""

    def __init__(self, source: CallAudio, sink: CallAudio) -> None:
        self._source = source
        self._sink = sink
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._has_more = asyncio.Event()

    async def hear(self) -> None:
        async for frame in self._source.frames():
            self._waiting.append(frame)
            self._has_more.set()

    async def play(self) -> None:
        while True:
            await self._has_more.wait()
            self._has_more.clear()
            frames = b"".join(self._waiting)
            self._waiting.clear()
            await self._sink.play(frames)

    async def pass_keys(self) -> None:
        while True:
            digit = await self._source.next_digit()
            try:
                await self._sink.send_digits(digit)
            except TrunkError as error:  # two people who talk can do without the key
                logger.info("a key press was not passed on: %s", error.message)


async def _until_closed(work: Coroutine[Any, Any, None]) -> None:
    with suppress(LineClosed):
        await work
