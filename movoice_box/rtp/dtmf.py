"""Key presses as telephone events (RFC 4733), in and out."""

import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Self

from movoice_box.domain.media import PTIME_MS, SAMPLE_RATE_HZ
from movoice_box.errors import RtpError
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.sequence import signed

DIGITS = "0123456789*#ABCD"  # the index is the event code (RFC 4733 section 3.2)
TONE_MS = 100
PAUSE_MS = 80
_VOLUME = 10  # -10 dBm0
_END_PACKETS = 3  # the last report and two repeats (section 2.5.1.4)
_LONGEST = 0xFFFF  # samples; a longer press goes on as a new segment (section 2.5.1.3)
_REMEMBERED = 16
_SHORTEST_CYCLE = 60 * SAMPLE_RATE_HZ // 1000  # of press and pause; Q.24 has 80 ms

_PAYLOAD = struct.Struct("!BBH")


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """One report of an event. `duration` in samples so far; `volume` in -dBm0, 0 to 63."""

    event: int
    duration: int
    is_end: bool = False
    volume: int = _VOLUME

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read the payload's first event. Raises `RtpError`."""
        if len(payload) < _PAYLOAD.size:
            raise RtpError(f"telephone event of {len(payload)} bytes, needs {_PAYLOAD.size}")
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        return cls(event, duration, is_end=flags >= 0x80, volume=flags & 0x3F)

    def pack(self) -> bytes:
        flags = self.volume | (0x80 if self.is_end else 0)
        return _PAYLOAD.pack(self.event, flags, self.duration)


def reports(
    digit: str, every_ms: int = PTIME_MS, samples_per_ms: int = SAMPLE_RATE_HZ // 1000
) -> list[TelephoneEvent]:
    """The reports of one key press, one a packet, all to carry the timestamp of the first.

    Durations count on the clock of the audio (section 2.1), `samples_per_ms` of it.
    """
    event = DIGITS.index(digit)
    packets = -(-TONE_MS // every_ms)
    units = every_ms * samples_per_ms
    growing = [TelephoneEvent(event, units * packet) for packet in range(1, packets)]
    end = TelephoneEvent(event, units * packets, is_end=True)
    return growing + [end] * _END_PACKETS


class DigitReceiver:
    """Turns reports into key presses: each press once, at the first report of it that arrives.

    All reports of a press share a timestamp (section 2.2.2), so that repeats, reordering, and the
    loss of any report but the last one standing change nothing. Some gateways let it go on from
    report to report: a press cannot begin within 60 ms of the one before of the same key.
    """

    def __init__(self) -> None:
        self._presses: OrderedDict[tuple[int, int], TelephoneEvent] = OrderedDict()
        self._latest: tuple[int, int] | None = None

    def receive(self, packet: RtpPacket) -> str | None:
        """The digit, when `packet` is the first to tell of its press. Raises `RtpError`."""
        report = TelephoneEvent.parse(packet.payload)
        if report.event >= len(DIGITS):
            return None  # a hook flash or a modem tone
        press = packet.timestamp, report.event
        is_new = press not in self._presses and not self._goes_on(press)
        self._presses[press] = report
        self._latest = press
        if len(self._presses) > _REMEMBERED:
            self._presses.popitem(last=False)
        return DIGITS[report.event] if is_new else None

    def _goes_on(self, press: tuple[int, int]) -> bool:
        """Whether `press` is no press of its own.

        It is the further segment of one that is longer than 8.19 s, or the next report of a sender
        whose timestamps go on.
        """
        timestamp, event = press
        if self._latest is not None and self._latest[1] == event:
            since = signed(timestamp - self._latest[0], 32)
            if 0 < since <= _SHORTEST_CYCLE:
                return True
        earlier = self._presses.get(((timestamp - _LONGEST) & 0xFFFF_FFFF, event))
        return earlier is not None and not earlier.is_end
