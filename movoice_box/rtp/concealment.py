"""What is heard in place of packets that did not come, and in pauses that the sender left out."""

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.domain.media import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

_MS = SAMPLE_RATE_HZ // 1000
_SHORTEST_PITCH = 5 * _MS  # 200 Hz
_LONGEST_PITCH = 15 * _MS  # 66 Hz
_WINDOW = 20 * _MS  # over which two periods are compared
_MOST_PERIODS = 3
_HISTORY = _MOST_PERIODS * _LONGEST_PITCH + _LONGEST_PITCH // 4
_SEGMENT = 10 * _MS
_FADE = 50 * _MS  # after the first segment
_MERGE_STEP = 4 * _MS  # for each segment concealed
_LONGEST_MERGE = 10 * _MS
_QUIET_RMS = 250  # about -42 dBov: breath and line noise, no speech
_FULL_SCALE = 32_768
_NOISE_SAMPLES = 2 * SAMPLE_RATE_HZ

Samples = NDArray[np.float32]


class Concealment:
    """One gap, filled with the last pitch periods of the voice before it (ITU-T G.711 Appendix I).

    One period for 10 ms, then two, then three, so that it does not buzz; full level for 10 ms, then
    fading, to silence after 60 ms. `history` is 16-bit PCM at 8 kHz; 50 ms of it are used. Unlike
    the appendix it delays nothing: the joint at the start is smoothed with the last samples played,
    reversed in time.
    """

    def __init__(self, history: bytes) -> None:
        past = np.frombuffer(history, dtype="<i2")[-_HISTORY:].astype(np.float32)
        self._past: Samples = np.concatenate((np.zeros(_HISTORY - len(past), np.float32), past))
        self._pitch = pitch_of(self._past)
        self._overlap = self._pitch // 4
        self._cycle = self._cycle_of(1)
        self._at = 0  # index into the cycle
        self._elapsed = 0  # samples concealed

    def fill(self, samples: int) -> bytes:
        """The next `samples` of the gap as PCM."""
        if self._elapsed >= _SEGMENT + _FADE:
            return bytes(2 * samples)
        return to_pcm(self._fill(samples))

    def merge(self, pcm: bytes) -> bytes:
        """`pcm`, the first sound after the gap, faded in over the end of what filled it."""
        sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        steps = self._elapsed // _SEGMENT * _MERGE_STEP
        length = min(self._overlap + steps, _LONGEST_MERGE, len(sound))
        sound[:length] = _cross_fade(self._fill(length), sound[:length])
        return to_pcm(sound)

    def _fill(self, samples: int) -> Samples:
        if self._elapsed >= _SEGMENT + _FADE:
            return np.zeros(samples, np.float32)
        pieces = []
        while samples > 0:
            piece = min(samples, _SEGMENT - self._elapsed % _SEGMENT)
            pieces.append(self._piece(piece))
            samples -= piece
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _piece(self, samples: int) -> Samples:
        """At most up to the end of a segment of 10 ms."""
        if self._elapsed == 0:
            out = self._next(samples)
            self._smooth(self._past[::-1], out)
        elif self._elapsed in (_SEGMENT, 2 * _SEGMENT):
            ending = self._next(samples, moves=False)
            self._cycle = self._cycle_of(self._elapsed // _SEGMENT + 1)
            self._at %= self._pitch
            out = self._next(samples)
            self._smooth(ending, out)
        else:
            out = self._next(samples)
        reached = self._elapsed + np.arange(samples, dtype=np.float32)
        self._elapsed += samples
        return np.asarray(out * np.clip(1 - (reached - _SEGMENT) / _FADE, 0, 1), dtype=np.float32)

    def _next(self, samples: int, *, moves: bool = True) -> Samples:
        indices = (self._at + np.arange(samples)) % len(self._cycle)
        if moves:
            self._at = (self._at + samples) % len(self._cycle)
        return self._cycle[indices]

    def _smooth(self, ending: Samples, out: Samples) -> None:
        """Let `ending` fade out over the start of `out`."""
        length = min(self._overlap, len(out))
        out[:length] = _cross_fade(ending[:length], out[:length])

    def _cycle_of(self, periods: int) -> Samples:
        """The last periods, the end made to run into the start."""
        length, overlap = periods * self._pitch, self._overlap
        cycle = self._past[-length:].copy()
        before = self._past[-length - overlap : -length]
        cycle[-overlap:] = _cross_fade(cycle[-overlap:], before)
        return cycle


def pitch_of(past: Samples) -> int:
    """The period of the voice at the end of `past` in samples, from 5 to 15 ms."""
    recent = past[-_WINDOW:]
    region = past[-_WINDOW - _LONGEST_PITCH : -_SHORTEST_PITCH]
    likeness = np.correlate(region, recent, "valid")  # the longest lag first
    power = np.concatenate(([0.0], np.cumsum(region.astype(np.float64) ** 2)))
    energy = power[_WINDOW:] - power[:-_WINDOW]
    return _LONGEST_PITCH - int(np.argmax(likeness / np.sqrt(np.maximum(energy, 1.0))))


def shorten(pcm: bytes) -> bytes:
    """40 ms or more of PCM without one pitch period; what was on both sides of it overlaps."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    pitch = pitch_of(np.ascontiguousarray(sound[: 2 * _WINDOW][::-1]))
    out = sound[pitch:]
    out[:_WINDOW] = _cross_fade(sound[:_WINDOW].copy(), out[:_WINDOW])
    return to_pcm(out)


def is_quiet(pcm: bytes) -> bool:
    """Whether a frame can be left out or repeated without being missed."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    return float(np.dot(samples, samples)) < _QUIET_RMS**2 * len(samples)


class ComfortNoise:
    """What RFC 3389 asks for in a pause, at its level; the shape of its spectrum is left white."""

    def __init__(self) -> None:
        self._at = 0

    def fill(self, samples: int, level: int) -> bytes:
        """PCM of white noise at `level` in -dBov, 0 to 127 (RFC 3389 section 3.1)."""
        self._at = (self._at + SAMPLES_PER_FRAME) % (_NOISE_SAMPLES - samples)
        gain = _FULL_SCALE * 10 ** (-level / 20)
        return to_pcm(gain * _NOISE[self._at : self._at + samples])


def to_pcm(samples: Samples) -> bytes:
    limited = np.clip(samples, -_FULL_SCALE, _FULL_SCALE - 1)
    return np.rint(limited).astype("<i2").tobytes()


def _cross_fade(ending: Samples, beginning: Samples) -> Samples:
    share = (np.arange(len(beginning), dtype=np.float32) + 1) / (len(beginning) + 1)
    return np.asarray(ending * (1 - share) + beginning * share, dtype=np.float32)


_NOISE = np.random.default_rng(3389).standard_normal(_NOISE_SAMPLES).astype(np.float32)
SILENT_FRAME = bytes(FRAME_BYTES)
