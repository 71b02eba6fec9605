"""Datagrams with the time at which they came, by the kernel: ours is that of the next tick."""

import socket
import struct

_LARGEST = 2048
_SO_TIMESTAMPNS = 35  # Linux's socket(7); the socket module does not name it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)

Address = tuple[str, int]
Arrived = tuple[bytes, Address, float]
"""A datagram, its source, and when it came: seconds of the system's clock, or 0 if not known."""


def stamp_arrivals(bound: socket.socket) -> None:
    """Have the kernel note when each datagram comes."""
    bound.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def read(bound: socket.socket, most: int) -> list[Arrived]:
    """What has come, at most so many."""
    arrived = []
    for _ in range(most):
        try:
            datagram, ancillary, _flags, source = bound.recvmsg(_LARGEST, _ANCILLARY_BYTES)
        except BlockingIOError:
            break
        except OSError:
            continue  # an ICMP error about a packet we sent
        at = 0.0
        if ancillary and len(stamp := ancillary[0][2]) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(stamp)
            at = seconds + nanoseconds / 1e9
        arrived.append((datagram, source[:2], at))
    return arrived
