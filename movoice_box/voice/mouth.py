"""Says texts on a call, with the speech made before it is needed."""

import logging
from collections.abc import Iterable

from movoice_box.domain.audio import BYTES_PER_SECOND, AudioSink
from movoice_box.errors import SpeechError
from movoice_box.voice.normalize.text import sentences, spoken_text
from movoice_box.voice.speech.tts import SpeechSynthesizer, Voice

_PAUSE = bytes(BYTES_PER_SECOND * 240 // 1000)  # after each sentence

logger = logging.getLogger(__name__)


class Mouth:
    """Synthesizes sentence by sentence: a sentence without variables is made once for all calls."""

    def __init__(self, speech: SpeechSynthesizer, voice: Voice) -> None:
        self._speech = speech
        self._voice = voice
        self._ready: dict[str, bytes] = {}

    async def prepare(self, texts: Iterable[str]) -> None:
        """Make the speech of `texts`. Raises `SpeechError`."""
        for sentence in self._sentences(texts):
            await self._spoken(sentence)

    async def prepare_ahead(self, current: Iterable[str], possible: Iterable[str]) -> None:
        """Make `possible` ready, the first first, and forget what neither list needs any more.

        One sentence at a time, so that no call crowds out another's. A failure is left to the
        moment when the sentence is needed.
        """
        wanted = (*current, *possible)
        needed = set(self._sentences(wanted))
        self._ready = {text: pcm for text, pcm in self._ready.items() if text in needed}
        try:
            await self.prepare(wanted)
        except SpeechError:
            logger.warning("speech could not be made ahead", exc_info=True)

    async def say(self, text: str, sink: AudioSink) -> None:
        """Play `text`; return when its last frame has left. Cancel to stop within one frame.

        Raises `LineClosed` and `SpeechError`.
        """
        for sentence in self._sentences((text,)):
            await sink.play(await self._spoken(sentence) + _PAUSE)

    async def _spoken(self, sentence: str) -> bytes:
        if (pcm := self._ready.get(sentence)) is None:
            pcm = await self._speech.synthesize(sentence, self._voice)
            self._ready[sentence] = pcm
        return pcm

    def _sentences(self, texts: Iterable[str]) -> list[str]:
        return [
            sentence
            for text in texts
            for sentence in sentences(spoken_text(text, self._voice.language))
        ]
