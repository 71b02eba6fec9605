"""Speech that was made once is not made again: a cache in memory, and on disk across restarts."""

import asyncio
import hashlib
import json
import logging
import os
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from movoice_box.voice.speech.tts import SpeechSynthesizer, Voice

MEMORY_BYTES = 64 * 2**20  # over an hour of speech
DISK_BYTES = 512 * 2**20  # about nine hours
_KEEP = 0.9  # of the bound, after an eviction
_HEADER = struct.Struct("!II")  # CRC-32 and length of the PCM: a torn file is no speech
_SUFFIX = ".pcm"

logger = logging.getLogger(__name__)


class SpeechEngine(SpeechSynthesizer, Protocol):
    async def identity(self) -> str:
        """Name and version; two engines that sound different have different ones."""
        ...


class CachedSpeech:
    """A `SpeechSynthesizer` that asks `engine` only for what `folder` does not hold yet.

    The least recently used entries are dropped when a bound is passed. A disk that is full or
    read-only costs speed, never speech.
    """

    def __init__(
        self,
        engine: SpeechEngine,
        folder: Path,
        *,
        memory_bytes: int = MEMORY_BYTES,
        disk_bytes: int = DISK_BYTES,
    ) -> None:
        self._engine = engine
        self._disk = _Disk(folder, disk_bytes)
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_left = memory_bytes
        self._identity: str | None = None

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        if self._identity is None:
            self._identity = await self._engine.identity()
        key = _key(self._identity, text, voice)
        if (pcm := self._memory.get(key)) is not None:
            self._memory.move_to_end(key)
            return pcm
        if (pcm := await asyncio.to_thread(self._disk.read, key)) is None:
            pcm = await self._engine.synthesize(text, voice)
            await asyncio.to_thread(self._disk.write, key, pcm)
        self._remember(key, pcm)
        return pcm

    def _remember(self, key: str, pcm: bytes) -> None:
        self._memory_left += len(self._memory.pop(key, b"")) - len(pcm)
        self._memory[key] = pcm
        while self._memory_left < 0:
            _, oldest = self._memory.popitem(last=False)
            self._memory_left += len(oldest)


def _key(identity: str, text: str, voice: Voice) -> str:
    parts = (identity, voice.language, voice.words_per_minute, text)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class _Disk:
    """Files named by key. Its methods block: they are called in threads."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._size_bytes: int | None = None  # unknown until the first write
        self._writing = threading.Lock()
        self._has_warned = False

    def read(self, key: str) -> bytes | None:
        file = self._folder / f"{key}{_SUFFIX}"
        try:
            data = file.read_bytes()
            os.utime(file)  # used now: evicted later
        except OSError:
            return None
        crc, length = _HEADER.unpack_from(data) if len(data) >= _HEADER.size else (0, -1)
        pcm = data[_HEADER.size :]
        return pcm if len(pcm) == length and zlib.crc32(pcm) == crc else None

    def write(self, key: str, pcm: bytes) -> None:
        """Write whole or not at all: readers never see a part of a file."""
        with self._writing:
            try:
                self._make_room(_HEADER.size + len(pcm))
                temporary = self._folder / f"{key}.tmp"
                temporary.write_bytes(_HEADER.pack(zlib.crc32(pcm), len(pcm)) + pcm)
                temporary.replace(self._folder / f"{key}{_SUFFIX}")
            except OSError as error:
                if not self._has_warned:
                    logger.warning("speech is not cached on disk: %s", error)
                self._has_warned = True

    def _make_room(self, needed_bytes: int) -> None:
        if self._size_bytes is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._size_bytes = sum(size for _, size, _ in self._entries())
        self._size_bytes += needed_bytes
        if self._size_bytes <= self._limit_bytes:
            return
        self._size_bytes = needed_bytes
        for _, size, file in sorted(self._entries(), reverse=True):  # the latest used first
            if self._size_bytes + size <= self._limit_bytes * _KEEP:
                self._size_bytes += size
            else:
                file.unlink(missing_ok=True)

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        for file in self._folder.iterdir():
            status = file.stat()
            yield status.st_mtime, status.st_size, file
