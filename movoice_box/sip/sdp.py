"""SDP offer and answer for one audio stream (RFC 4566, RFC 3264, RFC 4733, RFC 4568)."""

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

from movoice_box.domain.media import Codec, MediaOffer, MediaTarget, SrtpKey
from movoice_box.errors import SdpError
from movoice_box.sip.media_description import (
    DIRECTIONS,
    PLAIN_PROFILES,
    SECURE_PROFILES,
    Direction,
    MediaDescription,
    write_crypto,
)

_OPUS_EVENTS = 110  # payload type of telephone-event/48000, where Opus is offered
_OPUS_FORMAT = "maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1"  # RFC 7587 6.1


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
                    session.media.append(MediaDescription.parse(value, address, direction))
                case "c" if media:
                    media.address = _parse_connection(value)
                case "c":
                    address = _parse_connection(value)
                case "b" if media:
                    media.read_bandwidth(value)
                case "a" if media:
                    media.read_attribute(value)
                case "a":
                    direction = DIRECTIONS.get(value.strip(), direction)
        return session

    def audio(self, *, is_srtp: bool) -> MediaDescription:
        """The first stream of RTP audio, encrypted or plain, that was not refused.

        Raises `SdpError`.
        """
        streams = [media for media in self.media if media.kind == "audio" and media.port]
        profiles = SECURE_PROFILES if is_srtp else PLAIN_PROFILES
        for media in streams:
            if media.profile in profiles:
                return media
        if not streams:
            raise SdpError("the far end refused the audio stream")
        if is_srtp:
            raise SdpError("the far end wants its audio in the clear, and this trunk is for SRTP")
        if any(media.profile in SECURE_PROFILES for media in streams):
            raise SdpError("the far end wants SRTP: switch it on for this trunk")
        raise SdpError("the far end wants its audio in another way than plain RTP (RTP/AVP)")


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
        formats = {codec: codec.payload_type for codec in self.offer.codecs}
        events = {8_000: self.offer.telephone_event_payload_type}
        if Codec.OPUS in formats:
            events[Codec.OPUS.clock_rate_hz] = _OPUS_EVENTS
        profile = SECURE_PROFILES[0] if self.offer.srtp else PLAIN_PROFILES[0]
        return self._write(
            [self._audio(profile, formats, events, Direction.SENDRECV, self.offer.srtp)]
        )

    def write_answer(self, offered: SessionDescription) -> bytes:
        """Accept the audio of an offer, with its payload types, and refuse its other streams.

        Raises `SdpError` where there is no audio, no common codec or, for SRTP, no key.
        """
        audio = self._audio_of(offered)
        codec, number = self._choose(audio)
        events = audio.telephone_event_for(codec)
        accepted = self._audio(
            audio.profile,
            {codec: number},
            {codec.clock_rate_hz: events} if events is not None else {},
            Direction.RECVONLY if _is_nowhere(audio.address) else audio.direction.answer,
            self._answering_key(audio),
        )
        return self._write(
            accepted
            if media is audio
            else f"m={media.kind} 0 {media.profile} {' '.join(media.formats)}\r\n"
            for media in offered.media
        )

    def read(self, described: SessionDescription) -> MediaTarget:
        """Where and how to send, by the other side's offer or answer. Raises `SdpError`."""
        audio = self._audio_of(described)
        codec, number = self._choose(audio)
        address = _checked_address(audio.address, self.offer.address)
        return MediaTarget(
            address=address,
            port=audio.port,
            codec=codec,
            payload_type=number if number != codec.payload_type else None,
            telephone_event_payload_type=audio.telephone_event_for(codec),
            ptime_ms=audio.packet_ms(self.offer.ptime_ms),
            is_sending=audio.direction.receives and not _is_nowhere(address),
            rtcp=self._rtcp(audio, address),
            srtp=_key_of(audio) if self.offer.srtp else None,
        )

    def _audio_of(self, described: SessionDescription) -> MediaDescription:
        return described.audio(is_srtp=self.offer.srtp is not None)

    def _choose(self, audio: MediaDescription) -> tuple[Codec, int]:
        """The first codec that both have, in the far end's order, and its number there.

        Raises `SdpError`.
        """
        common = {
            codec: number
            for codec in self.offer.codecs
            if (number := audio.number_of(codec)) is not None
        }
        if self.current in common:
            return self.current, common[self.current]
        if common:
            order = audio.payload_types
            return min(common.items(), key=lambda item: order.index(item[1]))
        ours = ", ".join(codec.name for codec in self.offer.codecs)
        theirs = ", ".join(audio.format_names) or "nothing"
        raise SdpError(f"no common codec: this box has {ours}, the far end {theirs}")

    def _answering_key(self, audio: MediaDescription) -> SrtpKey | None:
        """Our key under the tag of the one that was offered (RFC 4568 5.1.2)."""
        return replace(self.offer.srtp, tag=_key_of(audio).tag) if self.offer.srtp else None

    def _rtcp(self, audio: MediaDescription, address: str) -> tuple[str, int] | None:
        """Where RTCP goes: `a=rtcp` (RFC 3605), else the next port (RFC 3550 section 11)."""
        port, elsewhere = audio.rtcp or (audio.port + 1, "")
        if not audio.has_rtcp or not 0 < port < 65_536 or _is_nowhere(address):
            return None
        with suppress(SdpError):
            return _checked_address(elsewhere or address, self.offer.address), port
        return address, port

    def _write(self, sections: Iterable[str]) -> bytes:
        version = "IP6" if ":" in self.offer.address else "IP4"
        connection = f"IN {version} {self.offer.address}"
        head = (
            f"v=0\r\no=- {self.session_id} {self.version} {connection}\r\n"
            f"s=-\r\nc={connection}\r\nt=0 0\r\n"
        )
        return (head + "".join(sections)).encode()

    def _audio(
        self,
        profile: str,
        formats: dict[Codec, int],
        events: dict[int, int],
        direction: Direction,
        key: SrtpKey | None,
    ) -> str:
        """Our `m=` section; `events` are payload types of telephone events by clock rate."""
        numbers = [*formats.values(), *events.values()]
        lines = [f"m=audio {self.offer.port} {profile} {' '.join(map(str, numbers))}"]
        for codec, number in formats.items():
            channels = "/2" if codec is Codec.OPUS else ""
            lines.append(f"a=rtpmap:{number} {codec.value}/{codec.clock_rate_hz}{channels}")
            if codec is Codec.OPUS:
                lines.append(f"a=fmtp:{number} {_OPUS_FORMAT}")
        for rate_hz, number in events.items():
            lines += [f"a=rtpmap:{number} telephone-event/{rate_hz}", f"a=fmtp:{number} 0-15"]
        if key is not None:
            lines.append(write_crypto(key))
        lines += [f"a=ptime:{self.offer.ptime_ms}", f"a={direction.value}", ""]
        return "\r\n".join(lines)


def _parse_connection(value: str) -> str:
    parts = value.split()
    if len(parts) != 3:
        raise SdpError(f"SDP line 'c={value[:60]}' is not readable")
    return parts[2].partition("/")[0]


def _key_of(audio: MediaDescription) -> SrtpKey:
    """The first key that this box can use, which is the far end's best. Raises `SdpError`."""
    if not audio.keys:
        raise SdpError("the far end gives no SRTP key of AES_CM_128_HMAC_SHA1_80 (a=crypto)")
    return audio.keys[0]


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
