"""What would become of each row of a batch, as the review shows it."""

from dataclasses import dataclass
from typing import Self

from movoice_box.dialer.intake import Review
from movoice_box.domain.batch import Recipient, SkipReason

_LISTED = 50

_TITLES = {
    SkipReason.DUPLICATE: "Duplicates",
    SkipReason.INVALID_NUMBER: "Invalid numbers",
    SkipReason.DND: "Do not disturb",
    SkipReason.MISSING_VARIABLE: "Missing values",
}


@dataclass(frozen=True, slots=True)
class SkippedGroup:
    """The rows skipped for one reason; `listed` are the first of them."""

    title: str
    rows: int
    listed: list[Recipient]

    @property
    def unlisted(self) -> int:
        return self.rows - len(self.listed)


@dataclass(frozen=True, slots=True)
class ReviewView:
    """`sample` is the row whose first words are shown: the first that will be called."""

    total: int
    dialable: int
    groups: list[SkippedGroup]
    sample: Recipient

    @classmethod
    def of(cls, review: Review) -> Self:
        """Reads every row: call it in a thread."""
        queued = review.queued
        by_reason: dict[SkipReason | None, list[Recipient]] = {}
        for recipient in review.skipped:
            by_reason.setdefault(recipient.skip_reason, []).append(recipient)
        rows_of = {reason: by_reason.get(reason, []) for reason in _TITLES}
        return cls(
            total=len(review.recipients),
            dialable=len(queued),
            groups=[
                SkippedGroup(_TITLES[reason], len(rows), rows[:_LISTED])
                for reason, rows in rows_of.items()
            ],
            sample=(queued or review.recipients)[0],
        )
