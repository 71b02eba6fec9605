"""Recordings: stereo WAV, 8 kHz 16 bits, callee on the left and agent on the right."""

import asyncio
import logging
import struct
import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.domain.media import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

_CHANNELS = 2
_SAMPLE_BYTES = 2
_MOMENT_BYTES = _CHANNELS * FRAME_BYTES
_WRITE_EVERY_S = 1.0
_MOST_PENDING = 30 * 50  # frames, 30 s: what a disk may stall before sound is lost
_MOST_SENT = 10 * FRAME_BYTES
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class Moment(NamedTuple):
    """A frame of PCM of both sides; empty for silence."""

    heard: bytes
    sent: bytes


_SILENCE = Moment(b"", b"")


class Chunk(NamedTuple):
    """Neighbouring moments; `position` counts those before them, written or not."""

    position: int
    moments: list[Moment]


class Recording:
    """One file. What a stalled disk did not take in time is a hole in it, which is silence."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: deque[Moment] = deque()
        self._sent = b""  # what has left since the last moment, or is leaving in one packet
        self._position = 0  # of the first one pending
        self._written = 0  # moments that the header counts
        self._has_failed = False
        self._lock = threading.Lock()

    def add_sent(self, pcm: bytes) -> None:
        """A packet of so much sound leaves; it is heard from the next moment on."""
        self._sent = (self._sent + pcm)[-_MOST_SENT:]

    def add(self, heard: bytes, skipped: int = 0) -> None:
        """Take the sound of 20 ms, so many times 20 ms after the last. Never blocks."""
        sent, self._sent = self._sent[:FRAME_BYTES], self._sent[FRAME_BYTES:]
        sent = sent.rjust(FRAME_BYTES, b"\0")  # where packets are no whole frames, that is once
        self._pending.extend([_SILENCE] * min(skipped, _MOST_PENDING))
        self._pending.append(Moment(heard, sent))
        while len(self._pending) > _MOST_PENDING:
            self._pending.popleft()
            self._position += 1

    def take(self) -> Chunk:
        """What is pending, to be given to `write`."""
        chunk = Chunk(self._position, list(self._pending))
        self._position += len(self._pending)
        self._pending.clear()
        return chunk

    def write(self, chunk: Chunk) -> None:
        """Put `chunk` in its place, in any order of chunks. Blocks; for a worker thread."""
        with self._lock:
            try:
                if not self._has_failed:
                    self._write(chunk)
            except OSError as error:
                self._has_failed = True
                logger.error(
                    "a recording stopped: %s", error.strerror, extra={"path": str(self.path)}
                )

    def _write(self, chunk: Chunk) -> None:
        """Sound first, then the header that counts it: at any moment the file can be played."""
        if self._written == 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(_header(0))
        left = _pcm(moment.heard for moment in chunk.moments)
        right = _pcm(moment.sent for moment in chunk.moments)
        with self.path.open("r+b") as file:
            file.seek(_HEADER.size + chunk.position * _MOMENT_BYTES)
            file.write(_interleave(left, right))
            file.flush()
            self._written = max(self._written, chunk.position + len(chunk.moments))
            file.seek(0)
            file.write(_header(self._written * _MOMENT_BYTES))


class Recorder:
    """Writes all recordings of the box in a worker thread, `write_every_s` seconds apart."""

    def __init__(self, write_every_s: float = _WRITE_EVERY_S) -> None:
        self._write_every_s = write_every_s
        self._recordings: set[Recording] = set()

    def start(self, path: Path) -> Recording:
        """Write to `path` until `finish`; it and its folders are made with the first sound."""
        recording = Recording(path)
        self._recordings.add(recording)
        return recording

    async def finish(self, recording: Recording) -> None:
        """Write what is pending; returns when the file is whole."""
        self._recordings.discard(recording)
        await asyncio.to_thread(recording.write, recording.take())

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(self._write_every_s)
            if self._recordings:
                due = [(recording, recording.take()) for recording in self._recordings]
                await asyncio.to_thread(_write_all, due)


def _write_all(due: list[tuple[Recording, Chunk]]) -> None:
    for recording, chunk in due:
        recording.write(chunk)


def _pcm(frames: Iterable[bytes]) -> bytes:
    return b"".join(frame.ljust(FRAME_BYTES, b"\0") for frame in frames)


def _interleave(left: bytes, right: bytes) -> bytes:
    pair = np.frombuffer(left, dtype="<i2"), np.frombuffer(right, dtype="<i2")
    return np.column_stack(pair).tobytes()


def _header(data_bytes: int) -> bytes:
    frame_bytes = _CHANNELS * _SAMPLE_BYTES
    return _HEADER.pack(
        b"RIFF",
        _HEADER.size - 8 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,  # PCM
        _CHANNELS,
        SAMPLE_RATE_HZ,
        SAMPLE_RATE_HZ * frame_bytes,
        frame_bytes,
        8 * _SAMPLE_BYTES,
        b"data",
        data_bytes,
    )
