"""Where SIP goes, its UDP socket and our own address towards a host; nothing else (RFC 3261 18).

Linux reports ICMP errors of an unconnected socket on its error queue, with the address that could
not be reached (ip(7), IP_RECVERR): a closed port is known at once instead of after timer B.

A socket on `::` carries IPv4 too; its mapped addresses (RFC 4291 2.5.5.2) stay in here.
"""

import asyncio
import errno
import logging
import socket
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Protocol, Self

from movoice_box.domain.trunk import Transport
from movoice_box.errors import TrunkError

Address = tuple[str, int]  # a literal IP address and a port
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)

logger = logging.getLogger(__name__)

_DATAGRAM_BYTES = 65_535
_BURST = 64  # datagrams read before other work gets its turn
_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h
_BUFFER_BYTES = 4 * 1024 * 1024
_ANY_V6, _MAPPED = "::", "::ffff:"
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
        self._socket = _datagrams(listen)
        self.family = self._socket.family
        self.address: Address = self._socket.getsockname()[:2]
        self.dropped = 0
        """Datagrams that the kernel would not take."""
        self._is_dual = self.address[0] == _ANY_V6
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
        """Send one datagram; what the kernel refuses counts as lost, as on any network.

        A request of more than 1300 bytes goes by UDP all the same, against RFC 3261 18.1.1: a trunk
        that its owner reaches by UDP seldom listens on TCP, and fragments do arrive on a LAN.
        """
        if self._is_dual and ":" not in destination[0]:
            destination = f"{_MAPPED}{destination[0]}", destination[1]
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
            self._receiver.on_datagram(data, unmapped(source))
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
                self._loop.call_soon(self._receiver.on_unreachable, unmapped(address))
        return has_read


def is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def unmapped(address: tuple[Any, ...]) -> Address:
    """A socket's address with an IPv4 one written as such."""
    return address[0].removeprefix(_MAPPED), address[1]


def local_address_towards(destination: Address) -> str:
    """The address that packets to `destination` leave from. Raises `TrunkError`."""
    family = socket.AF_INET6 if ":" in destination[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(destination)
        except OSError as error:
            raise TrunkError(f"no route to {destination[0]}: {error.strerror}") from error
        return str(probe.getsockname()[0])


def socket_for(listen: Address, kind: socket.SocketKind) -> socket.socket:
    """A socket of UDP or TCP, bound to `listen`. Raises `TrunkError` where it is taken."""
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    bound = socket.socket(family, kind)
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, listen[0] != _ANY_V6)
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(listen)
    except OSError as error:
        bound.close()
        raise TrunkError(
            f"cannot listen for SIP on {listen[0]} port {listen[1]}: {error.strerror}; is another "
            "program there? see [sip] listen"
        ) from error
    return bound


def _datagrams(listen: Address) -> socket.socket:
    bound = socket_for(listen, socket.SOCK_DGRAM)
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    if bound.family == socket.AF_INET or listen[0] == _ANY_V6:
        bound.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    return bound
