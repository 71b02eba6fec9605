"""What went over the wire while a trunk was examined: the messages, the media, and when."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from movoice_box.clock import Clock
from movoice_box.doctor.pcap import Address
from movoice_box.errors import RtpError, SipError
from movoice_box.rtp.packet import RtpPacket
from movoice_box.sip.messages import Request, Response, parse

_SDES_KEY = re.compile(rb"(?im)^(a=crypto:[^\r\n]*?inline:)([^\r\n|;]*)")

Capture = Callable[[datetime, Address, Address, bytes], None]


@dataclass(frozen=True, slots=True)
class Passed:
    """A SIP message; `at` in seconds of the monotonic clock."""

    at: float
    message: Request | Response
    is_ours: bool
    peer: Address


@dataclass(slots=True)
class RtpFlow:
    """The packets of one address, by payload type. Times in seconds of the monotonic clock."""

    first_at: float
    last_at: float
    payload_types: Counter[int] = field(default_factory=Counter)

    @property
    def packets(self) -> int:
        return self.payload_types.total()


class Wire:
    """Implements `sip.transport.WireTap` and `rtp.session.MediaTap`; `capture` gets every datagram.

    We always speak first: whoever sends the first message of SIP is this box. `own` has our other
    addresses, those of media. Passwords never go over the wire; the keys of SRTP do, and are masked
    in the capture.
    """

    def __init__(self, clock: Clock, capture: Capture) -> None:
        self.own: set[Address] = set()
        self.messages: list[Passed] = []
        self.heard: dict[Address, RtpFlow] = {}
        self.sent_packets = 0
        self._clock = clock
        self._capture = capture

    def on_sip(self, data: bytes, source: Address, destination: Address) -> None:
        masked = _SDES_KEY.sub(lambda key: key[1] + b"x" * len(key[2]), data)
        self._capture(self._clock.now(), source, destination, masked)
        if destination not in self.own:
            self.own.add(source)
        is_ours = source in self.own
        with suppress(SipError):
            message, peer = parse(data), destination if is_ours else source
            self.messages.append(Passed(self._clock.monotonic(), message, is_ours, peer))

    def on_rtp(self, datagram: bytes, source: Address, destination: Address) -> None:
        self._capture(self._clock.now(), source, destination, datagram)
        if source in self.own:
            self.sent_packets += 1
            return
        with suppress(RtpError):
            payload_type, now = RtpPacket.parse(datagram).payload_type, self._clock.monotonic()
            flow = self.heard.setdefault(source, RtpFlow(first_at=now, last_at=now))
            flow.last_at = now
            flow.payload_types[payload_type] += 1

    def requests(self, method: str) -> list[Passed]:
        """Ours of this method, repeated ones included."""
        return [
            one
            for one in self.messages
            if one.is_ours and isinstance(one.message, Request) and one.message.method == method
        ]

    def responses(self, method: str) -> list[tuple[Passed, Response]]:
        """What was answered to ours."""
        return [
            (one, one.message)
            for one in self.messages
            if not one.is_ours
            and isinstance(one.message, Response)
            and one.message.cseq.method == method
        ]
