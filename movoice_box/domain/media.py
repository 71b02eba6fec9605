"""What the signalling tells the media: codecs, addresses and payload types."""

from dataclasses import dataclass
from enum import Enum

SAMPLE_RATE_HZ = 8_000
PTIME_MS = 20
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ * PTIME_MS // 1000


class Codec(Enum):
    """G.711, by its static RTP payload type (RFC 3551 section 6)."""

    PCMU = 0
    PCMA = 8

    @property
    def payload_type(self) -> int:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOffer:
    """Where this box listens for RTP and what it can decode, best codec first."""

    address: str
    port: int
    codecs: tuple[Codec, ...] = (Codec.PCMU, Codec.PCMA)
    telephone_event_payload_type: int = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaTarget:
    """Where and how to send RTP, as agreed in the answer (RFC 3264 section 6).

    `telephone_event_payload_type` is None where the far end takes no RFC 4733 digits.
    `is_sending` is False while the far end holds us: it wants no media (`recvonly` from our side).
    """

    address: str
    port: int
    codec: Codec
    telephone_event_payload_type: int | None = None
    ptime_ms: int = PTIME_MS
    is_sending: bool = True
