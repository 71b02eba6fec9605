"""Key presses heard as tones in the audio (ITU-T Q.23, Q.24), where the far end has no events."""

import numpy as np
from numpy.typing import NDArray

from movoice_box.domain.media import SAMPLE_RATE_HZ
from movoice_box.rtp.tones import COLUMNS_HZ, KEYPAD, ROWS_HZ

_WINDOW = 160  # samples: 20 ms, every 10 ms
_HOP = 80
_OFFSETS = (-0.015, 0.0, 0.015)  # how far a generator may be off (Q.24 table 1)
_QUIET = 400.0**2  # mean power below which nobody presses a key: about -33 dBm0
_PURITY = 0.80  # of a window's energy that the two tones hold
_DOMINANCE = 4.0  # 6 dB over the next tone of the group
_MOST_TWIST = 10 ** ((4 + 1) / 10)  # the upper over the lower tone, 1 dB for the measurement
_LEAST_TWIST = 10 ** -((8 + 1) / 10)
_PRESS_WINDOWS = 2  # 40 ms of tone have at least so many in them
_RELEASE_WINDOWS = 4  # a gap of 40 ms has; shorter ones are losses on the way


def _probes() -> NDArray[np.float32]:
    """A column of cosine and one of sine for each tone at each offset."""
    hz = np.array([tone * (1 + off) for tone in ROWS_HZ + COLUMNS_HZ for off in _OFFSETS])
    angle = 2 * np.pi / SAMPLE_RATE_HZ * np.outer(np.arange(_WINDOW), hz)
    return np.concatenate((np.cos(angle), np.sin(angle)), axis=1).astype(np.float32)


_PROBES = _probes()
_TONES = len(ROWS_HZ)


class InbandDigits:
    """Turns 20 ms frames of PCM into key presses, each once. 20 us a frame, 10 us in silence.

    A window holds a key when one tone of each group stands out by 6 dB, the two are within the
    twist of Q.24 (-8 to +4 dB), and they hold 80 % of the energy: speech has harmonics beside them.
    Two windows in a row of the same key, 10 ms apart, are a press.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.float32] = np.zeros(_HOP, np.float32)
        self._heard: str | None = None
        self._windows = 0  # in a row with `_heard`
        self._pressed: str | None = None
        self._missing = 0  # windows in a row without `_pressed`

    def hear(self, frame: bytes) -> str | None:
        """The key that is first certain to be pressed in this frame."""
        sound = np.frombuffer(frame, dtype="<i2").astype(np.float32)
        windows = np.stack((np.concatenate((self._before, sound[:_HOP])), sound))
        self._before = sound[_HOP:]
        power = np.einsum("ij,ij->i", windows, windows)
        if power.max() < _QUIET * _WINDOW:
            keys: list[str | None] = [None, None]
        else:
            keys = _keys(windows, power)
        pressed = None
        for key in keys:
            pressed = self._follow(key) or pressed
        return pressed

    def _follow(self, key: str | None) -> str | None:
        self._windows = self._windows + 1 if key == self._heard else 1
        self._heard = key
        if self._pressed is not None:
            self._missing = 0 if key == self._pressed else self._missing + 1
            if self._missing >= _RELEASE_WINDOWS:
                self._pressed = None
        if key is None or key == self._pressed or self._windows < _PRESS_WINDOWS:
            return None
        self._pressed, self._missing = key, 0
        return key


def _keys(windows: NDArray[np.float32], power: NDArray[np.float32]) -> list[str | None]:
    spectrum = windows @ _PROBES
    half = spectrum.shape[1] // 2
    energy = (spectrum[:, :half] ** 2 + spectrum[:, half:] ** 2) * (2 / _WINDOW)
    tones = energy.reshape(len(windows), 2 * _TONES, len(_OFFSETS)).max(axis=2)
    return [
        _key(list(map(float, tone)), float(whole)) for tone, whole in zip(tones, power, strict=True)
    ]


def _key(tones: list[float], power: float) -> str | None:
    """The key of one window, by the energy of each of the eight tones."""
    if power < _QUIET * _WINDOW:
        return None
    rows, columns = tones[:_TONES], tones[_TONES:]
    row, column = max(rows), max(columns)
    if row + column < _PURITY * power or not _LEAST_TWIST < column / max(row, 1.0) < _MOST_TWIST:
        return None
    if sorted(rows)[-2] * _DOMINANCE > row or sorted(columns)[-2] * _DOMINANCE > column:
        return None
    return KEYPAD[4 * rows.index(row) + columns.index(column)]
