"""What the signalling tells the media: codecs, addresses, payload types and keys."""

from dataclasses import dataclass
from enum import Enum, StrEnum

SAMPLE_RATE_HZ = 8_000  # of all PCM inside the box, whatever the codec on the wire
PTIME_MS = 20
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ * PTIME_MS // 1000
PTIMES_MS = (10, 20, 30, 40, 50, 60)


_PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9, "opus": 107}


class Codec(Enum):
    """An audio codec by its encoding name in SDP (RFC 3551 section 6, RFC 7587)."""

    PCMU = "PCMU"
    PCMA = "PCMA"
    G722 = "G722"
    OPUS = "opus"

    payload_type: int
    """What this box offers it as: static, but for Opus."""
    clock_rate_hz: int
    """Of RTP timestamps. G.722 samples at 16 kHz and counts at 8 (RFC 3551 4.5.2)."""
    samples_per_ms: int
    """RTP timestamp units in a millisecond."""

    def __init__(self, name: str) -> None:
        self.payload_type = _PAYLOAD_TYPES[name]
        self.clock_rate_hz = 48_000 if name == "opus" else 8_000
        self.samples_per_ms = self.clock_rate_hz // 1000


G711 = (Codec.PCMU, Codec.PCMA)


class DtmfMethod(StrEnum):
    """How our key presses reach the far end; its own are understood however they come."""

    AUTO = "auto"  # RFC 4733 where the far end offers telephone-event, else tones in the audio
    INBAND = "inband"
    INFO = "info"  # SIP INFO, application/dtmf-relay


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaWishes:
    """What a trunk wants of the media of its calls: codecs best first, milliseconds a packet."""

    codecs: tuple[Codec, ...] = (Codec.PCMU, Codec.PCMA, Codec.G722)
    ptime_ms: int = PTIME_MS
    dtmf: DtmfMethod = DtmfMethod.AUTO
    is_srtp: bool = False


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """One `a=crypto` of suite AES_CM_128_HMAC_SHA1_80 (RFC 4568 section 9): 30 bytes of key and
    salt, by which its describer's own packets are protected."""

    tag: int
    master: bytes

    def __repr__(self) -> str:
        return f"SrtpKey({self.tag})"  # no key in a log


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOffer:
    """Where this box listens for RTP and what it can decode, best codec first.

    With `srtp` the stream is RTP/SAVP and nothing else; the key protects what this box sends.
    RTCP is received on the next port.
    """

    address: str
    port: int
    codecs: tuple[Codec, ...] = G711
    telephone_event_payload_type: int = 101
    ptime_ms: int = PTIME_MS
    srtp: SrtpKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaTarget:
    """Where and how to send RTP, as agreed in the answer (RFC 3264 section 6).

    `payload_type` is what the far end calls the codec, None for our own number of it.
    `telephone_event_payload_type` is None where it takes no RFC 4733 digits. `is_sending` is False
    while the far end holds us: it wants no media (`recvonly` from our side). `rtcp` is None where
    it takes none. `srtp` is the far end's key. `ptime_ms` is what it wants to receive.
    """

    address: str
    port: int
    codec: Codec
    payload_type: int | None = None
    telephone_event_payload_type: int | None = None
    ptime_ms: int = PTIME_MS
    is_sending: bool = True
    rtcp: tuple[str, int] | None = None
    srtp: SrtpKey | None = None
