"""One conversation over the two audio ends of a call: speak, listen, stop when interrupted."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from movoice_box.clock import Clock
from movoice_box.domain.agent import Agent
from movoice_box.domain.audio import AudioSource, CallAudio, LineClosed
from movoice_box.domain.call import (
    COMPLETED,
    HUNG_UP,
    TIMED_OUT,
    UNANSWERED_OUTCOMES,
    Disposition,
    TranscriptLine,
)
from movoice_box.domain.template import fill
from movoice_box.errors import SpeechError
from movoice_box.voice.brain.brain import Brain, Heard, Key, Nothing, Turn
from movoice_box.voice.ears import Ears, KeypadEars
from movoice_box.voice.mouth import Mouth
from movoice_box.voice.normalize.text import spoken_text
from movoice_box.voice.speech.tts import SpeechSynthesizer, Voice

_BOUNCE_S = 0.4  # the same key again this soon is a slip of the finger, not the next answer
_MOST_UNHEARD = 16  # keys kept while the brain thinks
_LAST_WORDS_S = 0.2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The callee asked never to be called again; it is told the moment it happens."""


ConversationEvent = TranscriptLine | OptedOut


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationResult:
    outcome: str
    summary: str
    transcript: tuple[TranscriptLine, ...]
    collected: Mapping[str, str]
    opted_out: bool
    ended_by: Literal["agent", "callee"]
    transfer: str | None = None
    """Who is to take over now: a number or an extension as the owner wrote it."""


def first_words(agent: Agent, variables: Mapping[str, str]) -> str:
    """The greeting of one row as it will be spoken, numbers and dates in words."""
    return spoken_text(fill(agent.greeting, variables), agent.language)


def _ignore(_: ConversationEvent) -> None:
    pass


class Conversation:
    """Call `prepare` before the call is placed and `run` once when it was answered.

    `run` may be told to `stop`; after it the agent can still `add` a sentence.
    """

    def __init__(
        self,
        agent: Agent,
        brain: Brain,
        speech: SpeechSynthesizer,
        clock: Clock,
        ears: Callable[[AudioSource], Ears] = KeypadEars,
    ) -> None:
        self._brain = brain
        self._clock = clock
        self._max_duration_s = agent.max_duration_s
        self._mouth = Mouth(speech, Voice(agent.language, agent.words_per_minute))
        self._make_ears = ears
        self._turn = Turn(say=())
        self._is_prepared = False
        self._transcript: list[TranscriptLine] = []
        self._observe: Callable[[ConversationEvent], None] = _ignore
        self._heard: deque[tuple[int, Heard]] = deque(maxlen=_MOST_UNHEARD)
        self._last_heard: Heard | None = None
        self._last_heard_at = 0.0
        self._answered_at = 0.0
        self._line_closed = asyncio.Event()
        self._attention: asyncio.Timeout | None = None  # the exchange that hearing interrupts
        self._limit: asyncio.Timeout | None = None
        self._is_stopped = False

    async def prepare(self) -> None:
        """Synthesize the opening, so that nothing is left to do when the callee answers.

        Raises `SpeechError`: then the call should not be placed.
        """
        self._turn = await self._brain.open()
        await self._mouth.prepare(self._turn.say)
        self._is_prepared = True

    async def run(
        self, audio: CallAudio, observe: Callable[[ConversationEvent], None] = _ignore
    ) -> ConversationResult:
        """Talk until the script ends, the callee hangs up or the time is over.

        `observe` gets each event as it happens; it runs on the audio path, so it must return at
        once. The line is left open: ending the call is the caller's.
        """
        if not self._is_prepared:
            await self.prepare()
        self._observe = observe
        self._answered_at = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(self._make_ears(audio)), name="ears")
            ended_by, fallback = await self._talk_within_limits(audio, group)
            listening.cancel()
        outcome = self._turn.outcome or fallback
        is_whole = fallback == COMPLETED and not self._is_stopped
        return ConversationResult(
            outcome=outcome,
            summary=await self._brain.summarize(outcome),
            transcript=tuple(self._transcript),
            collected=self._turn.collected,
            opted_out=self._turn.opted_out,
            ended_by=ended_by,
            transfer=self._turn.transfer if is_whole else None,
        )

    def stop(self) -> None:
        """Make `run` return within a frame, with what was reached by now."""
        self._is_stopped = True
        if self._limit and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def add(self, text: str, audio: CallAudio) -> TranscriptLine:
        """Say one more sentence after `run`. Raises `LineClosed` and `SpeechError`."""
        line = TranscriptLine(self._elapsed_ms(), "agent", text)
        self._observe(line)
        await self._mouth.say(text, audio)
        return line

    async def _talk_within_limits(
        self, audio: CallAudio, group: asyncio.TaskGroup
    ) -> tuple[Literal["agent", "callee"], str]:
        """Who ended it, and the outcome where no answer set one."""
        try:
            async with asyncio.timeout(0 if self._is_stopped else self._max_duration_s) as limit:
                self._limit = limit
                await self._talk(audio, group)
        except LineClosed:
            return "callee", HUNG_UP
        except TimeoutError:
            return "agent", COMPLETED if self._is_stopped else TIMED_OUT
        except SpeechError:
            logger.exception("the agent lost its voice during a call")
            return "agent", UNANSWERED_OUTCOMES[Disposition.FAILED]
        finally:
            self._limit = None
        return "agent", COMPLETED

    async def _talk(self, audio: CallAudio, group: asyncio.TaskGroup) -> None:
        while True:
            ahead = group.create_task(
                self._mouth.prepare_ahead(self._turn.say, self._brain.may_say()),
                name="speech ahead",
            )
            try:
                at_ms, heard = await self._exchange(audio)
            finally:
                ahead.cancel()
            if self._turn.ends and isinstance(heard, Nothing):
                return
            was_opted_out = self._turn.opted_out
            self._turn = await self._brain.hear(heard)
            if self._turn.understood:
                self._tell(TranscriptLine(at_ms, "callee", self._turn.understood))
            if self._turn.opted_out and not was_opted_out:
                self._observe(OptedOut())

    async def _exchange(self, audio: CallAudio) -> tuple[int, Heard]:
        """Say the turn and wait for the callee; return what was heard, and when.

        Raises `LineClosed`.
        """
        if not self._heard and not self._line_closed.is_set():
            await self._say_and_wait(audio)
        if self._heard:
            return self._heard.popleft()
        if self._line_closed.is_set():
            raise LineClosed
        return self._elapsed_ms(), Nothing()

    async def _say_and_wait(self, audio: CallAudio) -> None:
        """Speak, then wait for an answer, until it is over or `_interrupt` is called."""
        try:
            async with asyncio.timeout(None) as attention:
                self._attention = attention
                try:
                    await self._say(audio)
                    await asyncio.sleep(0 if self._turn.ends else self._turn.wait_s)
                finally:
                    self._attention = None
        except TimeoutError:
            if not attention.expired():
                raise
        except LineClosed:  # a key pressed just before may still be on its way to the ears
            with suppress(TimeoutError):
                await asyncio.wait_for(self._line_closed.wait(), _LAST_WORDS_S)
            self._line_closed.set()

    async def _say(self, audio: CallAudio) -> None:
        for text in self._turn.say:
            self._tell(TranscriptLine(self._elapsed_ms(), "agent", text))
            await self._mouth.say(text, audio)

    async def _listen(self, ears: Ears) -> None:
        try:
            while True:
                self._on_heard(await ears.listen())
        except LineClosed:
            self._line_closed.set()
            self._interrupt()

    def _on_heard(self, heard: Heard) -> None:
        now = self._clock.monotonic()
        is_bounce = heard == self._last_heard and now - self._last_heard_at < _BOUNCE_S
        self._last_heard, self._last_heard_at = heard, now
        if is_bounce or (isinstance(heard, Key) and heard.key not in self._turn.keys):
            return
        self._heard.append((self._elapsed_ms(), heard))
        self._interrupt()

    def _interrupt(self) -> None:
        """Make the exchange look up now, whether it speaks or waits."""
        if self._attention and not self._attention.expired():
            self._attention.reschedule(asyncio.get_running_loop().time())

    def _tell(self, line: TranscriptLine) -> None:
        self._transcript.append(line)
        self._observe(line)

    def _elapsed_ms(self) -> int:
        return round((self._clock.monotonic() - self._answered_at) * 1000)
