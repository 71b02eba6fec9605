"""UDP ports for media, from the range of the settings."""

import errno
import socket

from movoice_box.errors import TrunkError

_EXPEDITED_FORWARDING = 46 << 2  # DSCP of telephony (RFC 4594 section 4.1)


class RtpPorts:
    """Even ports from `port_min` to `port_max`; the odd one above is left for RTCP.

    They are taken in turn, so that packets that a far end sends on after its call has ended do
    not reach the next one.
    """

    def __init__(self, port_min: int, port_max: int) -> None:
        self._range = range(port_min + port_min % 2, port_max, 2)
        self._next = 0

    def bind(self, address: str) -> socket.socket:
        """A non-blocking socket on `address` and the next free port. Raises `TrunkError`."""
        for _ in self._range:
            port = self._range[self._next]
            self._next = (self._next + 1) % len(self._range)
            if bound := _bind(address, port):
                return bound
        raise TrunkError(
            f"no free RTP port on {address} from {self._range.start} to {self._range.stop}: "
            "widen [rtp] port_min..port_max, or lower the channels of the trunks",
            code="rtp_ports_in_use",
        )


def bind_rtcp(rtp: socket.socket) -> socket.socket | None:
    """A socket on the port above (RFC 3550 section 11); None where it cannot be had."""
    address, port = rtp.getsockname()[:2]
    try:
        return _bind(address, port + 1)
    except (OSError, TrunkError):
        return None  # a call without reports is better than none


def _bind(address: str, port: int) -> socket.socket | None:
    """The bound socket, or None where another one has the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED_FORWARDING)
        else:
            bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED_FORWARDING)
        bound.setblocking(False)
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise TrunkError(
            f"cannot receive RTP on {address} port {port}: {error.strerror or error}"
        ) from error
    return bound
