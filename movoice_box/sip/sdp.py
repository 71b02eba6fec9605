"""SDP offer and answer for one G.711 audio stream (RFC 4566, RFC 3264, RFC 4733)."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

from movoice_box.domain.media import G711, PTIME_MS, Codec, MediaOffer, MediaTarget
from movoice_box.errors import SdpError

_MEDIA_LINE = re.compile(r"(\w+) (\d{1,5})(?:/\d{1,5})? (\S+) (.+)", re.ASCII)
_RTPMAP = re.compile(r"(\d{1,3})\s+([\w-]+)/(\d{1,6})(?:/\d+)?", re.ASCII)
_STATIC_RTPMAPS = {codec.payload_type: (codec.name.lower(), 8000) for codec in G711}


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


_DIRECTIONS = {direction.value: direction for direction in Direction}
_ANSWERS = {
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
}


@dataclass(slots=True)
class MediaDescription:
    """One `m=` section. `port` is 0 where the stream is refused or ended."""

    kind: str
    port: int
    profile: str
    formats: list[str]
    address: str = ""
    direction: Direction = Direction.SENDRECV
    rtpmaps: dict[int, tuple[str, int]] = field(default_factory=dict)

    @property
    def payload_types(self) -> list[int]:
        """Those of the formats that can be one (RFC 3550: 7 bits), in the order of preference."""
        return [int(name) for name in self.formats if re.fullmatch(r"\d{1,3}", name, re.ASCII)]

    def format_of(self, payload_type: int) -> tuple[str, int] | None:
        return self.rtpmaps.get(payload_type) or _STATIC_RTPMAPS.get(payload_type)

    @property
    def format_names(self) -> list[str]:
        """For messages: `G729`, or the number where nothing names it."""
        named = ((number, self.format_of(number)) for number in self.payload_types)
        return [found[0].upper() if found else str(number) for number, found in named]

    @property
    def is_rtp_audio(self) -> bool:
        return self.kind == "audio" and self.profile in ("RTP/AVP", "RTP/AVPF")


@dataclass(slots=True)
class SessionDescription:
    """What one side said: its streams in order, as far as this box uses them."""

    media: list[MediaDescription] = field(default_factory=list)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read an SDP body. Raises `SdpError`; never any other exception."""
        session = cls()
        address, direction = "", Direction.SENDRECV
        for line in body.decode("utf-8", "replace").splitlines():
            kind, _, value = line.partition("=")
            media = session.media[-1] if session.media else None
            match kind:
                case "m":
                    session.media.append(_parse_media_line(value, address, direction))
                case "c" if media:
                    media.address = _parse_connection(value)
                case "c":
                    address = _parse_connection(value)
                case "a" if media:
                    _read_attribute(media, value)
                case "a":
                    direction = _DIRECTIONS.get(value.strip(), direction)
        return session

    @property
    def audio(self) -> MediaDescription:
        """The first stream of RTP audio that was not refused. Raises `SdpError`."""
        for media in self.media:
            if media.is_rtp_audio and media.port:
                return media
        if any(media.kind == "audio" and media.port for media in self.media):
            raise SdpError("the far end wants its audio in another way than plain RTP (RTP/AVP)")
        raise SdpError("the far end refused the audio stream")


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """This box's side of the session: what it offers, under one SDP session id.

    `version` rises with each description that differs from the one before (RFC 3264 section 8).
    `current` is the codec in use, which is kept where a new offer has it too.
    """

    offer: MediaOffer
    session_id: int
    version: int = 1
    current: Codec | None = None

    def write_offer(self) -> bytes:
        """Every codec we have, best first."""
        payload_types = [codec.payload_type for codec in self.offer.codecs]
        events = self.offer.telephone_event_payload_type
        return self._write([self._audio(payload_types, events, Direction.SENDRECV)])

    def write_answer(self, offered: SessionDescription) -> bytes:
        """Accept the audio of an offer, with its payload types, and refuse its other streams.

        Raises `SdpError` where there is no audio or no common codec.
        """
        audio = offered.audio
        codec = self._choose(audio)
        direction = Direction.RECVONLY if _is_nowhere(audio.address) else audio.direction.answer
        accepted = self._audio([codec.payload_type], _telephone_event(audio), direction)
        return self._write(
            accepted
            if media is audio
            else f"m={media.kind} 0 {media.profile} {' '.join(media.formats)}\r\n"
            for media in offered.media
        )

    def read(self, described: SessionDescription) -> MediaTarget:
        """Where and how to send, by the other side's offer or answer. Raises `SdpError`."""
        audio = described.audio
        codec = self._choose(audio)
        return MediaTarget(
            address=_checked_address(audio.address, self.offer.address),
            port=audio.port,
            codec=codec,
            telephone_event_payload_type=_telephone_event(audio),
            is_sending=audio.direction.receives and not _is_nowhere(audio.address),
        )

    def _choose(self, audio: MediaDescription) -> Codec:
        """The first that both have, in the far end's order. Raises `SdpError`."""
        common = [
            codec
            for number in audio.payload_types
            for codec in self.offer.codecs
            if number == codec.payload_type and audio.format_of(number) == _name_of(codec)
        ]
        if self.current in common:
            return self.current
        if common:
            return common[0]
        ours = ", ".join(codec.name for codec in self.offer.codecs)
        theirs = ", ".join(audio.format_names) or "nothing"
        raise SdpError(f"no common codec: this box has {ours}, the far end {theirs}")

    def _write(self, sections: Iterable[str]) -> bytes:
        version = "IP6" if ":" in self.offer.address else "IP4"
        connection = f"IN {version} {self.offer.address}"
        head = (
            f"v=0\r\no=- {self.session_id} {self.version} {connection}\r\n"
            f"s=-\r\nc={connection}\r\nt=0 0\r\n"
        )
        return (head + "".join(sections)).encode()

    def _audio(self, payload_types: list[int], events: int | None, direction: Direction) -> str:
        formats = payload_types if events is None else [*payload_types, events]
        lines = [f"m=audio {self.offer.port} RTP/AVP {' '.join(map(str, formats))}"]
        names = {codec.payload_type: codec.value for codec in self.offer.codecs}
        lines += [f"a=rtpmap:{number} {names[number]}/8000" for number in payload_types]
        if events is not None:
            lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-15"]
        lines += [f"a=ptime:{PTIME_MS}", f"a={direction.value}", ""]
        return "\r\n".join(lines)


def _parse_media_line(value: str, address: str, direction: Direction) -> MediaDescription:
    match = _MEDIA_LINE.fullmatch(value.strip())
    if match is None or int(match[2]) > 65_535:
        raise SdpError(f"SDP line 'm={value[:60]}' is not readable")
    return MediaDescription(
        kind=match[1].lower(),
        port=int(match[2]),
        profile=match[3].upper(),
        formats=match[4].split(),
        address=address,
        direction=direction,
    )


def _parse_connection(value: str) -> str:
    parts = value.split()
    if len(parts) != 3:
        raise SdpError(f"SDP line 'c={value[:60]}' is not readable")
    return parts[2].partition("/")[0]


def _read_attribute(media: MediaDescription, value: str) -> None:
    name, _, argument = value.strip().partition(":")
    if name in _DIRECTIONS:
        media.direction = _DIRECTIONS[name]
    elif name == "rtpmap" and (match := _RTPMAP.match(argument.strip())):
        media.rtpmaps[int(match[1])] = (match[2].lower(), int(match[3]))


def _telephone_event(audio: MediaDescription) -> int | None:
    for number in audio.payload_types:
        if number < 128 and audio.format_of(number) == ("telephone-event", 8000):
            return number
    return None


def _name_of(codec: Codec) -> tuple[str, int]:
    return codec.name.lower(), 8000


def _is_nowhere(address: str) -> bool:
    """True for `c=0.0.0.0`, the hold of RFC 2543 (RFC 3264 8.4)."""
    return address in ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)


def _checked_address(address: str, local: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        raise SdpError(f"the far end's media address '{address[:60]}' is no IP address") from None
    if ip.version != ipaddress.ip_address(local).version or ip.is_multicast:
        raise SdpError(f"no media can go from {local} to {address}")
    return str(ip)
