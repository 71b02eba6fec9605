"""Listening to what a trunk plays before the answer.

listener = EarlyMediaListener()
async for pcm in session.frames():                 # from EarlyMedia to the answer or the end
    listener.hear(pcm)
verdict = listener.verdict()
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.domain.media import PTIME_MS
from movoice_box.rtp.cadence import Span, progress_tones
from movoice_box.rtp.tone_detector import Frames, Kind, Stretch, ToneDetector, stretches_of

_LONGEST_PAUSE = 50  # frames between two words of one announcement
_SHORTEST_SOUND = 25  # frames: less is a click or a breath
_MOST_FRAMES = 15_000  # five minutes; no trunk rings longer
_WINDOW, _HOP = 100, 25  # frames
_QUIET_SHARE = 0.2  # of speech's frames are quieter than half the mean; of music's fewer
_SPREAD_HZ = 500  # of the centroid: vowels against sibilants; notes of a tune keep theirs


class EarlyMediaListener:
    """Feed it every 20 ms frame since early media began. About 40 us a frame."""

    def __init__(self) -> None:
        self._detector = ToneDetector()

    def hear(self, pcm: bytes) -> None:
        """Take one frame. What comes after five minutes is not listened to."""
        if self._detector.heard < _MOST_FRAMES:
            self._detector.hear(pcm)

    def verdict(self) -> EarlyMediaVerdict:
        """What it was so far; about 5 ms of work for a minute."""
        lasted: Counter[EarlySound] = Counter()
        frames = self._detector.frames
        for span in sounds_of(frames):
            lasted[span.sound] += span.end - span.start
        return EarlyMediaVerdict(
            sounds=tuple(sound for sound, _ in lasted.most_common()),
            heard_s=self._detector.heard * PTIME_MS / 1000,
        )


def sounds_of(frames: Frames) -> Iterator[Span]:
    """Everything that was heard, but for moments too short to be told."""
    stretches = stretches_of(frames)
    tones = list(progress_tones(stretches))
    yield from tones
    for part in _between(stretches, tones):
        yield from _untuned(frames, part)


def _between(stretches: Sequence[Stretch], tones: Sequence[Span]) -> Iterator[list[Stretch]]:
    """What lies outside the tones, in parts without a tone between."""
    part: list[Stretch] = []
    bounds = {tone.start: tone.end for tone in tones}
    end = 0
    for stretch in stretches:
        end = max(end, bounds.get(stretch.start, 0))
        if stretch.start < end:
            yield part
            part = []
        else:
            part.append(stretch)
    yield part


def _untuned(frames: Frames, part: Sequence[Stretch]) -> Iterator[Span]:
    """Silences, and what is heard between them with its own short pauses."""
    start = end = 0
    for stretch in part:
        if stretch.kind is Kind.SILENCE:
            if stretch.frames >= _LONGEST_PAUSE:
                yield from _sound(frames, start, end)
                yield Span(EarlySound.SILENCE, stretch.start, stretch.end)
                start = end = stretch.end
            continue
        if start == end:
            start = stretch.start
        end = stretch.end
    yield from _sound(frames, start, end)


def _sound(frames: Frames, start: int, end: int) -> Iterator[Span]:
    if end - start >= _SHORTEST_SOUND:
        sound = EarlySound.SPEECH if _is_speech(frames, start, end) else EarlySound.OTHER
        yield Span(sound, start, end)


def _is_speech(frames: Frames, start: int, end: int) -> bool:
    """Whether most moments have speech's pauses and its change of vowels and sibilants.

    After Scheirer and Slaney, "Construction and evaluation of a robust multifeature speech/music
    discriminator" (1997): the share of low-energy frames, and how far the spectrum wanders.
    """
    votes = [
        _has_pauses(frames.level[at : at + _WINDOW])
        and _wanders(frames.centroid_hz[at : at + _WINDOW])
        for at in range(start, max(start + 1, end - _WINDOW + 1), _HOP)
    ]
    return 2 * sum(votes) > len(votes)


def _has_pauses(level_dbm0: NDArray[np.float32]) -> bool:
    loudness = 10 ** (level_dbm0 / 20)
    return float(np.mean(loudness < loudness.mean() / 2)) >= _QUIET_SHARE


def _wanders(centroid_hz: NDArray[np.float32]) -> bool:
    low, high = np.percentile(centroid_hz, (10, 90))
    return float(high - low) >= _SPREAD_HZ
