"""What a line sounds like, 20 ms by 20 ms, and the stretches of tone, sound and silence in it.

Pure: no clock and no socket. A frame costs about 40 us of one core, and 20 bytes for the length of
the call's ringing.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.domain.media import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

_FULL_SCALE_DBM0 = 3.14  # of a sine (ITU-T G.711 table 1)
_FULL_SCALE_RMS = 32_768 / np.sqrt(2)
_QUIETEST_DBM0 = -43.0  # a tone of -35 dBm0 is heard, what an idle line hums is not
_DYNAMIC_DB = 22.0  # below the loudest of the moments around, sound counts as line noise
_AROUND = 125  # frames to either side: 2.5 s

_FFT = 512
_HZ_PER_BIN = SAMPLE_RATE_HZ / _FFT
_LOWEST, _HIGHEST = 13, 230  # bins: 200 to 3,600 Hz, without mains hum
_HALF_CLUSTER = 6  # bins: 94 Hz, so that 440 + 480 Hz and 400 Hz by 25 Hz are one cluster
_WINDOW = np.hanning(2 * SAMPLES_PER_FRAME + 1)[:-1]

_TONAL = 0.85  # share of the power in at most two clusters
_SECOND = 0.12  # share of the second one from which there are two
_LONGEST_GAP = 3  # frames: losses, closed where sound goes on behind them
_SHORTEST_TONE = 6  # frames: 120 ms
_SAME_TONE = 0.05  # of the frequency


class Kind(Enum):
    SILENCE = auto()
    TONE = auto()  # one or two steady frequencies
    SOUND = auto()


@dataclass(frozen=True, slots=True)
class Stretch:
    """From frame `start` on, `frames` of 20 ms. `hz` has one or two frequencies of a tone."""

    kind: Kind
    start: int
    frames: int
    hz: tuple[float, ...] = ()

    @property
    def end(self) -> int:
        return self.start + self.frames

    @property
    def ms(self) -> int:
        return 20 * self.frames


@dataclass(frozen=True, slots=True)
class Frames:
    """One number a frame: level in dBm0, tonal share from 0 to 1, centroid of the spectrum in Hz.

    `low_hz` and `high_hz` are the two strongest frequencies, the same where there is one.
    """

    level: NDArray[np.float32]
    tonal: NDArray[np.float32]
    low_hz: NDArray[np.float32]
    high_hz: NDArray[np.float32]
    centroid_hz: NDArray[np.float32]

    def is_on(self) -> NDArray[np.bool_]:
        """Whether each frame has sound in it; short gaps are closed."""
        padded = np.pad(self.level, _AROUND, constant_values=-99.0)
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1).max(axis=1)
        is_on: NDArray[np.bool_] = self.level > np.maximum(_QUIETEST_DBM0, around - _DYNAMIC_DB)
        for value, start, end in list(_runs(is_on)):
            if not value and start > 0 and end < len(is_on) and end - start <= _LONGEST_GAP:
                is_on[start:end] = True
        for value, start, end in list(_runs(is_on)):
            if value and end - start < 2:
                is_on[start:end] = False  # a click
        return is_on


class ToneDetector:
    """Feed it every frame in order; ask it at any time for what it was."""

    def __init__(self) -> None:
        self._numbers = array("f")
        self._before = np.zeros(SAMPLES_PER_FRAME)

    def hear(self, pcm: bytes) -> None:
        """Take one frame of 320 bytes."""
        frame = np.frombuffer(pcm[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0"), "<i2").astype(np.float64)
        spectrum = np.abs(np.fft.rfft(np.concatenate((self._before, frame)) * _WINDOW, _FFT))
        self._before = frame
        power = np.square(spectrum[_LOWEST:_HIGHEST])
        total = float(power.sum()) + 1.0
        centroid = float(power @ _BIN_HZ) / total
        first, first_hz = _strongest(power)
        second, second_hz = _strongest(power)
        if second < _SECOND * total:
            second, second_hz = 0.0, first_hz
        rms = float(np.sqrt(frame @ frame / SAMPLES_PER_FRAME))
        level = 20 * float(np.log10(rms / _FULL_SCALE_RMS + 1e-6)) + _FULL_SCALE_DBM0
        low, high = sorted((first_hz, second_hz))
        self._numbers.extend((level, (first + second) / total, low, high, centroid))

    @property
    def frames(self) -> Frames:
        table = np.array(self._numbers, dtype=np.float32).reshape(-1, 5)
        return Frames(*table.T)

    @property
    def heard(self) -> int:
        """Frames so far."""
        return len(self._numbers) // 5


def stretches_of(frames: Frames) -> list[Stretch]:
    """All that was heard, in order and without gaps."""
    found: list[Stretch] = []
    if not len(frames.level):
        return found
    for is_on, start, end in _runs(frames.is_on()):
        if is_on:
            found.extend(_split(frames, start, end))
        else:
            found.append(Stretch(Kind.SILENCE, start, end - start))
    return found


_BIN_HZ = _HZ_PER_BIN * np.arange(_LOWEST, _HIGHEST)


def _strongest(power: NDArray[np.float64]) -> tuple[float, float]:
    """Power and centre frequency of the strongest cluster, which is taken out of `power`."""
    peak = int(power.argmax())
    cluster = slice(max(0, peak - _HALF_CLUSTER), peak + _HALF_CLUSTER + 1)
    found = float(power[cluster].sum())
    hz = float(power[cluster] @ _BIN_HZ[cluster]) / found if found else 0.0
    power[cluster] = 0.0
    return found, hz


def _split(frames: Frames, start: int, end: int) -> Iterator[Stretch]:
    """The tones in a stretch that is never silent; what lies between them is sound.

    A tone that falls short of the next one by no more than a loss or an edge reaches up to it.
    """
    at = start
    for tone in _tones(frames, start, end):
        if tone.start - at <= _LONGEST_GAP:
            tone = Stretch(Kind.TONE, at, tone.end - at, tone.hz)
        else:
            yield Stretch(Kind.SOUND, at, tone.start - at)
        if end - tone.end <= _LONGEST_GAP:
            tone = Stretch(Kind.TONE, tone.start, end - tone.start, tone.hz)
        yield tone
        at = tone.end
    if at < end:
        yield Stretch(Kind.SOUND, at, end - at)


def _tones(frames: Frames, start: int, end: int) -> Iterator[Stretch]:
    """Runs of frames of the same one or two frequencies, as long as a tone is at least."""
    is_tonal = frames.tonal >= _TONAL
    begun: int | None = None
    last = start
    for at in range(start, end):
        if not is_tonal[at]:
            continue
        if begun is not None and (at - last > _LONGEST_GAP or not _is_same(frames, last, at)):
            yield from _tone(frames, is_tonal, begun, last + 1)
            begun = None
        begun = at if begun is None else begun
        last = at
    if begun is not None:
        yield from _tone(frames, is_tonal, begun, last + 1)


def _tone(frames: Frames, is_tonal: NDArray[np.bool_], start: int, end: int) -> Iterator[Stretch]:
    if end - start < _SHORTEST_TONE:
        return
    tonal = is_tonal[start:end]
    low = float(np.median(frames.low_hz[start:end][tonal]))
    high = float(np.median(frames.high_hz[start:end][tonal]))
    yield Stretch(Kind.TONE, start, end - start, (low,) if high - low < 1 else (low, high))


def _is_same(frames: Frames, one: int, other: int) -> bool:
    return all(
        abs(hz[one] - hz[other]) <= _SAME_TONE * hz[other] for hz in (frames.low_hz, frames.high_hz)
    )


def _runs(values: NDArray[np.bool_]) -> Iterator[tuple[bool, int, int]]:
    """Each run of equal values with its bounds."""
    at = 0
    for value, run in groupby(values.tolist()):
        length = sum(1 for _ in run)
        yield value, at, at + length
        at += length
