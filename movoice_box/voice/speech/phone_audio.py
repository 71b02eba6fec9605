"""Makes an engine's samples fit for a phone: trimmed, at one loudness, 8 kHz 16-bit PCM."""

import numpy as np
import soxr
from numpy.typing import NDArray

from movoice_box.domain.media import SAMPLE_RATE_HZ

PROCESSING = "trim+rms20/1"  # named in cache keys: change it when the sound changes

_Audio = NDArray[np.float32]

_WINDOW_S = 0.01
_SILENCE_DB = -42.0  # below the loudest window
_LEAD_S, _TAIL_S = 0.02, 0.06  # kept around the speech, so that soft consonants survive
_ACTIVE_RMS = 10 ** (-20 / 20)  # of full scale, over the windows in which someone speaks
_PEAK = 10 ** (-1.5 / 20)
_FADE_S = 0.004


def to_phone_pcm(samples: NDArray[np.int16], rate_hz: int) -> bytes:
    """`samples` are mono at `rate_hz`. Nothing but silence gives empty PCM."""
    speech = _trim(samples.astype(np.float32) / np.float32(32_768), rate_hz)
    speech = soxr.resample(speech, rate_hz, SAMPLE_RATE_HZ, quality="MQ")
    if not speech.size:
        return b""
    speech = _fade(_level(speech))
    return np.round(speech * 32_767).astype("<i2").tobytes()


def _windows_rms(speech: _Audio, rate_hz: int) -> _Audio:
    length = int(rate_hz * _WINDOW_S)
    padded = np.pad(speech, (0, -speech.size % length))
    power: _Audio = np.mean(padded.reshape(-1, length) ** 2, axis=1)
    return np.sqrt(power)


def _trim(speech: _Audio, rate_hz: int) -> _Audio:
    rms = _windows_rms(speech, rate_hz)
    loudest = rms.max(initial=0.0)
    (active,) = np.nonzero(rms > loudest * 10 ** (_SILENCE_DB / 20))
    if not active.size:
        return speech[:0]
    start = max(0, int((active[0] * _WINDOW_S - _LEAD_S) * rate_hz))
    return speech[start : int(((active[-1] + 1) * _WINDOW_S + _TAIL_S) * rate_hz)]


def _level(speech: _Audio) -> _Audio:
    rms = _windows_rms(speech, SAMPLE_RATE_HZ)
    active = rms[rms > rms.max() * 0.1]
    gain = _ACTIVE_RMS / float(np.sqrt(np.mean(active**2)))
    return speech * np.float32(min(gain, _PEAK / float(np.abs(speech).max())))


def _fade(speech: _Audio) -> _Audio:
    ramp = np.linspace(0, 1, int(SAMPLE_RATE_HZ * _FADE_S), dtype=np.float32)
    length = min(ramp.size, speech.size)
    speech[:length] *= ramp[:length]
    speech[speech.size - length :] *= ramp[:length][::-1]
    return speech
