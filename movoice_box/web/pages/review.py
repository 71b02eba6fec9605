"""What would become of each row of a batch, as the review shows it."""

from dataclasses import dataclass

from movoice_box.dialer.intake import Review
from movoice_box.domain.batch import Recipient, SkipReason

_LISTED = 50

_TITLES = {
    SkipReason.DUPLICATE: "Duplicates",
    SkipReason.INVALID_NUMBER: "Invalid numbers",
    SkipReason.DND: "Do not disturb",
    SkipReason.MISSING_VARIABLE: "Missing values",
    SkipReason.PLAN_LIMIT: "Beyond the plan",
}
_ALWAYS_SHOWN = (
    SkipReason.DUPLICATE,
    SkipReason.INVALID_NUMBER,
    SkipReason.DND,
    SkipReason.MISSING_VARIABLE,
)


@dataclass(frozen=True, slots=True)
class SkippedGroup:
    """The rows skipped for one reason; `listed` are the first of them."""

    reason: SkipReason
    title: str
    rows: int
    listed: list[Recipient]

    @property
    def unlisted(self) -> int:
        return self.rows - len(self.listed)


@dataclass(frozen=True, slots=True)
class ReviewView:
    review: Review

    @property
    def total(self) -> int:
        return len(self.review.recipients)

    @property
    def dialable(self) -> int:
        return len(self.review.queued)

    @property
    def groups(self) -> list[SkippedGroup]:
        skipped = self.review.skipped
        by_reason = {
            reason: [one for one in skipped if one.skip_reason is reason] for reason in SkipReason
        }
        return [
            SkippedGroup(reason, _TITLES[reason], len(rows), rows[:_LISTED])
            for reason, rows in by_reason.items()
            if rows or reason in _ALWAYS_SHOWN
        ]

    @property
    def sample(self) -> Recipient:
        """The row whose first words are shown: the first that will be called."""
        return next(iter(self.review.queued), self.review.recipients[0])
