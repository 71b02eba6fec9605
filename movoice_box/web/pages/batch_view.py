"""A batch as its page shows it: what the bar and the chart draw, and what may be done now."""

from dataclasses import dataclass

from movoice_box.domain.batch import ALLOWED_FROM, Batch, Recipient, RecipientState, Tally
from movoice_box.domain.call import Call

_DONE = (
    RecipientState.COMPLETED,
    RecipientState.FAILED,
    RecipientState.CANCELED,
    RecipientState.SKIPPED,
)
_BAR = (*_DONE, RecipientState.IN_PROGRESS)
_COUNTED = (
    RecipientState.COMPLETED,
    RecipientState.FAILED,
    RecipientState.IN_PROGRESS,
    RecipientState.QUEUED,
    RecipientState.SKIPPED,
    RecipientState.CANCELED,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the bar: `start` and `width` in percent of the whole."""

    state: RecipientState
    recipients: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class OutcomeBar:
    """`share` is of all rows that have an outcome; `width` is in percent of the longest bar."""

    outcome: str
    recipients: int
    share: float
    width: float


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: Batch

    @property
    def tally(self) -> Tally:
        return self.batch.tally

    @property
    def done(self) -> int:
        """Rows that nothing more will happen to."""
        return sum(self.tally.count(state) for state in _DONE)

    @property
    def done_percent(self) -> int:
        """Rounded down, so that 100 means all."""
        return self.done * 100 // self.tally.total if self.tally.total else 0

    @property
    def segments(self) -> list[Segment]:
        segments = []
        start = 0.0
        for state in _BAR:
            recipients = self.tally.count(state)
            if recipients:
                width = round(recipients * 100 / self.tally.total, 3)
                segments.append(Segment(state, recipients, round(start, 3), width))
                start += width
        return segments

    @property
    def counts(self) -> list[tuple[RecipientState, int]]:
        return [(state, self.tally.count(state)) for state in _COUNTED]

    @property
    def outcomes(self) -> list[OutcomeBar]:
        counts = self.tally.outcomes
        whole, longest = sum(counts.values()), max(counts.values(), default=0)
        return [
            OutcomeBar(outcome, number, number / whole, round(number * 100 / longest, 2))
            for outcome, number in counts.items()
        ]

    def may(self, action: str) -> bool:
        return self.batch.state in ALLOWED_FROM[action]

    @property
    def is_live(self) -> bool:
        """Whether anything can still change."""
        in_progress = self.tally.count(RecipientState.IN_PROGRESS)
        return self.may("cancel") or in_progress > 0

    @property
    def announcement(self) -> str:
        """For those who listen to the page: changes with every tenth and with the state."""
        return f"Batch {self.batch.state}, {self.done_percent // 10 * 10} percent done"


@dataclass(frozen=True, slots=True)
class RowView:
    """A recipient with its call, where there is one."""

    recipient: Recipient
    call: Call | None

    @property
    def state(self) -> str:
        """While the call is up its own state says more than `in_progress`."""
        is_up = self.recipient.state is RecipientState.IN_PROGRESS and self.call
        return self.call.state if is_up and self.call else self.recipient.state

    @property
    def remark(self) -> str:
        if self.recipient.skip_message:
            return self.recipient.skip_message
        return self.call.summary if self.call else ""
