"""RTP data packets (RFC 3550 section 5.1)."""

import struct
from typing import NamedTuple, Self

from movoice_box.errors import RtpError

_HEADER = struct.Struct("!BBHII")
_new = tuple.__new__  # at half the price of a named tuple's own: there is one for each packet
_EXTENSION = struct.Struct("!HH")
_VERSION = 2
_PADDING = 0x20
_HAS_EXTENSION = 0x10
_CSRC_COUNT = 0x0F
_RTCP_TYPES = range(72, 77)  # where RTCP on this port would show up (RFC 5761 section 4)


class RtpPacket(NamedTuple):
    """An RTP data packet, without CSRCs or extensions.

    `timestamp` counts samples, not milliseconds: 8 000 per second for G.711,
    so a 20 ms ptime advances it by 160.
    """

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one datagram. Raises `RtpError`; never any other exception."""
        if len(data) < _HEADER.size:
            raise RtpError(f"RTP packet of {len(data)} bytes, header needs {_HEADER.size}")
        flags, marker_pt, sequence_number, timestamp, ssrc = _HEADER.unpack_from(data)
        if flags >> 6 != _VERSION:
            raise RtpError(f"RTP version {flags >> 6}, expected {_VERSION}")
        payload_type = marker_pt & 0x7F
        if payload_type in _RTCP_TYPES:
            raise RtpError(f"payload type {payload_type} is RTCP packet type {marker_pt}")
        start, end = _HEADER.size, len(data)
        if flags != _VERSION << 6:
            start, end = _payload_bounds(data, flags)
        return _new(
            cls,
            (payload_type, sequence_number, timestamp, ssrc, data[start:end], marker_pt > 0x7F),
        )

    def pack(self) -> bytes:
        return pack_packet(
            self.payload_type,
            self.sequence_number,
            self.timestamp,
            self.ssrc,
            self.payload,
            self.marker,
        )


def pack_packet(
    payload_type: int,
    sequence_number: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    marker: bool = False,
) -> bytes:
    """The datagram of an `RtpPacket`, for those who make one per call and tick."""
    marker_pt = payload_type | 0x80 if marker else payload_type
    return _HEADER.pack(_VERSION << 6, marker_pt, sequence_number, timestamp, ssrc) + payload


def _payload_bounds(data: bytes, flags: int) -> tuple[int, int]:
    """Where the payload starts and ends between CSRCs, extension and padding."""
    start, end = _HEADER.size + 4 * (flags & _CSRC_COUNT), len(data)
    if start > end:
        raise RtpError(f"RTP packet of {end} bytes ends inside {flags & _CSRC_COUNT} CSRCs")
    if flags & _HAS_EXTENSION:
        if start + _EXTENSION.size > end:
            raise RtpError(f"RTP packet of {end} bytes ends inside its extension header")
        _, words = _EXTENSION.unpack_from(data, start)
        start += _EXTENSION.size + 4 * words
        if start > end:
            raise RtpError(f"RTP extension of {words} words exceeds a packet of {end} bytes")
    if flags & _PADDING:
        padding = data[-1]
        if not 1 <= padding <= end - start:
            raise RtpError(f"RTP padding of {padding} bytes in a payload of {end - start}")
        end -= padding
    return start, end
