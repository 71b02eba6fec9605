"""RTCP packets (RFC 3550 section 6)."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from movoice_box.errors import RtpError

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203

_HEADER = struct.Struct("!BBH")
_WORD = struct.Struct("!I")
_SENDER_INFO = struct.Struct("!QIII")
_BLOCK = struct.Struct("!IIIIII")
_VERSION = 2
_PADDING = 0x20
_COUNT = 0x1F
_CNAME = 1
_MOST_LOST = (1 << 23) - 1  # a signed number of 24 bits
_LONGEST_TEXT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """What a receiver says of the stream of `ssrc` (section 6.4.1).

    `fraction_lost` in 1/256 since the report before; `lost` in all, below zero when more came than
    were sent; `jitter` in units of the stream's timestamps; `last_report` the middle 32 bits of the
    NTP time of the last sender report, 0 for none; `delay` since it came, in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_report: int = 0
    delay: int = 0

    def pack(self) -> bytes:
        lost = max(-_MOST_LOST - 1, min(self.lost, _MOST_LOST)) & 0xFF_FFFF
        return _BLOCK.pack(
            self.ssrc,
            min(self.fraction_lost, 255) << 24 | lost,
            self.highest_sequence & 0xFFFF_FFFF,
            self.jitter & 0xFFFF_FFFF,
            self.last_report,
            self.delay & 0xFFFF_FFFF,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverReport:
    """Of one who has sent nothing lately (section 6.4.2)."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()

    def pack(self) -> bytes:
        body = _WORD.pack(self.ssrc) + b"".join(block.pack() for block in self.blocks)
        return _packet(RECEIVER_REPORT, len(self.blocks), body)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderReport:
    """`ntp` in 2**-32 s since 1900, the moment of `timestamp`; counts since the stream began."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()

    def pack(self) -> bytes:
        info = _SENDER_INFO.pack(
            self.ntp, self.timestamp, self.packets & 0xFFFF_FFFF, self.octets & 0xFFFF_FFFF
        )
        blocks = b"".join(block.pack() for block in self.blocks)
        return _packet(SENDER_REPORT, len(self.blocks), _WORD.pack(self.ssrc) + info + blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDescription:
    """The canonical name of a sender (section 6.5.1); its other items are not kept."""

    ssrc: int
    cname: str

    def pack(self) -> bytes:
        text = self.cname.encode()[:_LONGEST_TEXT]
        item = bytes((_CNAME, len(text))) + text + b"\0"
        return _packet(SOURCE_DESCRIPTION, 1, _padded(_WORD.pack(self.ssrc) + item))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodbye:
    """These senders have left (section 6.6)."""

    ssrcs: tuple[int, ...]

    def pack(self) -> bytes:
        return _packet(GOODBYE, len(self.ssrcs), b"".join(map(_WORD.pack, self.ssrcs)))


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye


def pack_compound(packets: Iterable[RtcpPacket]) -> bytes:
    """One datagram; a report has to come first (section 6.1)."""
    return b"".join(packet.pack() for packet in packets)


def parse_compound(data: bytes) -> Sequence[RtcpPacket]:
    """Read one datagram; packets of other types are left out. Raises `RtpError`.

    Checked as appendix A.2 asks: version 2 throughout, a report first, lengths that add up.
    """
    parts = list(_split(data))  # whole: Python 3.11 leaks what a generator raises inside f(*g, k=v)
    return [packet for part in parts if (packet := _parse(*part))]


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, count and body of each packet."""
    at = 0
    if not data:
        raise RtpError("RTCP datagram is empty")
    while at < len(data):
        if at + _HEADER.size > len(data):
            raise RtpError(f"RTCP packet header is cut off at byte {at} of {len(data)}")
        flags, packet_type, words = _HEADER.unpack_from(data, at)
        end = at + _HEADER.size + 4 * words
        if flags >> 6 != _VERSION:
            raise RtpError(f"RTCP version {flags >> 6}, expected {_VERSION}")
        if end > len(data):
            raise RtpError(f"RTCP packet of {words} words at byte {at} exceeds {len(data)} bytes")
        if at == 0 and packet_type not in (SENDER_REPORT, RECEIVER_REPORT):
            raise RtpError(f"RTCP datagram starts with packet type {packet_type}, not a report")
        body = data[at + _HEADER.size : end]
        if flags & _PADDING:
            if end != len(data) or not body or not 0 < body[-1] <= len(body) or body[-1] % 4:
                raise RtpError("RTCP padding is not at the end, or longer than its packet")
            body = body[: -body[-1]]
        yield packet_type, flags & _COUNT, body
        at = end


def _parse(packet_type: int, count: int, body: bytes) -> RtcpPacket | None:
    try:
        match packet_type:
            case 200:
                return _parse_sender_report(count, body)
            case 201:
                (ssrc,) = _WORD.unpack_from(body)
                return ReceiverReport(ssrc=ssrc, blocks=_parse_blocks(count, body, _WORD.size))
            case 202:
                return _parse_description(count, body)
            case 203:
                return Goodbye(ssrcs=struct.unpack_from(f"!{count}I", body))
            case _:
                return None
    except struct.error as error:
        raise RtpError(f"RTCP packet of type {packet_type} is too short: {error}") from error


def _parse_sender_report(count: int, body: bytes) -> SenderReport:
    (ssrc,) = _WORD.unpack_from(body)
    ntp, timestamp, packets, octets = _SENDER_INFO.unpack_from(body, _WORD.size)
    return SenderReport(
        ssrc=ssrc,
        ntp=ntp,
        timestamp=timestamp,
        packets=packets,
        octets=octets,
        blocks=_parse_blocks(count, body, _WORD.size + _SENDER_INFO.size),
    )


def _parse_blocks(count: int, body: bytes, at: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for number in range(count):
        ssrc, losses, highest, jitter, last, delay = _BLOCK.unpack_from(
            body, at + number * _BLOCK.size
        )
        lost = losses & 0xFF_FFFF
        blocks.append(
            ReportBlock(
                ssrc=ssrc,
                fraction_lost=losses >> 24,
                lost=lost - (1 << 24) if lost > _MOST_LOST else lost,
                highest_sequence=highest,
                jitter=jitter,
                last_report=last,
                delay=delay,
            )
        )
    return tuple(blocks)


def _parse_description(count: int, body: bytes) -> SourceDescription | None:
    """The first chunk; a mixer's others are of no use here."""
    if count == 0:
        return None
    (ssrc,) = _WORD.unpack_from(body)
    at, cname = _WORD.size, ""
    while at + 1 < len(body) and body[at]:
        kind, length = body[at], body[at + 1]
        text = body[at + 2 : at + 2 + length]
        if len(text) < length:
            raise RtpError(f"RTCP description item of {length} bytes is cut off")
        if kind == _CNAME:
            cname = text.decode("utf-8", errors="replace")
        at += 2 + length
    return SourceDescription(ssrc=ssrc, cname=cname)


def _packet(packet_type: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION << 6 | count, packet_type, len(body) // 4) + body


def _padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % 4)
