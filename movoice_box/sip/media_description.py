"""One stream of an SDP body: its `m=` line and what follows it (RFC 4566 section 5.14)."""

import base64
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from movoice_box.domain.media import PTIMES_MS, Codec, SrtpKey
from movoice_box.errors import SdpError

CRYPTO_SUITE = "AES_CM_128_HMAC_SHA1_80"  # RFC 4568 6.2: the one that everybody has
SRTP_MASTER_BYTES = 30  # 128 bits of key, 112 of salt (RFC 4568 6.1)
PLAIN_PROFILES = ("RTP/AVP", "RTP/AVPF")
SECURE_PROFILES = ("RTP/SAVP", "RTP/SAVPF")  # RFC 3711, RFC 5124
_TELEPHONE_EVENT = "telephone-event"

_MEDIA_LINE = re.compile(r"(\w+) (\d{1,5})(?:/\d{1,5})? (\S+) (.+)", re.ASCII)
_RTPMAP = re.compile(r"(\d{1,3})\s+([\w-]+)/(\d{1,6})(?:/(\d{1,2}))?(?!\S)", re.ASCII)
_PAYLOAD_TYPE = re.compile(r"\d{1,3}", re.ASCII)
_MILLISECONDS = re.compile(r"(\d{1,4})(?:\.\d*)?\s*", re.ASCII)
_RTCP = re.compile(r"(\d{1,5})(?: IN IP[46] (\S+))?\s*", re.ASCII)
_CRYPTO = re.compile(r"(\d{1,9})\s+(\S+)\s+inline:([^\s|;]+)(\|\S*)?((?:\s+\S+)*)\s*", re.ASCII)
_HARMLESS = re.compile(r"-|WSH=")  # session parameters of a crypto that change nothing for us


class Direction(Enum):
    """Which way media flows, as its describer sees it (RFC 4566 section 6)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def answer(self) -> "Direction":
        """What an offer in this direction is answered with (RFC 3264 6.1)."""
        return _ANSWERS.get(self, self)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)


DIRECTIONS = {direction.value: direction for direction in Direction}
_ANSWERS = {
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """What an `rtpmap` says of a payload type; `name` in lower case."""

    name: str
    clock_rate_hz: int
    channels: int = 1

    @classmethod
    def of(cls, codec: Codec) -> Self:
        """Opus always says two channels, whatever it carries (RFC 7587 section 7)."""
        return cls(codec.value.lower(), codec.clock_rate_hz, 2 if codec is Codec.OPUS else 1)


_STATIC = {codec.payload_type: Encoding.of(codec) for codec in Codec if codec is not Codec.OPUS}


@dataclass(slots=True)
class MediaDescription:
    """One `m=` section. `port` is 0 where the stream is refused or ended.

    `rtcp` is the port and address of `a=rtcp`, the address empty where it names none (RFC 3605).
    `keys` are those of the `a=crypto` lines that this box can use.
    """

    kind: str
    port: int
    profile: str
    formats: list[str]
    address: str = ""
    direction: Direction = Direction.SENDRECV
    encodings: dict[int, Encoding] = field(default_factory=dict)
    ptime_ms: int | None = None
    maxptime_ms: int | None = None
    rtcp: tuple[int, str] | None = None
    rtcp_bandwidth: dict[str, str] = field(default_factory=dict)
    keys: list[SrtpKey] = field(default_factory=list)

    @classmethod
    def parse(cls, value: str, address: str, direction: Direction) -> Self:
        """Read an `m=` line; address and direction are the session's. Raises `SdpError`."""
        match = _MEDIA_LINE.fullmatch(value.strip())
        if match is None or int(match[2]) > 65_535:
            raise SdpError(f"SDP line 'm={value[:60]}' is not readable")
        return cls(
            kind=match[1].lower(),
            port=int(match[2]),
            profile=match[3].upper(),
            formats=match[4].split(),
            address=address,
            direction=direction,
        )

    def read_attribute(self, value: str) -> None:
        """Take in an `a=` line; one that cannot be read is as if it were not there."""
        name, _, argument = value.strip().partition(":")
        argument = argument.strip()
        if name in DIRECTIONS:
            self.direction = DIRECTIONS[name]
        elif name == "rtpmap" and (match := _RTPMAP.match(argument)):
            encoding = Encoding(match[2].lower(), int(match[3]), int(match[4] or 1))
            self.encodings[int(match[1])] = encoding
        elif name == "ptime" and (match := _MILLISECONDS.fullmatch(argument)):
            self.ptime_ms = int(match[1])
        elif name == "maxptime" and (match := _MILLISECONDS.fullmatch(argument)):
            self.maxptime_ms = int(match[1])
        elif name == "rtcp" and (match := _RTCP.fullmatch(argument)) and int(match[1]) < 65_536:
            self.rtcp = int(match[1]), match[2] or ""
        elif name == "crypto" and (key := _parse_crypto(argument)):
            self.keys.append(key)

    def read_bandwidth(self, value: str) -> None:
        """Take in a `b=` line: RTCP's shares of it are all that matters here (RFC 3556)."""
        name, _, bits = value.strip().partition(":")
        if name in ("RS", "RR"):
            self.rtcp_bandwidth[name] = bits

    @property
    def has_rtcp(self) -> bool:
        """False where neither senders nor receivers may send any (RFC 3556 section 2)."""
        return self.rtcp_bandwidth != {"RS": "0", "RR": "0"}

    @property
    def payload_types(self) -> list[int]:
        """Those of the formats that can be one (RFC 3550: 7 bits), in the order of preference."""
        return [int(name) for name in self.formats if _PAYLOAD_TYPE.fullmatch(name)]

    def encoding_of(self, payload_type: int) -> Encoding | None:
        if payload_type > 127:
            return None
        return self.encodings.get(payload_type) or _STATIC.get(payload_type)

    def number_of(self, codec: Codec) -> int | None:
        """What this side calls `codec`, None where it does not have it."""
        return self._number_of(Encoding.of(codec))

    def telephone_event_for(self, codec: Codec) -> int | None:
        """Its number of telephone events on the clock of `codec` (RFC 4733 section 2.1)."""
        return self._number_of(Encoding(_TELEPHONE_EVENT, codec.clock_rate_hz))

    @property
    def format_names(self) -> list[str]:
        """For messages: `G729`, or the number where nothing names it."""
        named = ((number, self.encoding_of(number)) for number in self.payload_types)
        return [found.name.upper() if found else str(number) for number, found in named]

    def packet_ms(self, wished_ms: int) -> int:
        """How much audio to put into each packet for this side: what it asks for, as it can be.

        `wished_ms` where it asks for nothing; never more than its `maxptime`.
        """
        asked = min(self.ptime_ms or wished_ms, self.maxptime_ms or PTIMES_MS[-1])
        return max((ms for ms in PTIMES_MS if ms <= asked), default=PTIMES_MS[0])

    def _number_of(self, wanted: Encoding) -> int | None:
        for number in self.payload_types:
            if self.encoding_of(number) == wanted:
                return number
        return None


def write_crypto(key: SrtpKey) -> str:
    return f"a=crypto:{key.tag} {CRYPTO_SUITE} inline:{base64.b64encode(key.master).decode()}"


def _parse_crypto(argument: str) -> SrtpKey | None:
    """None for what cannot be done: another suite, several keys, a key index in each packet."""
    match = _CRYPTO.fullmatch(argument)
    if match is None or match[2] != CRYPTO_SUITE or ":" in (match[4] or ""):
        return None
    if not all(_HARMLESS.match(parameter) for parameter in match[5].split()):
        return None
    try:
        master = base64.b64decode(match[3], validate=True)
    except ValueError:
        return None
    return SrtpKey(int(match[1]), master) if len(master) == SRTP_MASTER_BYTES else None
