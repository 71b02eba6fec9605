"""The two audio ends of a call, as the conversation sees them.

All PCM in the box is signed 16-bit little-endian mono at 8 kHz; a frame is 20 ms, 320 bytes.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from movoice_box.domain.media import SAMPLES_PER_FRAME

FRAME_BYTES = 2 * SAMPLES_PER_FRAME
BYTES_PER_SECOND = FRAME_BYTES * 50


class LineClosed(Exception):
    """The call has ended; nothing more is heard or played."""


class AudioSink(Protocol):
    """Towards the callee. Silence is sent whenever nothing is being played."""

    async def play(self, pcm: bytes) -> None:
        """Play `pcm` and return when its last frame has left; cancel to stop within one frame.

        Raises `LineClosed` when the call ends first.
        """
        ...

    async def send_digits(self, digits: str) -> None:
        """Send key presses, as the line takes them.

        Raises `LineClosed`, and `TrunkError` where the far end takes none; the call goes on then.
        """
        ...


class AudioSource(Protocol):
    """From the callee."""

    async def next_digit(self) -> str:
        """Wait for the next key press: one of `0-9*#A-D`. Raises `LineClosed`."""
        ...

    def frames(self) -> AsyncIterator[bytes]:
        """20 ms PCM frames as they are played out of the jitter buffer, until the call ends.

        A reader that falls behind loses the oldest frames; it never delays the call.
        """
        ...


class CallAudio(AudioSource, AudioSink, Protocol):
    """Both ends of one call."""
