"""What turns the callee's audio into something a brain can understand."""

from typing import Protocol

from movoice_box.domain.audio import AudioSource
from movoice_box.voice.brain.brain import Heard, Key


class Ears(Protocol):
    async def listen(self) -> Heard:
        """Wait for the next thing the callee tells; never `Nothing`. Raises `LineClosed`."""
        ...


class KeypadEars:
    """Hears key presses and nothing else."""

    def __init__(self, audio: AudioSource) -> None:
        self._audio = audio

    async def listen(self) -> Heard:
        return Key(await self._audio.next_digit())
