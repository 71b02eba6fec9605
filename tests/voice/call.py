"""A conversation on a made-up line, in an event loop where waiting takes no time."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from movoice_box.domain.agent import Agent
from movoice_box.domain.audio import BYTES_PER_SECOND, FRAME_BYTES, LineClosed
from movoice_box.domain.call import TranscriptLine
from movoice_box.errors import SpeechError
from movoice_box.voice.brain.script import ScriptBrain
from movoice_box.voice.conversation import (
    Conversation,
    ConversationEvent,
    ConversationResult,
)
from movoice_box.voice.speech.tts import Voice

T = TypeVar("T")

ROW = {"name": "Rahul Sharma", "amount_due": "₹2500", "due_date": "April 25"}
SENTENCE_S = 1.0  # every sentence of `Speech`, whatever its length
PAUSE_S = 0.24  # what the agent leaves between two sentences
HANG_UP = "hang up"


class _WarpSelector(selectors.DefaultSelector):
    skip: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everything waits for something that will never happen")
            self.skip(timeout)
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer when there is nothing to do. Knows no threads or processes."""

    def __init__(self) -> None:
        self._now = 0.0
        selector = _WarpSelector()
        selector.skip = self._skip
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    def _skip(self, seconds: float) -> None:
        self._now += max(0.0, seconds)


class LoopClock:
    def now(self) -> datetime:
        return datetime(2026, 4, 20, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def warp(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(coroutine)


@dataclass
class Speech:
    """Takes `delay_s` a sentence; fails on sentences that contain `fails_on`."""

    delay_s: float = 0.0
    fails_on: str | None = None
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        self.asked.append((asyncio.get_running_loop().time(), text))
        await asyncio.sleep(self.delay_s)
        if self.fails_on and self.fails_on in text:
            raise SpeechError("no voice")
        return text.encode().ljust(round(SENTENCE_S * BYTES_PER_SECOND), b"\0")

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.asked]


@dataclass
class Played:
    text: str
    start_s: float
    end_s: float | None = None


class Line:
    """What the callee does is given by second: a key, or HANG_UP."""

    def __init__(self, *plan: tuple[float, str]) -> None:
        self._plan = plan
        self._digits: asyncio.Queue[str | None] = asyncio.Queue()
        self._closed = asyncio.Event()
        self.played: list[Played] = []

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for second, action in self._plan:
            loop.call_at(start + second, self._act, action)

    def _act(self, action: str) -> None:
        if action == HANG_UP:
            self._closed.set()
            self._digits.put_nowait(None)
        else:
            self._digits.put_nowait(action)

    async def play(self, pcm: bytes) -> None:
        assert len(pcm) % FRAME_BYTES == 0
        loop = asyncio.get_running_loop()
        played = Played(pcm.rstrip(b"\0").decode(), loop.time())
        self.played.append(played)
        try:
            async with asyncio.timeout(len(pcm) / BYTES_PER_SECOND):
                await self._closed.wait()
        except TimeoutError:
            return
        finally:
            played.end_s = loop.time()
        raise LineClosed

    async def next_digit(self) -> str:
        if (digit := await self._digits.get()) is None:
            self._digits.put_nowait(None)
            raise LineClosed
        return digit

    async def send_digits(self, digits: str) -> None:
        raise AssertionError("no conversation sends digits yet")

    def frames(self) -> AsyncIterator[bytes]:
        raise AssertionError("keypad ears do not listen to audio")

    @property
    def texts(self) -> list[str]:
        return [played.text for played in self.played]


@dataclass
class Call:
    """What was observed, with the second at which it was; `ended_s` counts from the answer."""

    ended_s: float
    result: ConversationResult
    line: Line
    speech: Speech
    events: list[tuple[float, ConversationEvent]]

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(line.speaker, line.text) for line in self.result.transcript]

    def lines_of(self, speaker: str) -> list[TranscriptLine]:
        return [line for line in self.result.transcript if line.speaker == speaker]


def a_call(
    *plan: tuple[float, str],
    agent: Agent | None = None,
    row: Mapping[str, str] = ROW,
    speech: Speech | None = None,
    line: Line | None = None,
) -> Call:
    """Run one conversation from its preparation to its end."""
    agent = agent or an_agent()
    line, voice = line or Line(*plan), speech or Speech()
    events: list[tuple[float, ConversationEvent]] = []

    async def run() -> Call:
        clock = LoopClock()
        conversation = Conversation(agent, ScriptBrain(agent, row), voice, clock)
        await conversation.prepare()
        line.begin()
        answered_s = clock.monotonic()
        result = await conversation.run(
            line, lambda event: events.append((clock.monotonic(), event))
        )
        return Call(clock.monotonic() - answered_s, result, line, voice, events)

    return warp(run())


def an_agent(**changes: object) -> Agent:
    """One sentence each: greeting, question, replies. Key 2 leads to a second question."""
    document: dict[str, object] = {
        "name": "Payment reminder",
        "greeting": "Hello {{name}}, {{amount_due}} is due.",
        "questions": [
            {
                "id": "pay",
                "ask": "Will you pay?",
                "reprompt": "Please press a key.",
                "answers": [
                    {
                        "keys": "1",
                        "label": "Yes",
                        "outcome": "CONFIRMED",
                        "summary": "{{name}} confirmed payment of {{amount_due}} by {{due_date}}.",
                        "reply": "Thank you {{name}}.",
                    },
                    {"keys": "2", "label": "Later", "outcome": "DELAYED", "next": "when"},
                    {"keys": "3", "label": "Ask again", "next": "pay", "reply": "Once more."},
                ],
            },
            {
                "id": "when",
                "ask": "In how many weeks?",
                "answers": [
                    {
                        "keys": "1234",
                        "label": "Weeks",
                        "collect": {"weeks": "{{key}}"},
                        "summary": "{{name}} pays in {{weeks}} weeks.",
                        "reply": "So {{key}} weeks.",
                    }
                ],
            },
        ],
        "outcomes": ["CONFIRMED", "DELAYED"],
        "opt_out": {"key": "9", "reply": "Never again."},
        "no_input": {
            "wait_s": 5,
            "reprompts": 2,
            "wrong_key": "Wrong key.",
            "goodbye": "Goodbye.",
        },
    }
    return Agent.from_document({**document, **changes})
