import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.pacing import Pacing


def test_two_a_second_is_one_each_half_second() -> None:
    pacing = Pacing(2)
    assert [pacing.take(10.0) for _ in range(4)] == [10.0, 10.5, 11.0, 11.5]
    assert pacing.free_at(10.1) == 12.0


def test_a_pause_earns_no_burst() -> None:
    pacing = Pacing(2)
    pacing.take(10.0)
    assert [pacing.take(100.0), pacing.take(100.0)] == [100.0, 100.5]


def test_without_a_limit_nobody_waits() -> None:
    pacing = Pacing(None)
    assert [pacing.take(10.0), pacing.take(10.0)] == [10.0, 10.0]


@given(st.floats(0.01, 100), st.lists(st.floats(0, 3), max_size=40))
def test_no_two_places_are_closer_than_the_rate_allows(
    per_second: float, steps: list[float]
) -> None:
    pacing, now, places = Pacing(per_second), 0.0, []
    for step in steps:
        now += step
        places.append(pacing.take(now))
        assert places[-1] >= now
    gaps = [later - sooner for sooner, later in itertools.pairwise(places)]
    assert all(gap >= 1 / per_second - 1e-9 for gap in gaps)


@pytest.mark.parametrize("per_second", [0.5, 5])
def test_a_steady_stream_gets_the_whole_rate(per_second: float) -> None:
    pacing = Pacing(per_second)
    places = [pacing.take(0.0) for _ in range(21)]
    assert places[-1] == pytest.approx(20 / per_second)
