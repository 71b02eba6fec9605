"""The audio of a call that pyVoIP carries: 8 bits a sample, one clip at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import numpy as np

from movoice_box.domain.audio import FRAME_BYTES, LineClosed
from movoice_box.errors import TrunkError
from movoice_box.sip.pyvoip.wire import Kind, Message

Item = TypeVar("Item")

_KEPT_DIGITS = 32
_KEPT_FRAMES = 50


class PyvoipAudio:
    """Implements `domain.audio.CallAudio` over the host's messages."""

    def __init__(self, call: int, order: Callable[[Message], None]) -> None:
        self._call = call
        self._order = order
        self._playing = asyncio.Lock()
        self._has_played: asyncio.Future[None] | None = None
        self._digits: asyncio.Queue[str | None] = asyncio.Queue(_KEPT_DIGITS)
        self._readers: set[asyncio.Queue[bytes | None]] = set()
        self._is_closed = False

    async def play(self, pcm: bytes) -> None:
        """Play `pcm` after what is being played; see `AudioSink`. Raises `LineClosed`."""
        async with self._playing:
            if self._is_closed:
                raise LineClosed
            if not pcm:
                return
            self._has_played = asyncio.get_running_loop().create_future()
            self._order(Message(Kind.PLAY, self._call, _to_8_bits(pcm)))
            try:
                await self._has_played
            except asyncio.CancelledError:
                self._order(Message(Kind.STOP, self._call))
                raise
            finally:
                self._has_played = None

    async def send_digits(self, digits: str) -> None:
        """Always raises `TrunkError`: pyVoIP cannot send key presses."""
        raise TrunkError(f"pyVoIP cannot send the digits '{digits}': use the native driver")

    async def next_digit(self) -> str:
        """Wait for the next key press. Raises `LineClosed`."""
        if (digit := await self._digits.get()) is None:
            _put(self._digits, None)  # for whoever asks next
            raise LineClosed
        return digit

    async def frames(self) -> AsyncIterator[bytes]:
        """20 ms PCM frames, of which pyVoIP leaves the upper 8 bits; see `AudioSource`."""
        if self._is_closed:
            return
        reader: asyncio.Queue[bytes | None] = asyncio.Queue(_KEPT_FRAMES)
        self._readers.add(reader)
        self._order(Message(Kind.LISTEN, self._call))
        try:
            while (frame := await reader.get()) is not None:
                yield frame
        finally:
            self._readers.discard(reader)

    def on_report(self, report: Message) -> None:
        match report.kind:
            case Kind.PLAYED if self._has_played and not self._has_played.done():
                self._has_played.set_result(None)
            case Kind.DIGIT:
                _put(self._digits, report.body.decode())
            case Kind.HEARD:
                for reader in self._readers:
                    _put(reader, _to_16_bits(report.body))

    def close(self) -> None:
        """End every waiting call with `LineClosed`, and the frames."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._has_played and not self._has_played.done():
            self._has_played.set_exception(LineClosed())
        _put(self._digits, None)
        for reader in self._readers:
            _put(reader, None)


def _put(queue: asyncio.Queue[Item], item: Item) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)


def _to_8_bits(pcm: bytes) -> bytes:
    """Unsigned 8-bit samples in whole frames."""
    whole = np.frombuffer(pcm + bytes(-len(pcm) % FRAME_BYTES), dtype="<i2")
    return ((whole >> 8) + 128).astype(np.uint8).tobytes()


def _to_16_bits(samples: bytes) -> bytes:
    return ((np.frombuffer(samples, dtype=np.uint8).astype("<i2") - 128) << 8).tobytes()
