"""A capture file that Wireshark opens: classic pcap of UDP over IPv4 and IPv6.

What went over TCP or TLS is written as UDP too, one message a datagram, as it was above TLS.
"""

import ipaddress
import struct
from datetime import datetime, timedelta
from typing import BinaryIO

Address = tuple[str, int]

_MAGIC = 0xA1B2C3D4  # of microseconds
_LINKTYPE_RAW = 101  # the packet begins with its IP header
_LONGEST = 65_535
_LARGEST_PAYLOAD = 65_507  # what UDP over IPv4 can carry
_FILE_HEADER = struct.Struct("<IHHiIII")
_RECORD_HEADER = struct.Struct("<IIII")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_UDP = struct.Struct("!HHHH")
_UDP_PROTOCOL = 17
_TTL = 64
_EPOCH_STEP = timedelta(microseconds=1)


class PcapWriter:
    """Writes to `file`, which its owner closes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.write(_FILE_HEADER.pack(_MAGIC, 2, 4, 0, 0, _LONGEST, _LINKTYPE_RAW))

    def write(self, at: datetime, source: Address, destination: Address, payload: bytes) -> None:
        """Add one datagram; `at` is aware. A payload beyond 65,507 bytes is cut.

        Raises `ValueError` where the addresses are not both IPv4 or both IPv6.
        """
        packet = ip_packet(source, destination, payload[:_LARGEST_PAYLOAD])
        microseconds = (at - datetime.fromtimestamp(0, at.tzinfo)) // _EPOCH_STEP
        seconds, rest = divmod(microseconds, 1_000_000)
        size = min(len(packet), _LONGEST)
        self._file.write(_RECORD_HEADER.pack(seconds, rest, size, len(packet)))
        self._file.write(packet[:size])


def ip_packet(source: Address, destination: Address, payload: bytes) -> bytes:
    """The IP packet of a UDP datagram, with both checksums (RFC 768, RFC 791, RFC 8200)."""
    here, there = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])
    if here.version != there.version:
        raise ValueError(f"no packet goes from {here} to {there}")
    size = _UDP.size + len(payload)
    pseudo = here.packed + there.packed + struct.pack("!HH", _UDP_PROTOCOL, size)
    blank = _UDP.pack(source[1], destination[1], size, 0)
    checksum = _checksum(pseudo + blank + payload) or 0xFFFF
    datagram = _UDP.pack(source[1], destination[1], size, checksum) + payload
    if here.version == 6:
        head = _IPV6.pack(6 << 28, size, _UDP_PROTOCOL, _TTL, here.packed, there.packed)
        return head + datagram
    total = _IPV4.size + size
    fields = (0x45, 0, total, 0, 0x4000, _TTL, _UDP_PROTOCOL)
    blank = _IPV4.pack(*fields, 0, here.packed, there.packed)
    return _IPV4.pack(*fields, _checksum(blank), here.packed, there.packed) + datagram


def _checksum(data: bytes) -> int:
    """The ones' complement of the sum of 16-bit words (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
