"""The far end of measured calls: `python -m movoice_box.bench.sink PORTS`.

Binds so many UDP ports on 127.0.0.1, writes them as a line of JSON, sends every datagram back to
where it came from, and notes when the kernel received it: the time is not this process's, so that
neither its own delays nor the sender's clock are in the figures. A line `start end` (seconds since
the epoch) is answered with the arrivals of each port in between. Ends with its standard input.
"""

import json
import select
import socket
import struct
import sys
from contextlib import suppress

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; not in the socket module
_TIMESPEC = struct.Struct("qq")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_DATAGRAM_BYTES = 2048


class Port:
    """One echoing socket and the times at which its datagrams came."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.bind(("127.0.0.1", 0))

    @property
    def number(self) -> int:
        number: int = self.socket.getsockname()[1]
        return number

    def echo(self) -> None:
        """One datagram; the poll comes back for more."""
        with suppress(OSError):  # the sender has closed its port
            data, ancillary, _, source = self.socket.recvmsg(_DATAGRAM_BYTES, _ANCILLARY_BYTES)
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
            self.arrivals.append(seconds + nanoseconds * 1e-9)
            self.socket.sendto(data, source)


def serve(count: int) -> None:
    """Echo until standard input ends."""
    ports = [Port() for _ in range(count)]
    by_file = {port.socket.fileno(): port for port in ports}
    poll = select.epoll()
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    _write([port.number for port in ports])
    while True:
        for file, _ in poll.poll():
            if port := by_file.get(file):
                port.echo()
            elif not (asked := sys.stdin.readline()):
                return
            else:
                start, end = map(float, asked.split())
                _write([[t for t in port.arrivals if start <= t < end] for port in ports])


def _write(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
