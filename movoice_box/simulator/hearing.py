"""What a callee hears, frame by frame, and the moments it picks to act. No sockets, no clock."""

from dataclasses import dataclass

import numpy as np

from movoice_box.domain.media import PTIME_MS
from movoice_box.simulator.callees import Step

_SPEECH_RMS = 300  # of 32,768: -41 dBFS, above line noise and below any voice


@dataclass(slots=True)
class Heard:
    """A summary of a whole call: `loudest_rms` of 32,767 over one frame."""

    listened_ms: int = 0
    speech_ms: int = 0
    loudest_rms: int = 0

    def add(self, pcm: bytes) -> bool:
        """Take one frame; whether it was speech."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        rms = int(np.sqrt(np.dot(samples, samples) / max(1, samples.size)))
        self.listened_ms += PTIME_MS
        self.loudest_rms = max(self.loudest_rms, rms)
        is_speech = rms >= _SPEECH_RMS
        self.speech_ms += PTIME_MS * is_speech
        return is_speech


class Attention:
    """Waits through a callee's steps: feed it each frame, do the step it returns."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.heard = Heard()
        self._steps = list(reversed(steps))
        self._waited_ms = 0
        self._speech_ms = 0
        self._silence_ms = 0

    def hear(self, pcm: bytes) -> Step | None:
        if self.heard.add(pcm):
            self._speech_ms += PTIME_MS
            self._silence_ms = 0
        else:
            self._silence_ms += PTIME_MS
        self._waited_ms += PTIME_MS
        if not self._steps or not self._is_due(self._steps[-1]):
            return None
        self._waited_ms = self._speech_ms = self._silence_ms = 0
        return self._steps.pop()

    def _is_due(self, step: Step) -> bool:
        if self._waited_ms >= step.at_most_ms:
            return True
        return (
            self._waited_ms >= step.at_least_ms
            and self._speech_ms >= step.speech_ms
            and self._silence_ms >= step.silence_ms
        )


class Patience:
    """Ends when no RTP packet came for `limit_s`: the caller has vanished without a BYE."""

    def __init__(self, limit_s: float) -> None:
        self._limit_ms = 1000 * limit_s
        self._waited_ms = 0
        self._received = 0

    def is_over(self, received: int) -> bool:
        """Ask once a frame; `received` counts the call's packets so far."""
        self._waited_ms = self._waited_ms + PTIME_MS if received == self._received else 0
        self._received = received
        return self._waited_ms > self._limit_ms
