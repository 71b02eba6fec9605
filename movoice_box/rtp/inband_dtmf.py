"""Key presses heard as tones in the audio (ITU-T Q.23, Q.24), where the far end has no events."""

import cmath
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.media import SAMPLE_RATE_HZ
from movoice_box.rtp.tones import COLUMNS_HZ, KEYPAD, ROWS_HZ

_WINDOW = 160  # samples: 20 ms, every 10 ms
_HOP = 80
_OFFSETS = (-0.015, 0.0, 0.015)  # how far a generator may be off (Q.24 table 1)
_MOST_OFF = 0.022  # nothing is to be heard at 0.035; the notes of a tune are 0.025 from some rows
_QUIET = 400.0**2  # mean power below which nobody presses a key: about -33 dBm0
_PURITY = 0.85  # of a window's energy that the two tones hold
_DOMINANCE = 4.0  # 6 dB over the next tone of the group
_MOST_TWIST = 10 ** ((4 + 1) / 10)  # the upper over the lower tone, 1 dB for the measurement
_LEAST_TWIST = 10 ** -((8 + 1) / 10)
_PRESS_WINDOWS = 2  # 40 ms of tone have at least so many in them
_PAUSE_WINDOWS = 3  # of quiet: a gap of 40 ms has so many; shorter ones are losses on the way
_QUIETER = 10 ** (-6 / 10)  # than the key: after it comes a pause, after a note the next one
_LONGEST_LOSS = 12  # windows made up: after so many, the sender leaves out the pause
_LONGEST_HOLE = 25  # windows without the key, and without quiet: it was let go into other sound

_TONES_HZ = ROWS_HZ + COLUMNS_HZ
_PROBES_HZ = [tone * (1 + off) for tone in _TONES_HZ for off in _OFFSETS]
_ROWS = len(ROWS_HZ)


def _probes() -> NDArray[np.float32]:
    """A column of cosine and one of sine for each tone at each offset."""
    angle = 2 * np.pi / SAMPLE_RATE_HZ * np.outer(np.arange(_WINDOW), _PROBES_HZ)
    return np.concatenate((np.cos(angle), np.sin(angle)), axis=1).astype(np.float32)


_PROBES = _probes()
Spectrum = NDArray[np.complex64]  # one value for each probe


class InbandDigits:
    """Turns 20 ms frames of PCM into key presses, each once. 30 us a frame, 10 us in silence.

    A window holds a key when one tone of each group stands out by 6 dB, the two are within the
    twist of Q.24 (-8 to +4 dB), and they hold 85 % of the energy: speech has harmonics beside them.
    Two windows in a row of the same key, 10 ms apart, are a press where the phases went on from
    one to the other as the key's frequencies ask, and where it is let go the power drops by 6 dB.
    So a tune is no press, whose notes are near to those frequencies and follow on one another.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.float32] = np.zeros(_HOP, np.float32)
        self._spectrum: Spectrum | None = None  # of the window before, where it held a key
        self._heard: str | None = None
        self._windows = 0  # in a row with `_heard`
        self._pressed: str | None = None
        self._is_told = False
        self._power = 0.0  # of a window while it was pressed
        self._missing = 0  # windows since then without it
        self._made_up = 0  # those of them that stand in for what was lost
        self._quiet = 0  # those of the others that are quieter
        self._ignored = 0  # frames to come

    def ignore(self, frames: int) -> None:
        """Hear nothing for so many frames: what comes may be the echo of our own tones."""
        self._ignored = frames

    def hear(self, frame: bytes, *, is_made_up: bool = False) -> str | None:
        """The key that is first certain to have been pressed in this frame: it is let go then.

        `is_made_up` tells that the frame stands in for a packet that was lost: a tone that is
        missing there has not ended.
        """
        sound = np.frombuffer(frame, dtype="<i2").astype(np.float32)
        windows = np.stack((np.concatenate((self._before, sound[:_HOP])), sound))
        self._before = sound[_HOP:]
        power = np.einsum("ij,ij->i", windows, windows)
        if self._ignored:
            self._ignored -= 1
            power[:] = 0
        if power.max() < _QUIET * _WINDOW:
            found = [self._follow(None, None, 0.0, is_made_up) for _ in windows]
            return found[0] or found[1]
        half = len(_PROBES_HZ)
        projected = windows @ _PROBES
        spectra = projected[:, :half] - 1j * projected[:, half:]
        pressed = None
        for spectrum, whole in zip(spectra, power, strict=True):
            key = _key(_energies(spectrum), float(whole))
            pressed = self._follow(key, spectrum, float(whole), is_made_up) or pressed
        return pressed

    def _follow(
        self, key: str | None, spectrum: Spectrum | None, power: float, is_made_up: bool
    ) -> str | None:
        """Go on by a window; the key that is certain by it to have been pressed."""
        is_row = key == self._heard and _is_row(key, self._spectrum, spectrum)
        self._windows = self._windows + 1 if is_row else 1
        self._heard, self._spectrum = key, spectrum if key else None
        told = None
        if self._pressed is not None and key != self._pressed:
            told = self._let_go(power, is_made_up)
        if key is not None and self._windows >= _PRESS_WINDOWS:
            if key != self._pressed:
                self._pressed, self._is_told, self._power = key, False, 0.0
            self._missing = self._made_up = self._quiet = 0
            self._power = max(self._power, power)
        return told

    def _let_go(self, power: float, is_made_up: bool) -> str | None:
        """A window without the key that is pressed; the key, where this one makes it certain."""
        told = None
        self._missing += 1
        self._made_up += is_made_up
        self._quiet += not is_made_up and power < _QUIETER * self._power
        is_left_out = self._made_up >= _LONGEST_LOSS
        if not self._is_told and (self._quiet or is_left_out):
            self._is_told, told = True, self._pressed
        if self._quiet >= _PAUSE_WINDOWS or is_left_out or self._missing >= _LONGEST_HOLE:
            self._pressed = None
        return told


def _energies(spectrum: Spectrum) -> list[float]:
    energy = (spectrum.real**2 + spectrum.imag**2) * (2 / _WINDOW)
    found: list[float] = energy.reshape(len(_TONES_HZ), len(_OFFSETS)).max(axis=1).tolist()
    return found


def _key(tones: Sequence[float], power: float) -> str | None:
    """The key of one window, by the energy of each of the eight tones."""
    if power < _QUIET * _WINDOW:
        return None
    rows, columns = tones[:_ROWS], tones[_ROWS:]
    row, column = max(rows), max(columns)
    if row + column < _PURITY * power or not _LEAST_TWIST < column / max(row, 1.0) < _MOST_TWIST:
        return None
    if sorted(rows)[-2] * _DOMINANCE > row or sorted(columns)[-2] * _DOMINANCE > column:
        return None
    return KEYPAD[4 * rows.index(row) + columns.index(column)]


def _is_row(key: str | None, before: Spectrum | None, spectrum: Spectrum | None) -> bool:
    """Whether the phases of both tones of `key` go on from the window `before`."""
    if key is None or before is None or spectrum is None:
        return False
    row, column = divmod(KEYPAD.index(key), 4)
    return _goes_on(row, before, spectrum) and _goes_on(_ROWS + column, before, spectrum)


def _goes_on(tone: int, before: Spectrum, spectrum: Spectrum) -> bool:
    """Whether the frequency is that of `tone`: what its phase advanced by in a hop tells it."""
    probe = tone * len(_OFFSETS) + len(_OFFSETS) // 2
    turn = cmath.phase(complex(spectrum[probe] * before[probe].conjugate()))
    off_turns = (turn / (2 * math.pi) - _TONES_HZ[tone] * _HOP / SAMPLE_RATE_HZ + 0.5) % 1 - 0.5
    return abs(off_turns) * SAMPLE_RATE_HZ / _HOP <= _MOST_OFF * _TONES_HZ[tone]
