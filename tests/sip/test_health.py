"""When a trunk that does not register is down, and up again."""

import random

import pytest

from movoice_box.sip.health import Health


def a_health() -> Health:
    return Health(jitter=lambda low, high: high)


def an_answering_one() -> Health:
    health = a_health()
    health.on_answer()
    return health


def test_nothing_is_known_at_first() -> None:
    assert a_health().is_up is None


def test_three_silences_are_down_and_one_answer_is_up() -> None:
    health, seen = an_answering_one(), []

    for _ in range(3):
        health.on_silence()
        seen.append(health.is_up)
    health.on_answer()

    assert (seen, health.is_up) == ([True, True, False], True)


def test_an_answer_between_silences_starts_the_count_anew() -> None:
    health = an_answering_one()

    for _ in range(5):
        health.on_silence()
        health.on_silence()
        health.on_answer()

    assert health.is_up is True


def test_closed_port_is_down_at_once() -> None:
    health = an_answering_one()

    health.on_unreachable()

    assert health.is_up is False


def test_gateway_that_never_answers_options_is_not_called_down_for_that() -> None:
    health, seen = a_health(), []

    for _ in range(5):
        health.on_silence()
        seen.append(health.is_up)
    health.on_call_answered()
    for _ in range(5):
        health.on_silence()

    assert (seen, health.is_up) == ([None] * 5, True)


def test_gateway_that_never_answers_options_rests_a_while_after_a_failed_call() -> None:
    health = a_health()
    health.on_unreachable()

    assert health.is_up is False
    health.on_silence()
    assert health.is_up is None


def test_options_are_sent_more_often_while_they_are_not_answered() -> None:
    health = an_answering_one()
    assert health.pause_s == 30

    health.on_silence()

    assert health.pause_s == 10


@pytest.mark.parametrize("seed", range(5))
def test_pauses_differ_from_box_to_box(seed: int) -> None:
    pause_s = Health(jitter=random.Random(seed).uniform).pause_s

    assert 24 <= pause_s <= 30
