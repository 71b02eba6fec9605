"""RTCP of one call on a socket of its own, moved on by the call's tick."""

import random
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

from movoice_box.clock import Clock
from movoice_box.domain.media import PTIME_MS, MediaTarget
from movoice_box.errors import RtpError
from movoice_box.rtp.datagrams import Address, read, stamp_arrivals
from movoice_box.rtp.receiver import RtpReceiver
from movoice_box.rtp.reports import Reports
from movoice_box.rtp.sender import RtpSender
from movoice_box.rtp.srtp import Srtp

_READ_EVERY_TICKS = 10  # the kernel has noted when it came
_MOST_DATAGRAMS = 10
_CNAME_BYTES = 12  # per call and random (RFC 7022 4.2): says nothing of the machine


class RtcpLink:
    """Sends reports where the far end takes them, and hears its own.

    They are answered to where they come from (symmetric RTCP, RFC 4961), once one came from the
    address that the media comes from or that the far end named; what comes from elsewhere, or is
    no RTCP, is counted. With SRTP it is SRTCP.
    """

    __slots__ = (
        "_clock",
        "_due",
        "_signalled",
        "_socket",
        "_source",
        "_srtp",
        "_ticks",
        "invalid",
        "reports",
        "strangers",
    )

    def __init__(
        self,
        bound: socket.socket,
        clock: Clock,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        stamp_arrivals(bound)
        self.strangers = 0
        self.invalid = 0
        self.reports = Reports(secrets.token_urlsafe(_CNAME_BYTES), uniform)
        self._socket = bound
        self._clock = clock
        self._srtp: Srtp | None = None
        self._signalled: Address | None = None
        self._source: Address | None = None
        self._ticks = int(uniform(0, _READ_EVERY_TICKS))  # not all calls read in the same tick
        self._due = self._ticks + self._next_delay()

    def connect(self, target: MediaTarget, srtp: Srtp | None) -> None:
        """Report to `target` from now on; to nobody where it takes no RTCP."""
        if target.rtcp != self._signalled:
            self._signalled, self._source = target.rtcp, None
        self._srtp = srtp

    def tick(self, sender: RtpSender, receiver: RtpReceiver, skipped: int = 0) -> None:
        """20 ms have passed."""
        self._ticks += 1 + skipped
        if self._ticks % _READ_EVERY_TICKS == 0:
            self._read(sender, receiver)
        if self._ticks >= self._due:
            self._due = self._ticks + self._next_delay()
            self._send(sender, receiver)

    def close(self, sender: RtpSender, receiver: RtpReceiver) -> None:
        """Take the last reports, say goodbye, and free the port."""
        self._read(sender, receiver)
        self._send(sender, receiver, is_last=True)
        self._socket.close()

    def _next_delay(self) -> int:
        return int(self.reports.next_delay_s() * 1000 / PTIME_MS)

    def _read(self, sender: RtpSender, receiver: RtpReceiver) -> None:
        known = {address[0] for address in (self._signalled, receiver.peer) if address}
        for datagram, source, at in read(self._socket, _MOST_DATAGRAMS):
            if source[0] not in known:
                self.strangers += 1
                continue
            try:
                plain = self._srtp.unprotect_rtcp(datagram) if self._srtp else datagram
                self.reports.receive(plain, at or self._now(), sender)
                self._source = source
            except RtpError:
                self.invalid += 1

    def _send(self, sender: RtpSender, receiver: RtpReceiver, *, is_last: bool = False) -> None:
        destination = self._source or self._signalled
        if self._signalled is None or destination is None:
            return
        report = self.reports.report(sender, receiver, self._now(), is_last=is_last)
        with suppress(OSError):  # the next report says it all again
            self._socket.sendto(
                self._srtp.protect_rtcp(report) if self._srtp else report, destination
            )

    def _now(self) -> float:
        return self._clock.now().timestamp()
