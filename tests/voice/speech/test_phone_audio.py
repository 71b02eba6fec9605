import numpy as np
import pytest
from numpy.typing import NDArray

from movoice_box.voice.speech.phone_audio import to_phone_pcm

RATE_HZ = 22_050


def a_tone(seconds: float, level: float, hz: float = 440.0) -> NDArray[np.int16]:
    phase = 2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (np.sin(phase) * level * 32_767).astype(np.int16)


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(int(seconds * RATE_HZ), np.int16)


def decoded(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2") / 32_768


def rms_dbfs(speech: NDArray[np.float64]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(speech**2))))


def test_silence_around_speech_is_trimmed_and_speech_is_not() -> None:
    pcm = to_phone_pcm(np.concatenate([silence(0.5), a_tone(1, 0.3), silence(0.7)]), RATE_HZ)
    assert len(pcm) / 16_000 == pytest.approx(1.08, abs=0.02)


def test_a_pause_within_speech_stays() -> None:
    pcm = to_phone_pcm(np.concatenate([a_tone(1, 0.3), silence(0.4), a_tone(1, 0.3)]), RATE_HZ)
    assert len(pcm) / 16_000 == pytest.approx(2.4, abs=0.1)


@pytest.mark.parametrize("level", [0.01, 0.1, 0.9])
def test_soft_and_loud_speech_end_at_one_loudness(level: float) -> None:
    pcm = to_phone_pcm(a_tone(1, level), RATE_HZ)
    assert rms_dbfs(decoded(pcm)) == pytest.approx(-20, abs=0.5)


def test_a_peak_is_never_clipped() -> None:
    clicks = np.concatenate([a_tone(0.05, 0.05), a_tone(0.001, 1.0), a_tone(1, 0.05)])
    assert np.abs(decoded(to_phone_pcm(clicks, RATE_HZ))).max() < 0.86


def test_what_a_phone_cannot_carry_is_filtered_not_folded_back() -> None:
    mixed = a_tone(1, 0.3, hz=1000) // 2 + a_tone(1, 0.3, hz=6000) // 2
    spectrum = np.abs(np.fft.rfft(decoded(to_phone_pcm(mixed, RATE_HZ)))) ** 2
    alias = spectrum[1500:2500].sum()  # 8000 - 6000 Hz, in bins of about 1 Hz
    assert alias < spectrum.max() * 1e-3


@pytest.mark.parametrize("samples", [silence(0), silence(0.3), np.array([9000], np.int16)])
def test_what_is_too_short_or_silent_is_nothing(samples: NDArray[np.int16]) -> None:
    assert to_phone_pcm(samples, RATE_HZ) == b""
