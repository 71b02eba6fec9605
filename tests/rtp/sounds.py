"""What a caller may hear before the answer: speech, music, noise, as PCM."""

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.media import SAMPLE_RATE_HZ
from movoice_box.voice.speech.espeak import EspeakSynthesizer
from movoice_box.voice.speech.tts import Voice

Wave = NDArray[np.float64]

SWITCHED_OFF = {
    "en-IN": "The number you are trying to call is switched off. Please try again later.",
    "hi-IN": "आप जिस नंबर पर संपर्क करना चाहते हैं वह अभी बंद है। कृपया थोड़ी देर बाद प्रयास करें।",
    "de-DE": "Der Teilnehmer ist vorübergehend nicht erreichbar.",
}
_SCALE_HZ = 261.6 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14]) / 12)


async def announcements() -> dict[str, bytes]:
    """An operator's sentence in each language."""
    async with EspeakSynthesizer() as speech:
        return {
            language: await speech.synthesize(text, Voice(language))
            for language, text in SWITCHED_OFF.items()
        }


def music(seed: int, seconds: float = 6.0) -> bytes:
    """A tune with its chords, and from seed to seed another instrument, pace and drums or none."""
    draw = np.random.default_rng(seed)
    overtones, decay_s = ((1, 9.0), (6, 0.3), (3, 1.0))[seed % 3]
    wave = np.zeros(_samples(seconds + 2))
    step_s, at_s = draw.choice([0.2, 0.3, 0.5]), 0.0
    while at_s < seconds:
        length_s = step_s * draw.choice([1, 1, 2])
        for hz in draw.choice(_SCALE_HZ, 1 + seed % 4, replace=False):
            _add(wave, at_s, _note(hz, length_s, overtones, decay_s))
        at_s += length_s
    if seed % 2:
        for beat_s in np.arange(0, seconds, step_s):
            time = np.arange(_samples(0.1)) / SAMPLE_RATE_HZ
            _add(wave, beat_s, draw.standard_normal(len(time)) * np.exp(-40 * time))
    return pcm(12_000 * wave[: _samples(seconds)] / np.abs(wave).max())


def noise(rms: float, seconds: float = 4.0) -> bytes:
    return pcm(rms * np.random.default_rng(1).standard_normal(_samples(seconds)))


def pcm(wave: Wave) -> bytes:
    return np.clip(wave, -32_768, 32_767).astype("<i2").tobytes()


def _note(hz: float, seconds: float, overtones: int, decay_s: float) -> Wave:
    time = np.arange(_samples(seconds)) / SAMPLE_RATE_HZ
    parts = [np.sin(2 * np.pi * hz * k * time) / k for k in range(1, overtones + 1)]
    wave: Wave = np.sum(parts, axis=0) * np.exp(-time / decay_s)
    return wave


def _add(wave: Wave, at_s: float, sound: Wave) -> None:
    start = _samples(at_s)
    wave[start : start + len(sound)] += sound


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)
