"""Playout buffer: packets in as the network brings them, out in order when they are due."""

from bisect import insort
from operator import attrgetter
from typing import NamedTuple

from movoice_box.domain.media import PTIME_MS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, Codec
from movoice_box.rtp.sequence import signed

FIRST_DEPTH_MS = 60
LEAST_DEPTH_MS = 20
MOST_DEPTH_MS = 200

_MS = SAMPLE_RATE_HZ // 1000
_BIN = 10 * _MS
_BINS = MOST_DEPTH_MS * _MS // _BIN
_IN_TIME = 0.97  # share of the packets that the depth is made for
_MEMORY = 0.97  # of the delays seen, from one second to the next: half of it is gone after 23 s
_PEAK_STEP = 10 * _MS  # by which a second without late packets lowers what the last one asked for
_REVIEW_TICKS = 1000 // PTIME_MS
_BASELINE_REVIEWS = 5
_NEVER = 1 << 62
_STALL = 2 * MOST_DEPTH_MS * _MS  # so late a packet tells nothing of jitter
_STEP = 10 * SAMPLES_PER_FRAME  # this much earlier than any packet before: a new time line
_CAPACITY = SAMPLE_RATE_HZ  # one second
_MOST_PACKETS = 200
_LONGEST_PAYLOAD = 10 * SAMPLES_PER_FRAME
_OPUS = Codec.OPUS


_start = attrgetter("start")
_new = tuple.__new__  # at half the price of a named tuple's own: there is one for each packet


class Buffered(NamedTuple):
    """A packet by when it is due, in samples of 8 kHz; `codec` None is comfort noise."""

    start: int
    payload: bytes
    codec: Codec | None
    ssrc: int


class DelayEstimate:
    """How deep the buffer has to be for what the network did lately; all in samples of 8 kHz.

    A packet's lag is its arrival less its timestamp. The least lag of the last 5 to 10 s is the
    baseline, which follows the drift of the far end's clock; the depth is what 97 % of the packets
    needed beyond it, and at least what the last late one did, less 10 ms for every second since.
    """

    __slots__ = (
        "_newer_baseline",
        "_peak",
        "_reviews",
        "_seen",
        "baseline",
        "depth",
    )

    def __init__(self) -> None:
        self.depth = FIRST_DEPTH_MS * _MS
        self.baseline = 0
        self._newer_baseline = 0
        self._peak = float(self.depth)
        self._seen = [0.0] * (_BINS + 1)
        self._reviews = 0

    def note(self, lag: int) -> None:
        """A packet came in order or out of it."""
        if lag < self._newer_baseline:
            self._newer_baseline = lag
            if lag < self.baseline:
                self.baseline = lag
        self._seen[min(-((self.baseline - lag) // _BIN), _BINS)] += 1

    def note_late(self, lag: int) -> None:
        """It came after its time: the depth grows to what it would have needed."""
        needed = lag - self.baseline
        if needed > _STALL:
            return self.begin(lag)
        self._peak = max(self._peak, min(needed, MOST_DEPTH_MS * _MS))
        self._set_depth(max(self._peak, self.depth))

    def begin(self, lag: int) -> None:
        """A new time line, or the network has stalled: lags start anew, jitter does not."""
        self.baseline = self._newer_baseline = lag

    def review(self) -> None:
        """A second has passed."""
        self._peak = max(0.0, self._peak - _PEAK_STEP)
        self._set_depth(max(self._peak, self._quantile()))
        self._seen = [_MEMORY * count for count in self._seen]
        self._reviews += 1
        if self._reviews % _BASELINE_REVIEWS == 0 and self._newer_baseline != _NEVER:
            self.baseline, self._newer_baseline = self._newer_baseline, _NEVER

    def _quantile(self) -> int:
        wanted, counted = _IN_TIME * sum(self._seen), 0.0
        for number, count in enumerate(self._seen):
            counted += count
            if counted >= wanted:
                return number * _BIN
        return _BINS * _BIN

    def _set_depth(self, needed: float) -> None:
        frames = -(-int(needed) // SAMPLES_PER_FRAME)
        samples = max(LEAST_DEPTH_MS * _MS, frames * SAMPLES_PER_FRAME)
        self.depth = min(samples, MOST_DEPTH_MS * _MS)


class JitterBuffer:
    """Packets of one stream by timestamp, and `position`: the sample that is needed next.

    When it has run dry the position stands still, for what comes next may only be late: then it is
    played whole and the delay has grown. Where its timestamp shows that there was nothing to wait
    for (loss, or a pause that was not sent), the position moves on to where the depth wants it.
    """

    __slots__ = (
        "_codec",
        "_is_dry",
        "_newest_start",
        "_newest_timestamp",
        "_now",
        "_per_ms",
        "_queue",
        "_ssrc",
        "_ticks",
        "delays",
        "has_begun",
        "late",
        "position",
        "restarts",
    )

    def __init__(self) -> None:
        self.late = 0  # packets
        self.restarts = 0
        self.delays = DelayEstimate()
        self.position = 0
        self.has_begun = False
        self._queue: list[Buffered] = []
        self._now = 0  # samples of our own clock
        self._ticks = 0
        self._is_dry = False
        self._ssrc: int | None = None
        self._codec: Codec | None = None
        self._per_ms = _MS  # of the stream's timestamps
        self._newest_timestamp = 0
        self._newest_start = 0

    def put(
        self, payload: bytes, codec: Codec | None, ssrc: int, timestamp: int, *, is_newest: bool
    ) -> None:
        """Take a packet; `is_newest` tells that none sent after it has come before."""
        if not 0 < len(payload) <= _LONGEST_PAYLOAD:
            return
        if ssrc != self._ssrc or (codec is not self._codec and codec is not None):
            self._follow(ssrc, codec, timestamp)
        ahead = timestamp - self._newest_timestamp
        if not 0 <= ahead < 1 << 31:
            ahead = signed(ahead, 32)
        start = self._newest_start + ahead * _MS // self._per_ms
        lag = self._now - start
        if is_newest:
            if start < self._newest_start or lag < self.delays.baseline - _STEP:
                self._restart(timestamp)
                start, lag = self._newest_start, self._now - self._newest_start
            self._newest_timestamp, self._newest_start = timestamp, start
        if codec:
            self.delays.note(lag)
        length = len(payload) if codec is not None and codec is not _OPUS else SAMPLES_PER_FRAME
        if start + length <= self.position:
            self.late += 1
            self.delays.note_late(lag)
            return
        if self._is_dry:
            self._end_wait(start, lag)
        packet = _new(Buffered, (start, payload, codec, ssrc))
        if not self._queue or start >= self._queue[-1].start:
            self._queue.append(packet)
            self._limit()
        else:
            insort(self._queue, packet, key=_start)

    def take(self) -> Buffered | None:
        """The packet that is due, in order; None in a gap, before the first one and when dry."""
        if not self._queue:
            self._is_dry = True
            return None
        return self._queue.pop(0) if self._queue[0].start <= self.position else None

    @property
    def waiting(self) -> Buffered | None:
        """The first packet that is waiting."""
        return self._queue[0] if self._queue else None

    def excess(self, decoded: int) -> int:
        """By how much playout is later than it need be; below zero, what is missing of the depth.

        `decoded` samples before `position` are not yet played.
        """
        lag = self._now - self.position + decoded
        return lag - self.delays.baseline - self.delays.depth

    def runs_dry(self) -> bool:
        """Whether there is nothing to take; for those who only let time pass."""
        self._is_dry = self._is_dry or not self._queue
        return self._is_dry

    def advance(self, ticks: int = 1) -> None:
        """So much time has passed on our own clock."""
        self._now += ticks * SAMPLES_PER_FRAME
        self._ticks += ticks
        if self._ticks >= _REVIEW_TICKS:
            self._ticks = 0
            self.delays.review()

    def skip(self, samples: int) -> None:
        """Let `samples` pass unheard."""
        self.position += samples
        while self._queue and self._queue[0].start < self.position:
            del self._queue[0]

    def _follow(self, ssrc: int, codec: Codec | None, timestamp: int) -> None:
        """Another sender, or codec: a new time line, unless the same clock goes on."""
        per_ms = codec.samples_per_ms if codec else self._per_ms
        if ssrc != self._ssrc or per_ms != self._per_ms:
            self._per_ms = per_ms
            self._restart(timestamp)
        self._ssrc, self._codec = ssrc, codec

    def _restart(self, timestamp: int) -> None:
        """Play what has `timestamp` when the depth has passed; forget what is waiting."""
        self.restarts += 1
        self.has_begun = True
        self._queue.clear()
        self._is_dry = False
        self.delays.begin(lag=0)
        self._newest_timestamp = timestamp
        self._newest_start = self._now
        self.position = self._now - self.delays.depth

    def _end_wait(self, start: int, lag: int) -> None:
        self._is_dry = False
        if start <= self.position:
            self.delays.note_late(lag)
        else:
            wanted = self._now - self.delays.baseline - self.delays.depth
            self.position = max(self.position, min(start, wanted))

    def _limit(self) -> None:
        """Hold no more than a second, whatever is sent."""
        if self._queue[-1].start - self.position > _CAPACITY or len(self._queue) > _MOST_PACKETS:
            del self._queue[: len(self._queue) // 2]
            self.position = max(self.position, self._queue[0].start)
