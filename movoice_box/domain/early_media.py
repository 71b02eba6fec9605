"""What was heard before the answer.

The operator's announcement ("switched off", "out of coverage", "does not exist") often comes as
audio in a 183 with no useful cause.
"""

from dataclasses import dataclass
from enum import StrEnum


class EarlySound(StrEnum):
    """What early media was, by ITU-T E.180 and E.182."""

    NONE = "none"  # nothing came, or too little to tell
    SILENCE = "silence"
    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    SPECIAL_INFORMATION = "special_information"  # three rising tones before an announcement
    SPEECH = "speech"  # an announcement
    OTHER = "other"  # such as the melody that a callee has chosen instead of ringback


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyMediaVerdict:
    """`heard_s` is how long early media was; `sounds` what it was, longest first."""

    sounds: tuple[EarlySound, ...]
    heard_s: float

    @property
    def main(self) -> EarlySound:
        return self.sounds[0] if self.sounds else EarlySound.NONE
