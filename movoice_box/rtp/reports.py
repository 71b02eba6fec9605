"""The reports of one call's RTCP: when they are due, what they say, what the far end's say."""

import random
from collections.abc import Callable, Sequence

from movoice_box.rtp.receiver import RtpReceiver
from movoice_box.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    pack_compound,
    parse_compound,
)
from movoice_box.rtp.sender import RtpSender

INTERVAL_S = 5.0  # the least of RFC 3550 6.2; two parties of 64 kbit/s need no more
_COMPENSATION = 2.71828 - 1.5  # for reconsideration, which two parties need not (6.3.1)
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_LONGEST_ROUND_TRIP_S = 10.0


class Reports:
    """One end of one call. No socket, no clock: `now` is in seconds since 1970, as the kernel has.

    `loss_sent` is the share of our packets that the far end missed so far; `jitter_sent_s` as it
    measured it; `round_trip_s` the mean of all measured by its reports. None until it told.
    """

    def __init__(
        self,
        cname: str,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.loss_sent: float | None = None
        self.jitter_sent_s: float | None = None
        self.round_trip_s: float | None = None
        self.received = 0
        self._cname = cname
        self._uniform = uniform
        self._is_first = True
        self._round_trips = 0
        self._packets_reported = 0  # of ours, in the last two reports
        self._packets_before = 0
        self._expected_before = self._arrived_before = 0
        self._heard_before: int | None = None  # SSRC of those counts
        self._last_report: tuple[int, int, float] | None = None  # SSRC, middle of NTP, arrival

    def next_delay_s(self) -> float:
        """How long to wait for the next report; the first comes after half as long (6.2)."""
        interval = INTERVAL_S / 2 if self._is_first else INTERVAL_S
        self._is_first = False
        return interval * self._uniform(0.5, 1.5) / _COMPENSATION

    def report(
        self, sender: RtpSender, receiver: RtpReceiver, now: float, *, is_last: bool = False
    ) -> bytes:
        """The compound packet that is due; `is_last` says goodbye with it."""
        blocks = self._blocks(receiver, now)
        first: RtcpPacket
        if sender.packets > self._packets_before:  # something was sent lately (6.4)
            first = SenderReport(
                ssrc=sender.ssrc,
                ntp=_ntp(now),
                timestamp=sender.timestamp,
                packets=sender.packets,
                octets=sender.octets,
                blocks=blocks,
            )
        else:
            first = ReceiverReport(ssrc=sender.ssrc, blocks=blocks)
        self._packets_before, self._packets_reported = self._packets_reported, sender.packets
        packets = [first, SourceDescription(ssrc=sender.ssrc, cname=self._cname)]
        return pack_compound([*packets, Goodbye(ssrcs=(sender.ssrc,))] if is_last else packets)

    def receive(self, datagram: bytes, arrived_at: float, sender: RtpSender) -> None:
        """Take what the far end reports. Raises `RtpError`."""
        for packet in parse_compound(datagram):
            match packet:
                case SenderReport():
                    middle = packet.ntp >> 16 & 0xFFFF_FFFF
                    self._last_report = packet.ssrc, middle, arrived_at
                    self._note(packet.blocks, arrived_at, sender)
                case ReceiverReport():
                    self._note(packet.blocks, arrived_at, sender)
        self.received += 1

    def _note(self, blocks: Sequence[ReportBlock], arrived_at: float, sender: RtpSender) -> None:
        for block in blocks:
            if block.ssrc != sender.ssrc or not sender.packets:
                continue
            self.loss_sent = min(max(0, block.lost) / sender.packets, 1.0)
            self.jitter_sent_s = block.jitter / sender.voice.codec.clock_rate_hz
            if block.last_report:
                self._note_round_trip(block, arrived_at)

    def _note_round_trip(self, block: ReportBlock, arrived_at: float) -> None:
        """Now less when our report was sent less how long the far end kept it (6.4.1)."""
        now = _ntp(arrived_at) >> 16 & 0xFFFF_FFFF
        round_trip = (now - block.last_report - block.delay & 0xFFFF_FFFF) / 65_536
        if round_trip > 0xFFFF:
            round_trip = 0.0  # the far end rounded up
        if round_trip <= _LONGEST_ROUND_TRIP_S:  # else a clock was set meanwhile
            self._round_trips += 1
            mean = self.round_trip_s or 0.0
            self.round_trip_s = mean + (round_trip - mean) / self._round_trips

    def _blocks(self, receiver: RtpReceiver, now: float) -> tuple[ReportBlock, ...]:
        """What we heard since the report before (appendix A.3)."""
        if receiver.ssrc is None or receiver.codec is None:
            return ()
        expected, arrived = receiver.sequence.of_sender
        if self._heard_before != receiver.ssrc:
            self._heard_before, self._expected_before, self._arrived_before = receiver.ssrc, 0, 0
        expected_now = expected - self._expected_before
        lost_now = max(0, expected_now - (arrived - self._arrived_before))
        self._expected_before, self._arrived_before = expected, arrived
        ssrc, middle, at = self._last_report or (None, 0, 0.0)
        has_report = ssrc == receiver.ssrc
        block = ReportBlock(
            ssrc=receiver.ssrc,
            fraction_lost=256 * lost_now // expected_now if expected_now > 0 else 0,
            lost=expected - arrived,
            highest_sequence=receiver.sequence.highest,
            jitter=int(receiver.jitter * receiver.codec.clock_rate_hz),
            last_report=middle if has_report else 0,
            delay=max(0, int((now - at) * 65_536)) if has_report else 0,
        )
        return (block,)


def _ntp(seconds: float) -> int:
    """Seconds since 1970 as an NTP timestamp of 64 bits (section 4)."""
    whole = int(seconds)
    return (whole + _NTP_EPOCH_S & 0xFFFF_FFFF) << 32 | int((seconds - whole) * (1 << 32))
