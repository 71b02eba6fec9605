"""Speech by espeak-ng in a process of its own: no crash or pause of the library reaches a call."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import movoice_box
from movoice_box.errors import SpeechError
from movoice_box.voice.speech.espeak_voices import EspeakVoice, nearest_voice
from movoice_box.voice.speech.espeak_worker import ANSWER_HEADER, ERROR, REQUEST_HEADER
from movoice_box.voice.speech.phone_audio import PROCESSING
from movoice_box.voice.speech.tts import Voice

LIBRARY = "libespeak-ng.so.1"
_WORKER = "movoice_box.voice.speech.espeak_worker"
_START_TIMEOUT_S = 30.0  # a cold disk and a busy machine
_SPEAK_TIMEOUT_S = 5.0  # a sentence takes about 20 ms
_STOP_TIMEOUT_S = 2.0
_NO_ERROR = (None, None, None)

logger = logging.getLogger(__name__)


class _WorkerLost(Exception):
    """The worker process ended or stopped answering."""


@dataclass(slots=True)
class _Worker:
    """One running worker process; its answers come in the order of the requests."""

    process: asyncio.subprocess.Process
    requests: asyncio.StreamWriter
    answers: asyncio.StreamReader
    version: str = ""
    voices: tuple[EspeakVoice, ...] = ()

    @classmethod
    async def start(cls, library: str) -> Self:
        """Raises `SpeechError` when espeak-ng is not installed, `_WorkerLost`."""
        package_root = str(Path(movoice_box.__file__).parents[1])
        search_path = filter(None, (package_root, os.environ.get("PYTHONPATH")))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _WORKER, library),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(search_path)},
        )
        if process.stdin is None or process.stdout is None:
            raise _WorkerLost("has no pipes")
        worker = cls(process, process.stdin, process.stdout)
        try:
            hello = json.loads(await worker._answer(_START_TIMEOUT_S))
        except BaseException as error:
            await worker.stop()
            if isinstance(error, SpeechError):
                raise SpeechError(
                    f"espeak-ng does not start ({error}): apt install libespeak-ng1 espeak-ng-data"
                ) from None
            raise
        worker.version = hello["version"]
        worker.voices = tuple(
            EspeakVoice(item["identifier"], item["name"], tuple(map(tuple, item["languages"])))
            for item in hello["voices"]
        )
        return worker

    async def speak(self, text: str, voice: Voice) -> bytes:
        """Raises `SpeechError` when the engine refuses, `_WorkerLost`."""
        request = {
            "text": text,
            "voice": nearest_voice(voice.language, self.voices).identifier,
            "words_per_minute": voice.words_per_minute,
        }
        payload = json.dumps(request).encode()
        try:
            self.requests.write(REQUEST_HEADER.pack(len(payload)) + payload)
            await self.requests.drain()
        except ConnectionError as error:
            raise _WorkerLost(f"cannot be asked: {error}") from error
        return await self._answer(_SPEAK_TIMEOUT_S)

    async def stop(self) -> None:
        """End the process by closing its input; kill it when that does not help."""
        self.requests.close()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    async def _answer(self, timeout_s: float) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                header = await self.answers.readexactly(ANSWER_HEADER.size)
                kind, length = ANSWER_HEADER.unpack(header)
                payload = await self.answers.readexactly(length)
        except asyncio.IncompleteReadError:
            raise _WorkerLost("ended") from None
        except TimeoutError:
            self.process.kill()
            raise _WorkerLost(f"did not answer within {timeout_s:.0f} s") from None
        if kind == ERROR:
            raise SpeechError(payload.decode())
        return payload


@dataclass(slots=True, eq=False)
class _Request:
    text: str
    voice: Voice
    done: asyncio.Future[bytes] = field(default_factory=asyncio.Future)
    waiting: int = 0  # callers; a request that all have left is not made


class EspeakSynthesizer:
    """Usable inside `async with`; the worker starts with the first request and ends with the block.

    Requests are served in the order they came; the same text asked by many is made once.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        self._library = library
        self._worker: _Worker | None = None
        self._worker_in_use = asyncio.Lock()
        self._requests: dict[tuple[str, Voice], _Request] = {}
        self._queue: asyncio.Queue[_Request] = asyncio.Queue()
        self._tasks = asyncio.TaskGroup()
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._serving = self._tasks.create_task(self._serve(), name="espeak")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._serving:
            self._serving.cancel()
        is_cancel = isinstance(error, asyncio.CancelledError)  # others are not the group's to wrap
        try:
            await self._tasks.__aexit__(*((kind, error, traceback) if is_cancel else _NO_ERROR))
        finally:
            for request in self._requests.values():
                _fail(request, SpeechError("espeak-ng was stopped"))
            await self._drop_worker()

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        key = (text, voice)
        if (request := self._requests.get(key)) is None:
            self._requests[key] = request = _Request(text, voice)
            self._queue.put_nowait(request)
        request.waiting += 1
        try:
            return await asyncio.shield(request.done)
        finally:
            request.waiting -= 1

    async def identity(self) -> str:
        """The engine with its version and our processing: what two equal texts sound equal by."""
        async with self._worker_in_use:
            return f"espeak-ng {(await self._running_worker()).version} {PROCESSING}"

    async def voices(self) -> tuple[EspeakVoice, ...]:
        """Every voice that the library lists. Raises `SpeechError`."""
        async with self._worker_in_use:
            return (await self._running_worker()).voices

    async def describe(self, languages: Iterable[str]) -> str:
        """One line: the version and who speaks each language. Raises `SpeechError`."""
        async with self._worker_in_use:
            worker = await self._running_worker()
        spoken = (f"{tag} by {nearest_voice(tag, worker.voices).name}" for tag in languages)
        return f"espeak-ng {worker.version}: {', '.join(spoken)}"

    async def _serve(self) -> None:
        while True:
            request = await self._queue.get()
            try:
                if request.waiting:
                    async with self._worker_in_use:
                        request.done.set_result(await self._speak(request.text, request.voice))
                else:
                    request.done.cancel()
            except SpeechError as error:
                _fail(request, error)
            finally:
                if request.done.done():
                    del self._requests[request.text, request.voice]

    async def _speak(self, text: str, voice: Voice) -> bytes:
        for _ in range(2):
            try:
                return await (await self._running_worker()).speak(text, voice)
            except _WorkerLost as error:
                logger.warning("espeak-ng is started again: its worker %s", error)
                await self._drop_worker()
        raise SpeechError(f"espeak-ng failed twice on the text '{text[:80]}'")

    async def _running_worker(self) -> _Worker:
        if self._worker is None:
            try:
                self._worker = await _Worker.start(self._library)
            except _WorkerLost as error:
                raise SpeechError(f"espeak-ng does not start: its worker {error}") from error
        return self._worker

    async def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker:
            await worker.stop()


def _fail(request: _Request, error: SpeechError) -> None:
    request.done.set_exception(error)
    request.done.exception()  # marks it as seen, although every caller may have left
