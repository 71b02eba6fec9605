"""What a text-to-speech engine does for a conversation."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Voice:
    """`language` is a BCP 47 tag such as en-IN; `words_per_minute` from 80 to 300."""

    language: str
    words_per_minute: int = 150


class SpeechSynthesizer(Protocol):
    async def synthesize(self, text: str, voice: Voice) -> bytes:
        """Speak `text`, as normalized for the language, as 8 kHz 16-bit mono PCM.

        Raises `SpeechError` when the engine is missing or fails.
        """
        ...
