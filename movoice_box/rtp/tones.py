"""Key presses as audible tones (ITU-T Q.23), for far ends that take no telephone events."""

import numpy as np

from movoice_box.domain.media import SAMPLE_RATE_HZ
from movoice_box.rtp.dtmf import PAUSE_MS, TONE_MS

_ROWS_HZ = (697, 770, 852, 941)
_COLUMNS_HZ = (1209, 1336, 1477, 1633)
_KEYPAD = "123A456B789C*0#D"
_AMPLITUDE = 7_000  # each of the two; about -10 dBm0


def digit_tones(digits: str) -> bytes:
    """PCM of `digits`, each a tone of 100 ms and a pause of 80 ms."""
    pause = bytes(2 * SAMPLE_RATE_HZ * PAUSE_MS // 1000)
    return b"".join(_tone(digit) + pause for digit in digits)


def _tone(digit: str) -> bytes:
    row, column = divmod(_KEYPAD.index(digit), 4)
    seconds = np.arange(SAMPLE_RATE_HZ * TONE_MS // 1000) / SAMPLE_RATE_HZ
    wave = sum(np.sin(2 * np.pi * hz * seconds) for hz in (_ROWS_HZ[row], _COLUMNS_HZ[column]))
    return (_AMPLITUDE * np.asarray(wave)).astype("<i2").tobytes()
