from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Disposition
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.port_usage import PortDay, PortState, PortUsage
from tests.builders import START

ANSWERED = Attempt(disposition=Disposition.ANSWERED, sip_status=200, has_rung=True, talk_s=61)
UNANSWERED = Attempt(disposition=Disposition.NO_ANSWER, sip_status=480)
REFUSED = Attempt(disposition=Disposition.FAILED, sip_status=503, reason="no SIM")
SILENT = Attempt(disposition=Disposition.UNREACHABLE)
CANCELED = Attempt(disposition=Disposition.CANCELED, has_rung=True)


def a_usage(day: PortDay | None = None, **limits: Any) -> PortUsage:
    return PortUsage(GsmPort(name="SIM 1", **limits), day or PortDay(), START, 1_000.0)


def carry(usage: PortUsage, *attempts: Attempt, at: float = 1_000.0) -> list[bool]:
    """Each of the calls, one after another; tells which of them speak of the whole trunk."""
    return [usage.end(attempt, usage.start(at), START, at, is_today=True) for attempt in attempts]


def test_a_port_carries_one_call_at_a_time() -> None:
    usage = a_usage()
    trial = usage.start(1_000)
    assert usage.view(1_000).state is PortState.BUSY
    usage.drop(trial)
    assert usage.view(1_000).state is PortState.FREE
    assert usage.day.calls == 0


def test_the_calls_of_the_day_are_used_up() -> None:
    usage = a_usage(calls_per_day=2)
    carry(usage, ANSWERED, UNANSWERED)
    view = usage.view(1_000)
    assert (view.state, view.reason) == (PortState.USED_UP, "its 2 calls of the day are up")
    usage.day = PortDay()
    assert usage.view(1_000).state is PortState.FREE


def test_minutes_are_rounded_up_per_call() -> None:
    usage = a_usage(minutes_per_day=4)
    carry(usage, ANSWERED)
    assert (usage.day.minutes, usage.view(1_000).state) == (2, PortState.FREE)
    carry(usage, ANSWERED)
    assert (usage.day.minutes, usage.view(1_000).state) == (4, PortState.USED_UP)


def test_there_is_a_gap_between_two_calls() -> None:
    usage = a_usage(gap_s=20)
    assert usage.view(1_000).state is PortState.FREE
    carry(usage, ANSWERED, at=1_050)
    assert usage.view(1_069).until == 1_070
    assert usage.view(1_070).state is PortState.FREE


def test_a_port_that_nobody_answers_cools_down() -> None:
    usage = a_usage(rest_after_calls=3, rest_minutes=10)
    carry(usage, UNANSWERED, UNANSWERED, ANSWERED, UNANSWERED, CANCELED, UNANSWERED)
    assert usage.view(1_000).state is PortState.FREE
    carry(usage, UNANSWERED)
    view = usage.view(1_000)
    assert (view.state, view.until) == (PortState.RESTING, 1_600)
    assert view.reason == "cools down after 3 calls without an answer"
    assert usage.view(1_600).state is PortState.FREE


def test_a_sick_port_rests_and_speaks_once_of_its_gateway() -> None:
    usage = a_usage()
    assert carry(usage, REFUSED, REFUSED, REFUSED) == [True, False, False]
    assert usage.view(1_000).state is PortState.RESTING
    assert usage.view(1_000).reason == "failed 3 of the last 3 calls: no SIM"


def test_a_gateway_that_is_silent_costs_its_sims_nothing() -> None:
    usage = a_usage(rest_after_calls=2)
    assert carry(usage, SILENT)[0]
    carry(usage, SILENT, SILENT)
    assert usage.day.calls == 0
    assert usage.view(1_000).state is PortState.FREE


def test_a_call_from_before_midnight_counts_for_yesterday() -> None:
    usage = a_usage()
    usage.end(ANSWERED, usage.start(1_000), START, 1_000, is_today=False)
    assert usage.day == PortDay()


def test_the_page_shows_how_a_port_does() -> None:
    usage = a_usage()
    assert (usage.day.answer_rate, usage.day.average_talk_s) == (None, None)
    carry(usage, ANSWERED, UNANSWERED, replace(ANSWERED, talk_s=10), UNANSWERED)
    assert (usage.day.answer_rate, usage.day.average_talk_s) == (0.5, 35.5)


def test_the_least_used_port_comes_first_then_the_one_that_is_idle_longest() -> None:
    used, idle, fresh = a_usage(), a_usage(), a_usage()
    carry(used, ANSWERED, UNANSWERED, at=100)
    carry(idle, UNANSWERED, at=200)
    carry(fresh, UNANSWERED, at=300)
    assert sorted([used, fresh, idle], key=lambda one: one.load) == [idle, fresh, used]


@pytest.mark.parametrize(
    ("unanswered", "state"),
    [(2, PortState.FREE), (3, PortState.RESTING), (4, PortState.FREE), (6, PortState.RESTING)],
)
def test_a_restart_does_not_end_a_cool_down(unanswered: int, state: PortState) -> None:
    ended = START - timedelta(minutes=2)
    day = PortDay(calls=9, unanswered=unanswered, last_ended_at=ended)
    usage = a_usage(day, rest_after_calls=3, rest_minutes=10)
    assert usage.view(1_000).state is state
    assert usage.view(1_000 + 8 * 60).state is PortState.FREE


def test_a_restart_does_not_shorten_a_gap() -> None:
    day = PortDay(calls=1, answered=1, last_ended_at=START - timedelta(seconds=5))
    assert a_usage(day, gap_s=20).view(1_000).until == 1_015


def test_an_edited_port_gets_a_new_chance_but_keeps_its_day() -> None:
    usage = a_usage(rest_after_calls=1)
    carry(usage, UNANSWERED)
    assert usage.view(1_000).state is PortState.RESTING
    usage.follow(GsmPort(name="SIM 1", rest_after_calls=5))
    assert usage.view(1_000).state is PortState.FREE
    assert usage.day.calls == 1
