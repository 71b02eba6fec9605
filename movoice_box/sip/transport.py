"""The UDP socket of SIP, host names and our own address towards a host; nothing else (RFC 3261 18).

Linux reports ICMP errors of an unconnected socket on its error queue, with the address that could
not be reached (ip(7), IP_RECVERR): a closed port is known at once instead of after timer B.
"""

import asyncio
import errno
import logging
import socket
import sys
from dataclasses import dataclass
from typing import Protocol, Self

from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError

Address = tuple[str, int]  # a literal IP address and a port

logger = logging.getLogger(__name__)

_DATAGRAM_BYTES = 65_535
_BURST = 64  # datagrams read before other work gets its turn
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h
_BUFFER_BYTES = 4 * 1024 * 1024
_UNREACHABLE = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH}


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What a certificate must say: the host's name, signed by `ca` (PEM) or the system's own."""

    server_name: str
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a message goes, or came from: a literal address and how it is reached.

    Of TCP and TLS it names one connection, so that answering a request's source uses the connection
    that the request came by (RFC 3261 18.2.2).
    """

    address: str
    port: int
    transport: Transport = Transport.UDP
    tls: TlsPolicy | None = None

    @property
    def socket_address(self) -> Address:
        return self.address, self.port

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.transport} {host}:{self.port}"


class WireTap(Protocol):
    """Sees each SIP message, sent and received, as it is above TLS. It may not wait or raise."""

    def on_sip(self, data: bytes, source: Address, destination: Address) -> None: ...


class DatagramReceiver(Protocol):
    def on_datagram(self, data: bytes, source: Address) -> None: ...

    def on_unreachable(self, destination: Address) -> None:
        """ICMP said that nothing listens at `destination`."""
        ...


class UdpSocket:
    """A bound UDP socket on the running loop. Sending never blocks and never raises."""

    def __init__(self, listen: Address, receiver: DatagramReceiver) -> None:
        """Raises `TrunkError` where the address is taken or not ours."""
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._socket = _bind(listen)
        self.family = self._socket.family
        self.address: Address = self._socket.getsockname()[:2]
        self.dropped = 0
        """Datagrams that the kernel would not take."""
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes, destination: Address) -> None:
        """Send one datagram; what the kernel refuses counts as lost, as on any network."""
        for _ in range(3):  # an error pending from another peer is reported here: clear it, go on
            try:
                self._socket.sendto(data, destination)
                return
            except BlockingIOError:
                break
            except OSError as error:
                if not self._read_errors():
                    logger.warning("SIP to %s port %s was not sent: %s", *destination, error)
                    if error.errno in _UNREACHABLE:
                        self._loop.call_soon(self._receiver.on_unreachable, destination)
                    break
        self.dropped += 1

    def _read(self) -> None:
        for count in range(_BURST):
            try:
                data, source = self._socket.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                if count == 0:  # woken by the error queue alone
                    self._read_errors()
                return
            except OSError:
                self._read_errors()
                continue
            self._receiver.on_datagram(data, (source[0], source[1]))
            if self._socket.fileno() < 0:
                return

    def _read_errors(self) -> bool:
        """Report what the error queue holds; False where it was empty."""
        has_read = False
        while self._socket.fileno() >= 0:
            try:
                _, ancillary, _, address = self._socket.recvmsg(1, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            has_read = True
            # struct sock_extended_err begins with the errno, 32 bits in host order.
            codes = {int.from_bytes(data[:4], sys.byteorder) for _, _, data in ancillary}
            if codes & _UNREACHABLE and address:
                self._loop.call_soon(self._receiver.on_unreachable, (address[0], address[1]))
        return has_read


async def resolve(host: str, port: int, family: socket.AddressFamily, wait_s: float) -> Address:
    """The first address of `host`; a literal one costs nothing. Raises `TrunkError`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(wait_s):
            found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise TrunkError(f"cannot find the address of '{host}': {reason}") from error
    except TimeoutError:
        raise TrunkError(f"no answer from DNS for '{host}' in {wait_s:g} s") from None
    return str(found[0][4][0]), port


def local_address_towards(destination: Address, family: socket.AddressFamily) -> str:
    """The address that packets to `destination` leave from. Raises `TrunkError`."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(destination)
        except OSError as error:
            raise TrunkError(f"no route to {destination[0]}: {error.strerror}") from error
        return str(probe.getsockname()[0])


def _bind(listen: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            bound.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        bound.bind(listen)
    except OSError as error:
        bound.close()
        raise TrunkError(
            f"cannot listen for SIP on {listen[0]} port {listen[1]}: {error.strerror}; is another "
            "program there? see [sip] listen"
        ) from error
    return bound
