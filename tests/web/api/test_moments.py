import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.errors import InputError
from movoice_box.web.api.moments import parse_moment


@pytest.mark.parametrize(
    "value",
    [1714000000, 1714000000.0, "1714000000", "2024-04-24T23:06:40Z", "2024-04-25T04:36:40+05:30"],
)
def test_one_moment_can_be_written_in_many_ways(value: float | str) -> None:
    moment = parse_moment(value, "schedule_at")
    assert moment == datetime(2024, 4, 24, 23, 6, 40, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_is_no_moment(value: str | None) -> None:
    assert parse_moment(value, "schedule_at") is None


@given(st.one_of(st.text(), st.floats(), st.integers()))
def test_anything_else_is_a_moment_or_an_error(value: float | str) -> None:
    with contextlib.suppress(InputError):
        moment = parse_moment(value, "schedule_at")
        assert moment is None or moment.tzinfo is UTC
