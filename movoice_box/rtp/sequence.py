"""What the sequence numbers of a stream tell: order, loss and repeats (RFC 3550 appendix A)."""

from enum import Enum, auto

_MAX_DROPOUT = 3_000  # appendix A.1
_MAX_MISORDER = 100
_WINDOW = (1 << 128) - 1


class Arrival(Enum):
    NEWEST = auto()
    REORDERED = auto()
    DUPLICATE = auto()
    UNPROVEN = auto()  # a wild jump, believed when the next packet follows on it


_NEWEST = Arrival.NEWEST


class SequenceTracker:
    """Follows one sender; counts in packets."""

    __slots__ = (
        "_awaited",
        "_expected",
        "_first_arrived",
        "_first_expected",
        "_newest",
        "_seen",
        "duplicates",
        "highest",
        "received",
    )

    def __init__(self) -> None:
        self.received = 0
        self.duplicates = 0
        self.highest = 0  # extended by how often the sequence number has wrapped
        self._expected = 0
        self._newest = 0
        self._first_expected = self._first_arrived = 0  # counts when the present sender began
        self._seen = 0  # bit n: `_newest - n` has arrived
        self._awaited: int | None = None

    @property
    def expected(self) -> int:
        return self._expected

    @property
    def lost(self) -> int:
        """Of the packets expected so far, those that never came (appendix A.3)."""
        return max(0, self._expected - (self.received - self.duplicates))

    @property
    def of_sender(self) -> tuple[int, int]:
        """Packets expected and packets arrived since the present sender began."""
        return self._expected - self._first_expected, self.received - self._first_arrived

    def restart(self, first: int) -> None:
        """Expect `first` next, from a new sender."""
        self._first_expected, self._first_arrived = self._expected, self.received
        self.highest = first - 1
        self._jump(first)

    def _jump(self, first: int) -> None:
        self._newest = (first - 1) & 0xFFFF
        self._seen = 0

    def follows(self, sequence_number: int) -> bool:
        """Whether a packet of this number would be the newest of the same sender."""
        return 0 < signed(sequence_number - self._newest, 16) < _MAX_DROPOUT

    def place(self, sequence_number: int) -> Arrival:
        """Where the packet that has just come stands among those before it."""
        self.received += 1
        if sequence_number == (self._newest + 1) & 0xFFFF:  # as nearly all of them are
            self._awaited = None
            self._expected += 1
            self.highest += 1
            self._newest = sequence_number
            self._seen = (self._seen << 1 | 1) & _WINDOW
            return _NEWEST
        ahead = signed(sequence_number - self._newest, 16)
        if not -_MAX_MISORDER < ahead < _MAX_DROPOUT:
            if sequence_number != self._awaited:
                self._awaited = (sequence_number + 1) & 0xFFFF
                self._expected += 1
                return Arrival.UNPROVEN
            self.highest += signed(sequence_number - self._newest, 16) - 1 & 0xFFFF
            self._jump(sequence_number)
            ahead = 1
        self._awaited = None
        if ahead > 0:
            self._expected += ahead
            self.highest += ahead
            self._newest = sequence_number
            self._seen = (self._seen << ahead | 1) & _WINDOW
            return Arrival.NEWEST
        if self._seen >> -ahead & 1:
            self.duplicates += 1
            return Arrival.DUPLICATE
        self._seen |= 1 << -ahead
        return Arrival.REORDERED


def signed(difference: int, bits: int) -> int:
    """The `difference` of two counters that wrap at `bits`, as a number around zero."""
    half = 1 << bits - 1
    return (difference + half & (1 << bits) - 1) - half
