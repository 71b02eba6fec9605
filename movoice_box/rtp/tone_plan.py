"""The call-progress tones of national networks, as data.

From ITU-T E.180 Supplement 2, "Various tones used in national networks" (2003); their meaning is
that of E.182. Tones that differ only in the fourth digit are listed once. What cannot be told apart
is listed under the sense that most networks give it: 0.25 s on and off at 425 Hz is congestion, but
busy in Brazil, Mexico and, at 0.2 s, Spain; 0.5 s on and off is busy, though Japan and Malaysia use
it for congestion too. A trunk's own rules can say otherwise.
"""

from dataclasses import dataclass

from movoice_box.domain.early_media import EarlySound

SPECIAL_INFORMATION_HZ = (950.0, 1400.0, 1800.0)
"""In this order, each for 330 ms, with up to 30 ms between (E.180 section 6.2)."""
SPECIAL_INFORMATION_MS = 330


@dataclass(frozen=True, slots=True)
class ProgressTone:
    """`hz` sound together; `cadence_ms` is on, off, on, off and so on, over and over again.

    With `modulation_hz` the tone is multiplied by a sine of that frequency (400 x 25 Hz).
    """

    sound: EarlySound
    hz: tuple[float, ...]
    cadence_ms: tuple[int, ...]
    where: str
    modulation_hz: float = 0.0


_RING, _BUSY, _CONGESTION = EarlySound.RINGBACK, EarlySound.BUSY, EarlySound.CONGESTION

INDIAN_RINGBACK = ProgressTone(_RING, (400,), (400, 200, 400, 2000), "India", modulation_hz=25)
INDIAN_BUSY = ProgressTone(_BUSY, (400,), (750, 750), "India")
INDIAN_CONGESTION = ProgressTone(_CONGESTION, (400,), (250, 250), "India, New Zealand")

PROGRESS_TONES = (
    INDIAN_RINGBACK,
    ProgressTone(_RING, (440, 480), (2000, 4000), "North America"),
    ProgressTone(_RING, (400, 450), (400, 200, 400, 2000), "United Kingdom, New Zealand"),
    ProgressTone(_RING, (413, 438), (400, 200, 400, 2000), "Australia; Malaysia at 425"),
    ProgressTone(_RING, (400,), (1000, 2000), "Japan", modulation_hz=16),
    ProgressTone(_RING, (400,), (1000, 3000), "Israel, Chile"),
    ProgressTone(_RING, (425,), (1000, 4000), "most of Europe, Brazil, Indonesia"),
    ProgressTone(_RING, (425,), (1000, 5000), "Austria, Sweden"),
    ProgressTone(_RING, (425,), (1000, 3000), "Belgium"),
    ProgressTone(_RING, (425,), (800, 3200), "Russia, Ukraine"),
    ProgressTone(_RING, (425,), (1250, 3750), "Hungary"),
    ProgressTone(_RING, (425,), (1500, 3000), "Spain"),
    ProgressTone(_RING, (425,), (2000, 4000), "Turkey"),
    ProgressTone(_RING, (440,), (1500, 3500), "France"),
    ProgressTone(_RING, (450,), (1000, 4000), "China"),
    INDIAN_BUSY,
    ProgressTone(_BUSY, (480, 620), (500, 500), "North America"),
    ProgressTone(_BUSY, (400,), (375, 375), "United Kingdom"),
    ProgressTone(_BUSY, (400,), (500, 500), "Japan, New Zealand, Israel"),
    ProgressTone(_BUSY, (425,), (500, 500), "most of Europe, Indonesia"),
    ProgressTone(_BUSY, (425,), (400, 400), "Austria, Russia, Ukraine"),
    ProgressTone(_BUSY, (425,), (375, 375), "Australia"),
    ProgressTone(_BUSY, (425,), (310, 310), "Finland, Hungary, Greece"),
    ProgressTone(_BUSY, (440,), (500, 500), "France"),
    ProgressTone(_BUSY, (450,), (350, 350), "China"),
    INDIAN_CONGESTION,
    ProgressTone(_CONGESTION, (480, 620), (250, 250), "North America"),
    ProgressTone(_CONGESTION, (400,), (400, 350, 225, 525), "United Kingdom"),
    ProgressTone(_CONGESTION, (425,), (250, 250), "most of Europe, Indonesia"),
    ProgressTone(_CONGESTION, (425,), (200, 200), "Italy, Switzerland, Russia"),
    ProgressTone(_CONGESTION, (425,), (167, 167), "Belgium, Czechia"),
    ProgressTone(_CONGESTION, (425,), (200, 200, 200, 200, 200, 600), "Spain"),
    ProgressTone(_CONGESTION, (425,), (250, 250, 750, 250), "Brazil"),
    ProgressTone(_CONGESTION, (440,), (250, 250), "France"),
    ProgressTone(_CONGESTION, (450,), (700, 700), "China"),
)
