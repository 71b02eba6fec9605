"""Playout buffer: packets in as the network brings them, 20 ms of payload out on every tick."""

from movoice_box.domain.media import G711, PTIME_MS, SAMPLES_PER_FRAME, Codec
from movoice_box.rtp.g711 import SILENCE_BYTE
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.sequence import signed

DEPTH_MS = 60
_G711 = {codec.payload_type: codec for codec in G711}
_CAPACITY = 50 * SAMPLES_PER_FRAME  # one second; whole frames, so that reads never wrap
_LONGEST_PAYLOAD = 10 * SAMPLES_PER_FRAME
_STEP = 10 * SAMPLES_PER_FRAME  # more than this ahead of the packet before: a new time line
_REVIEW_TICKS = 50  # every second: is there more delay than the network needs?


class JitterBuffer:
    """A ring of one second of G.711, written by timestamp and read in order.

    Playout starts `depth_ms` behind the first packet. A newest packet that arrives after its time
    shows that the delay has grown, and one far ahead of its time that the sender's timestamps
    have jumped: playout starts anew behind it. When for a second every packet came at least a
    frame earlier than the depth asks for, one frame is skipped. So the depth holds through clock
    drift and changes of route without a model of either.
    """

    def __init__(self, depth_ms: int = DEPTH_MS) -> None:
        self.codec: Codec | None = None  # of what `pop` returns; None before the first packet
        self.late = 0  # packets
        self.restarts = 0
        self.skipped_frames = 0
        self._depth = depth_ms // PTIME_MS * SAMPLES_PER_FRAME
        self._stream: tuple[int, int] | None = None  # SSRC and payload type
        self._silence = b""
        self._ring = bytearray()
        self._read_at = 0  # index into the ring
        self._playout = 0  # RTP timestamp of the sample at `_read_at`
        self._headroom = 0  # of the newest packet: samples between its arrival and its playout
        self._least_headroom = _CAPACITY  # since the last review
        self._ticks = 0

    def put(self, packet: RtpPacket, *, is_newest: bool) -> None:
        """Take one packet of G.711; `is_newest` tells that none sent after it has come before."""
        length = len(packet.payload)
        if not 0 < length <= _LONGEST_PAYLOAD:
            return
        if self._stream != (stream := (packet.ssrc, packet.payload_type)):
            self._stream = stream
            self._start(packet)
        offset = signed(packet.timestamp - self._playout, 32)
        if is_newest:
            if not 0 <= offset <= min(self._headroom + _STEP, _CAPACITY - length):
                self._start(packet)
                offset = self._depth
            self._headroom = offset
            self._least_headroom = min(self._least_headroom, offset)
        if offset + length <= 0 or offset > _CAPACITY - length:
            self.late += 1
            return
        self._write(max(offset, 0), packet.payload[max(-offset, 0) :])

    def pop(self) -> bytes:
        """The next 20 ms of payload: silence where nothing came in time, nothing before any."""
        if self.codec is None:
            return b""
        frame = self._take()
        self._ticks += 1
        if self._ticks >= _REVIEW_TICKS:
            self._review_depth()
        return frame

    def _take(self) -> bytes:
        begin, end = self._read_at, self._read_at + SAMPLES_PER_FRAME
        frame = bytes(self._ring[begin:end])
        self._ring[begin:end] = self._silence
        self._read_at = end % _CAPACITY
        self._playout += SAMPLES_PER_FRAME
        return frame

    def _review_depth(self) -> None:
        spare = self._least_headroom - self._depth
        if SAMPLES_PER_FRAME <= spare < _CAPACITY - self._depth:
            self._take()
            self.skipped_frames += 1
        self._ticks, self._least_headroom = 0, _CAPACITY

    def _start(self, packet: RtpPacket) -> None:
        """Play `packet` when the depth has passed; what is in the buffer is forgotten."""
        self.restarts += 1
        self.codec = _G711[packet.payload_type]
        self._silence = SILENCE_BYTE[self.codec] * SAMPLES_PER_FRAME
        self._ring[:] = SILENCE_BYTE[self.codec] * _CAPACITY
        self._read_at = 0
        self._playout = packet.timestamp - self._depth
        self._headroom = self._depth
        self._ticks, self._least_headroom = 0, _CAPACITY

    def _write(self, offset: int, payload: bytes) -> None:
        begin = (self._read_at + offset) % _CAPACITY
        room = _CAPACITY - begin
        if len(payload) <= room:
            self._ring[begin : begin + len(payload)] = payload
        else:
            self._ring[begin:] = payload[:room]
            self._ring[: len(payload) - room] = payload[room:]
