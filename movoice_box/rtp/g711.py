"""G.711 companding (ITU-T G.711), by table: 64 K entries to encode, 256 to decode."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.media import G711, Codec

_INT16 = np.dtype("<i2")


def _decode_pcmu() -> NDArray[Any]:
    """Mu-law: 14-bit magnitudes in 8 segments, all bits inverted (G.711 table 2)."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment, step = code >> 4 & 7, code & 0x0F
    magnitude = ((2 * step + 33) << segment) - 33 << 2
    return np.where(code & 0x80, -magnitude, magnitude).astype(_INT16)


def _decode_pcma() -> NDArray[Any]:
    """A-law: 13-bit magnitudes in 7 segments, even bits inverted (G.711 table 1)."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, step = code >> 4 & 7, code & 0x0F
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude << 3, -(magnitude << 3)).astype(_INT16)


def _samples() -> NDArray[Any]:
    """Every 16-bit sample, in the order of its unsigned value."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _segment(magnitude: NDArray[Any], first_bits: int) -> NDArray[Any]:
    """How often `magnitude` must be halved to fit into `first_bits` bits."""
    bits = np.frexp(magnitude.astype(np.float64))[1]
    return np.asarray(np.maximum(bits - first_bits, 0))


def _encode_pcmu() -> NDArray[Any]:
    sample = _samples() >> 2  # 14 bits, rounded down as the reference code does
    magnitude = np.minimum(np.abs(sample), 8158) + 33  # louder is clipped
    segment = _segment(magnitude, 6)
    code = segment << 4 | magnitude >> segment + 1 & 0x0F
    return np.asarray(code ^ np.where(sample < 0, 0x7F, 0xFF), dtype=np.uint8)


def _encode_pcma() -> NDArray[Any]:
    sample = _samples() >> 3  # 13 bits
    magnitude = np.where(sample < 0, -sample - 1, sample)
    segment = _segment(magnitude, 5)
    code = segment << 4 | magnitude >> np.maximum(segment, 1) & 0x0F
    return np.asarray(code ^ np.where(sample < 0, 0x55, 0xD5), dtype=np.uint8)


_ENCODE = {Codec.PCMU: _encode_pcmu(), Codec.PCMA: _encode_pcma()}
_DECODE = {Codec.PCMU: _decode_pcmu(), Codec.PCMA: _decode_pcma()}


def encode(pcm: bytes, codec: Codec) -> bytes:
    """Signed 16-bit little-endian samples to one byte each."""
    return _ENCODE[codec].take(np.frombuffer(pcm, dtype="<u2")).tobytes()


def decode(payload: bytes, codec: Codec) -> bytes:
    """One byte a sample to signed 16-bit little-endian samples."""
    return _DECODE[codec].take(np.frombuffer(payload, dtype=np.uint8)).tobytes()


SILENCE_BYTE = {codec: encode(b"\0\0", codec) for codec in G711}
"""A sample of digital silence."""


class G711Coder:
    """Encoder and decoder in one: G.711 has no memory."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def encode(self, pcm: bytes) -> bytes:
        return encode(pcm, self._codec)

    def decode(self, payload: bytes) -> bytes:
        return decode(payload, self._codec)

    def conceal(self, samples: int, following: bytes = b"") -> None:
        """The codec has none."""
