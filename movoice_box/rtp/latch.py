"""Whom a call listens to: symmetric RTP (RFC 4961), and who may take its place."""

from movoice_box.domain.media import PTIME_MS
from movoice_box.rtp.datagrams import Address
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.sequence import SequenceTracker, signed

_SILENT_TICKS = 1000 // PTIME_MS
_PROBATION = 4  # packets (RFC 3550 A.1 asks for two)
_MOST_LOST = 16  # between two of them
_NOWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)


class Latch:
    """The `source` of a call's media.

    Behind a NAT the answer's address is not where packets come from, so that another source is
    taken while none is known: one at the answer's host at once, one elsewhere when four of its
    packets came in order, for there are those who spray RTP at every port of the internet. What
    is encrypted need not be proven so.

    From then on strangers are dropped. Who is nearer to the answer takes over at any time: its very
    address, then its host. And, once the source has been silent for 1 s, whoever goes on with its
    stream, which is a NAT that gave it another port: no stranger can guess the SSRC and the
    sequence number of a stream that he does not see.
    """

    __slots__ = ("_in_row", "_is_open", "_last", "_signalled", "source")

    def __init__(self, *, is_open: bool) -> None:
        """`is_open` tells that anybody can send what is accepted: it is not encrypted."""
        self.source: Address | None = None
        self._is_open = is_open
        self._signalled: Address | None = None
        self._last: tuple[Address, int, int] | None = None  # on probation: source, SSRC, number
        self._in_row = 0

    def expect(self, signalled: Address) -> None:
        """The answer, or a re-INVITE, says where the far end is; `0.0.0.0` says nothing new."""
        if signalled[0] in _NOWHERE and self._signalled is not None:
            return
        if signalled != self._signalled:
            self.source = self._last = None
        self._signalled = signalled

    @property
    def peer(self) -> Address | None:
        """Where to send: the source seen, or the answer's address until one is."""
        return self.source or self._signalled

    def admits(
        self,
        datagram: bytes,
        source: Address,
        *,
        ssrc: int | None,
        sequence: SequenceTracker,
        silent_ticks: int,
    ) -> bool:
        """Whether one who is not the source is heard; the rest is of the present stream.

        Raises `RtpError`.
        """
        nearness = self._nearness(source)
        if self.source is None:
            return nearness > 0 or not self._is_open or self._is_proven(datagram, source)
        if nearness > self._nearness(self.source):
            return True
        if silent_ticks < _SILENT_TICKS:
            return False
        packet = RtpPacket.parse(datagram)
        return packet.ssrc == ssrc and sequence.follows(packet.sequence_number)

    def _nearness(self, source: Address) -> int:
        if self._signalled is None or source[0] != self._signalled[0]:
            return 0
        return 2 if source == self._signalled else 1

    def _is_proven(self, datagram: bytes, source: Address) -> bool:
        packet = RtpPacket.parse(datagram)
        number = packet.sequence_number
        goes_on = False
        if self._last is not None and self._last[:2] == (source, packet.ssrc):
            goes_on = 0 < signed(number - self._last[2], 16) <= _MOST_LOST
        self._in_row = self._in_row + 1 if goes_on else 1
        self._last = source, packet.ssrc, number
        return self._in_row >= _PROBATION
