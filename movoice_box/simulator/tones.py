"""What a telephone network lets a caller hear before anyone answers."""

import numpy as np

from movoice_box.domain.media import SAMPLE_RATE_HZ

_AMPLITUDE = 6_000
_CADENCE_S = ((0.4, True), (0.2, False), (0.4, True), (2.0, False))  # ITU-T E.180, India


def ringback() -> bytes:
    """Three seconds of the Indian ringing tone: 400 Hz modulated by 25 Hz, 8 kHz PCM."""
    parts = [_tone(seconds) if is_on else bytes(_bytes(seconds)) for seconds, is_on in _CADENCE_S]
    return b"".join(parts)


def _tone(seconds: float) -> bytes:
    at = np.arange(_bytes(seconds) // 2) / SAMPLE_RATE_HZ
    wave = np.sin(2 * np.pi * 400 * at) * np.sin(2 * np.pi * 25 * at)
    return (_AMPLITUDE * wave).astype("<i2").tobytes()


def _bytes(seconds: float) -> int:
    return 2 * round(seconds * SAMPLE_RATE_HZ)
