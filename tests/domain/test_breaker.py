from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.attempt import Attempt
from movoice_box.domain.breaker import PORT_RULE, BreakerState, CircuitBreaker
from movoice_box.domain.call import Disposition

SILENCE = Attempt(disposition=Disposition.UNREACHABLE, reason="no answer in 32 s (timer B)")
REFUSAL = Attempt(disposition=Disposition.FAILED, sip_status=503, reason="Service Unavailable")
BUSY = Attempt(disposition=Disposition.BUSY, sip_status=486)
CANCELED = Attempt(disposition=Disposition.CANCELED)


def a_breaker(*attempts: Attempt, at: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for attempt in attempts:
        breaker.on_end(attempt, at, breaker.start(at))
    return breaker


def test_three_silent_calls_in_a_row_rest_a_trunk_for_half_a_minute() -> None:
    breaker = a_breaker(SILENCE, SILENCE)
    assert breaker.state(0) is BreakerState.CLOSED
    breaker.on_end(SILENCE, 0, None)
    assert breaker.state(29.9) is BreakerState.RESTING
    assert not breaker.may_start(29.9)
    assert breaker.state(30.0) is BreakerState.TRIAL
    assert breaker.reason == "did not answer the last 3 calls: no answer in 32 s (timer B)"


def test_an_answer_between_silences_keeps_a_trunk_up() -> None:
    assert a_breaker(SILENCE, SILENCE, BUSY, SILENCE, SILENCE).may_start(0)


def test_five_failures_of_ten_calls_rest_a_trunk() -> None:
    breaker = a_breaker(REFUSAL, BUSY, REFUSAL, BUSY, REFUSAL, BUSY, REFUSAL, BUSY)
    assert breaker.may_start(0)
    breaker.on_end(REFUSAL, 0, None)
    assert not breaker.may_start(0)
    assert breaker.reason == "failed 5 of the last 9 calls: Service Unavailable"


def test_failures_that_are_far_apart_rest_nothing() -> None:
    breaker = CircuitBreaker()
    for at in range(0, 400, 20):
        breaker.on_end(REFUSAL, at, None)
    assert breaker.may_start(400)


def test_failures_among_many_good_calls_rest_nothing() -> None:
    assert a_breaker(*[REFUSAL, BUSY, BUSY] * 10).may_start(0)


def test_one_call_tries_a_trunk_that_has_rested() -> None:
    breaker = a_breaker(SILENCE, SILENCE, SILENCE)
    trial = breaker.start(30)
    assert trial is not None
    assert not breaker.may_start(31)
    breaker.on_alive(trial)
    assert breaker.state(31) is BreakerState.CLOSED
    assert breaker.may_start(31)


def test_a_trial_that_fails_doubles_the_rest_up_to_ten_minutes() -> None:
    breaker, now, rests = a_breaker(SILENCE, SILENCE, SILENCE), 0.0, []
    for _ in range(7):
        rests.append((breaker.rests_until or 0) - now)
        now = breaker.rests_until or 0
        breaker.on_end(REFUSAL, now, breaker.start(now))
    assert rests == [30, 60, 120, 240, 480, 600, 600]


def test_a_trial_that_wins_makes_the_next_rest_short_again() -> None:
    breaker = a_breaker(SILENCE, SILENCE, SILENCE)
    breaker.on_end(SILENCE, 30, breaker.start(30))
    breaker.on_end(BUSY, 90, breaker.start(90))
    for _ in range(3):
        breaker.on_end(SILENCE, 100, None)
    assert breaker.rests_until == 130


def test_a_trial_that_was_never_placed_leaves_room_for_another() -> None:
    breaker = a_breaker(SILENCE, SILENCE, SILENCE)
    breaker.on_dropped(breaker.start(30))
    assert breaker.may_start(30)
    breaker.on_end(CANCELED, 31, breaker.start(30))
    assert breaker.state(31) is BreakerState.TRIAL
    assert breaker.may_start(31)


def test_calls_from_before_the_rest_neither_end_nor_prolong_it() -> None:
    breaker = a_breaker(SILENCE, SILENCE, SILENCE)
    for attempt in (SILENCE, BUSY, SILENCE, SILENCE, SILENCE):
        breaker.on_end(attempt, 5, None)
    assert breaker.rests_until == 30


def test_a_far_end_that_answers_again_is_tried_at_once() -> None:
    breaker = a_breaker(SILENCE, SILENCE, SILENCE)
    breaker.on_recovered(10)
    assert breaker.state(10) is BreakerState.TRIAL
    a_breaker(SILENCE).on_recovered(10)  # one that does not rest


def test_a_rest_that_was_asked_for_is_kept() -> None:
    asked = Attempt(disposition=Disposition.FAILED, sip_status=503, retry_after_s=120)
    breaker = a_breaker(asked)
    breaker.on_recovered(10)
    assert breaker.state(119) is BreakerState.RESTING


def test_an_old_trial_says_nothing_of_a_later_rest() -> None:
    breaker = a_breaker(SILENCE, SILENCE, SILENCE)
    old = breaker.start(30)
    breaker.on_alive(old)  # talks on while the trunk dies
    for _ in range(3):
        breaker.on_end(SILENCE, 40, None)
    breaker.on_end(BUSY, 41, old)
    assert breaker.state(41) is BreakerState.RESTING


def test_the_far_end_is_left_alone_as_long_as_it_asks() -> None:
    asked = Attempt(
        disposition=Disposition.FAILED, sip_status=503, retry_after_s=120, reason="Full"
    )
    breaker = a_breaker(asked)
    assert breaker.rests_until == 120
    assert breaker.reason == "asked for a rest of 120 s: Full"


def test_a_far_end_may_ask_for_a_rest_after_it_rang() -> None:
    rang = Attempt(disposition=Disposition.FAILED, sip_status=503, has_rung=True, retry_after_s=120)
    assert a_breaker(rang).rests_until == 120


def test_a_far_end_that_asks_for_a_week_is_tried_after_an_hour() -> None:
    asked = Attempt(disposition=Disposition.FAILED, sip_status=503, retry_after_s=604_800)
    assert a_breaker(asked).rests_until == 3_600


def test_three_refusals_in_a_row_rest_a_port() -> None:
    breaker = CircuitBreaker(PORT_RULE)
    for attempt in (REFUSAL, REFUSAL, BUSY, REFUSAL, REFUSAL):
        breaker.on_end(attempt, 0, None)
    assert breaker.may_start(0)
    breaker.on_end(REFUSAL, 0, None)
    assert not breaker.may_start(0)


@given(
    st.lists(
        st.tuples(st.floats(0, 90), st.sampled_from([SILENCE, REFUSAL, BUSY, CANCELED, None])),
        max_size=60,
    )
)
def test_a_rest_always_ends_and_never_lets_two_try_at_once(
    steps: list[tuple[float, Attempt | None]],
) -> None:
    breaker, now, trial = CircuitBreaker(), 0.0, None
    for step, attempt in steps:
        now += step
        if breaker.may_start(now):
            was_open = breaker.state(now) is not BreakerState.CLOSED
            trial = breaker.start(now)
            assert (trial is not None) == was_open
            assert not was_open or not breaker.may_start(now)
        if attempt is None:
            breaker.on_dropped(trial)
        else:
            breaker.on_end(attempt, now, trial)
        trial = None if attempt else trial
        assert (breaker.rests_until or 0) <= now + 600
    breaker.on_dropped(trial)
    assert breaker.may_start(now + 601)
