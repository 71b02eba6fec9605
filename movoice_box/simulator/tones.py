"""What a telephone network lets a caller hear before anyone answers."""

from collections.abc import Mapping

from movoice_box.domain.audio import BYTES_PER_SECOND
from movoice_box.domain.early_media import EarlySound
from movoice_box.rtp.tone_plan import INDIAN_BUSY, INDIAN_CONGESTION, INDIAN_RINGBACK
from movoice_box.rtp.tones import progress_tone, special_information_tone
from movoice_box.simulator.callees import Callee

_TONES = {
    EarlySound.RINGBACK: progress_tone(INDIAN_RINGBACK),
    EarlySound.BUSY: progress_tone(INDIAN_BUSY),
    EarlySound.CONGESTION: progress_tone(INDIAN_CONGESTION),
    EarlySound.SPECIAL_INFORMATION: special_information_tone(),
}
_PAUSE = bytes(BYTES_PER_SECOND)  # between an announcement and its repetition


def early_media(callee: Callee, prompts: Mapping[str, bytes]) -> bytes:
    """PCM to be played over and over again while the callee's phone rings."""
    tone = _TONES[callee.tone] if callee.tone is not None else b""
    return tone + prompts[callee.announcement] + _PAUSE if callee.announcement else tone
