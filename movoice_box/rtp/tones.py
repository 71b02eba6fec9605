"""Audible tones as PCM: key presses (ITU-T Q.23) and what networks tell callers (E.180)."""

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.media import SAMPLE_RATE_HZ
from movoice_box.rtp.dtmf import PAUSE_MS, TONE_MS
from movoice_box.rtp.tone_plan import SPECIAL_INFORMATION_HZ, SPECIAL_INFORMATION_MS, ProgressTone

ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)
KEYPAD = "123A456B789C*0#D"
_AMPLITUDE = 7_000  # each of the two; about -10 dBm0
_RAMP_S = 0.003  # a key press that starts or ends at once clicks
_FULL_SCALE_DBM0 = 3.14  # of a sine (ITU-T G.711 table 1)
_LEVEL_DBM0 = -10.0  # E.180 section 8: what a subscriber should hear


def digit_tones(digits: str) -> bytes:
    """PCM of `digits`, each a tone of 100 ms and a pause of 80 ms."""
    pause = bytes(2 * SAMPLE_RATE_HZ * PAUSE_MS // 1000)
    return b"".join(_key(digit) + pause for digit in digits)


def progress_tone(tone: ProgressTone, level_dbm0: float = _LEVEL_DBM0) -> bytes:
    """One period of `tone`, as loud while it sounds as `level_dbm0` says."""
    return _pcm(
        [
            (_wave(tone.hz, ms, tone.modulation_hz) if part % 2 == 0 else _silence(ms))
            for part, ms in enumerate(tone.cadence_ms)
        ],
        level_dbm0,
    )


def special_information_tone() -> bytes:
    """The three rising tones before an announcement that a call cannot be completed."""
    parts = [_wave((hz,), SPECIAL_INFORMATION_MS) for hz in SPECIAL_INFORMATION_HZ]
    return _pcm(parts, _LEVEL_DBM0)


def _key(digit: str) -> bytes:
    row, column = divmod(KEYPAD.index(digit), 4)
    seconds = np.arange(SAMPLE_RATE_HZ * TONE_MS // 1000) / SAMPLE_RATE_HZ
    wave = sum(np.sin(2 * np.pi * hz * seconds) for hz in (ROWS_HZ[row], COLUMNS_HZ[column]))
    edge = np.minimum(1, np.minimum(seconds, seconds[::-1]) / _RAMP_S)
    return (_AMPLITUDE * np.asarray(wave) * edge).astype("<i2").tobytes()


def _wave(hz: tuple[float, ...], ms: int, modulation_hz: float = 0.0) -> NDArray[np.float64]:
    """Frequencies of equal power, of a mean square of a half: that of one full sine."""
    at = np.arange(SAMPLE_RATE_HZ * ms // 1000) / SAMPLE_RATE_HZ
    wave = np.zeros(len(at))
    for one in hz:
        wave += np.sin(2 * np.pi * one * at) / np.sqrt(len(hz))
    if modulation_hz:
        wave *= np.sin(2 * np.pi * modulation_hz * at) * np.sqrt(2)
    return wave


def _silence(ms: int) -> NDArray[np.float64]:
    return np.zeros(SAMPLE_RATE_HZ * ms // 1000)


def _pcm(parts: list[NDArray[np.float64]], level_dbm0: float) -> bytes:
    peak = 32_768 * 10 ** ((level_dbm0 - _FULL_SCALE_DBM0) / 20)
    return np.clip(peak * np.concatenate(parts), -32_768, 32_767).astype("<i2").tobytes()
