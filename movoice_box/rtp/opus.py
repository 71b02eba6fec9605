"""Opus (RFC 6716) by the system's libopus, where it is installed: 8 kHz, mono, for speech.

The library's states are plain memory that it initialises and never frees, so each lives in a
buffer that goes with its owner.
"""

import ctypes
from functools import cache

OPUS_FRAMES_MS = (10, 20, 40, 60)  # of those that telephony knows (RFC 6716 2.1.4)

_LIBRARY = "libopus.so.0"
_RATE_HZ = 8_000
_CHANNELS = 1
_VOIP = 2048  # OPUS_APPLICATION_VOIP
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS_PERCENT = 4002, 4010, 4012, 4014
_BITS_PER_SECOND = 24_000  # below 20,000 the encoder leaves the repetition of itself out
_COMPLEXITY = 5  # of 10; above it the load grows and narrowband speech does not get better
_EXPECTED_LOSS_PERCENT = 10  # by which the encoder weighs what it spends on repeating itself
_LARGEST_PAYLOAD = 1_275  # of one frame (RFC 6716 3.2.1)
_MOST_SAMPLES = _RATE_HZ * 120 // 1000  # of one packet (RFC 6716 3.2.5)
_SAMPLE_BYTES = 2


@cache
def has_opus() -> bool:
    """Whether libopus is installed."""
    try:
        _library()
    except OSError:
        return False
    return True


@cache
def _library() -> ctypes.CDLL:
    """Raises `OSError` where it is not installed."""
    library = ctypes.CDLL(_LIBRARY)
    pointer, text, size, number = (
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int32,
        ctypes.c_int,
    )
    library.opus_encode.argtypes = [pointer, text, number, pointer, size]
    library.opus_decode.argtypes = [pointer, text, size, pointer, number, number]
    return library


class OpusEncoder:
    """Repeats each packet of speech in brief within the next one (RFC 6716 2.1.7)."""

    def __init__(self) -> None:
        self._opus = _library()
        self._state = ctypes.create_string_buffer(self._opus.opus_encoder_get_size(_CHANNELS))
        _check(self._opus.opus_encoder_init(self._state, _RATE_HZ, _CHANNELS, _VOIP))
        for request, value in (
            (_SET_BITRATE, _BITS_PER_SECOND),
            (_SET_COMPLEXITY, _COMPLEXITY),
            (_SET_INBAND_FEC, 1),
            (_SET_PACKET_LOSS_PERCENT, _EXPECTED_LOSS_PERCENT),
        ):
            _check(self._opus.opus_encoder_ctl(self._state, request, value))
        self._payload = ctypes.create_string_buffer(_LARGEST_PAYLOAD)

    def encode(self, pcm: bytes) -> bytes:
        """One frame of 10, 20, 40 or 60 ms."""
        length = self._opus.opus_encode(
            self._state, pcm, len(pcm) // _SAMPLE_BYTES, self._payload, _LARGEST_PAYLOAD
        )
        return self._payload.raw[: _check(length)]


class OpusDecoder:
    def __init__(self) -> None:
        self._opus = _library()
        self._state = ctypes.create_string_buffer(self._opus.opus_decoder_get_size(_CHANNELS))
        _check(self._opus.opus_decoder_init(self._state, _RATE_HZ, _CHANNELS))
        self._pcm = ctypes.create_string_buffer(_MOST_SAMPLES * _SAMPLE_BYTES)

    def decode(self, payload: bytes) -> bytes:
        """At most 120 ms; nothing for what is no Opus packet."""
        return self._decode(payload, _MOST_SAMPLES) if payload else b""

    def conceal(self, samples: int, following: bytes = b"") -> bytes:
        """Of a whole number of 2.5 ms; the copy that `following` may have of the lost packet."""
        return self._decode(following or None, samples, is_repeat=bool(following))

    def _decode(self, payload: bytes | None, most: int, *, is_repeat: bool = False) -> bytes:
        samples = self._opus.opus_decode(
            self._state, payload, len(payload or b""), self._pcm, most, is_repeat
        )
        return self._pcm.raw[: max(0, samples) * _SAMPLE_BYTES]


def _check(result: int) -> int:
    if result < 0:
        raise ValueError(f"libopus refused with error {result}")
    return result
