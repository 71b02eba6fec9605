import pytest

from movoice_box.domain.batch import Batch, BatchState, RecipientState, Tally, TallyLine
from movoice_box.domain.call import Disposition
from movoice_box.ids import AgentId, BatchId, TrunkId
from movoice_box.web.pages.batch_view import BatchView, OutcomeBar, Segment
from tests.builders import START

COMPLETED = RecipientState.COMPLETED
FAILED = RecipientState.FAILED
IN_PROGRESS = RecipientState.IN_PROGRESS
QUEUED = RecipientState.QUEUED
SKIPPED = RecipientState.SKIPPED


def a_view(*lines: TallyLine, state: BatchState = BatchState.RUNNING) -> BatchView:
    return BatchView(
        Batch(
            id=BatchId("batch_1"),
            name="Reminders",
            is_single=False,
            agent_id=AgentId("agent_1"),
            trunk_id=TrunkId("trunk_1"),
            state=state,
            concurrency=4,
            schedule_at=None,
            created_at=START,
            tally=Tally(lines),
        )
    )


def a_line(state: RecipientState, recipients: int, outcome: str | None = None) -> TallyLine:
    return TallyLine(state, Disposition.ANSWERED if outcome else None, outcome, recipients)


def test_the_bar_shows_what_is_done_then_what_is_under_way() -> None:
    view = a_view(
        a_line(QUEUED, 50), a_line(IN_PROGRESS, 5), a_line(FAILED, 5), a_line(COMPLETED, 40)
    )
    assert view.segments == [
        Segment(COMPLETED, 40, 0.0, 40.0),
        Segment(FAILED, 5, 40.0, 5.0),
        Segment(IN_PROGRESS, 5, 45.0, 5.0),
    ]


def test_a_hundred_percent_means_all() -> None:
    assert a_view(a_line(COMPLETED, 999), a_line(QUEUED, 1)).done_percent == 99
    assert a_view(a_line(COMPLETED, 999), a_line(SKIPPED, 1)).done_percent == 100
    assert a_view().done_percent == 0


def test_the_longest_bar_of_the_chart_is_full() -> None:
    view = a_view(a_line(COMPLETED, 30, "BOOKED"), a_line(COMPLETED, 10, "REFUSED"))
    assert view.outcomes == [
        OutcomeBar("BOOKED", 30, 0.75, 100.0),
        OutcomeBar("REFUSED", 10, 0.25, 33.33),
    ]
    assert a_view(a_line(QUEUED, 3)).outcomes == []


@pytest.mark.parametrize(
    ("state", "in_progress", "is_live"),
    [
        (BatchState.SCHEDULED, 0, True),
        (BatchState.PAUSED, 0, True),
        (BatchState.CANCELED, 1, True),
        (BatchState.CANCELED, 0, False),
        (BatchState.COMPLETED, 0, False),
    ],
)
def test_a_batch_lives_while_anything_can_change(
    state: BatchState, in_progress: int, is_live: bool
) -> None:
    assert a_view(a_line(IN_PROGRESS, in_progress), state=state).is_live is is_live


def test_listeners_hear_of_every_tenth_only() -> None:
    heard = {a_view(a_line(COMPLETED, n), a_line(QUEUED, 100 - n)).announcement for n in range(40)}
    assert heard == {f"Batch running, {tenth} percent done" for tenth in (0, 10, 20, 30)}
