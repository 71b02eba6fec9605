import pytest

from movoice_box.errors import AccessError
from movoice_box.web.throttle import Throttle
from tests.builders import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def throttle(clock: ManualClock) -> Throttle:
    return Throttle(clock)


def test_four_failures_cost_nothing(throttle: Throttle) -> None:
    _fail(throttle, 4)
    throttle.check("10.0.0.1")


def test_each_failure_from_the_fifth_on_waits_twice_as_long(
    throttle: Throttle, clock: ManualClock
) -> None:
    _fail(throttle, 4)
    for wait in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        _fail(throttle, 1)
        clock.pass_time(wait - 0.5)
        with pytest.raises(AccessError, match="wait 1 s") as refused:
            throttle.check("10.0.0.1")
        assert refused.value.code == "too_many_attempts"
        clock.pass_time(0.5)
        throttle.check("10.0.0.1")


def test_addresses_are_counted_apart(throttle: Throttle) -> None:
    _fail(throttle, 9)
    throttle.check("10.0.0.2")


def test_an_ipv6_network_counts_as_one_address(throttle: Throttle) -> None:
    for host in range(1, 6):
        throttle.note_failure(f"2001:db8::{host}")
    with pytest.raises(AccessError):
        throttle.check("2001:db8::ffff")
    throttle.check("2001:db8:0:1::1")


def test_a_right_password_starts_anew(throttle: Throttle) -> None:
    _fail(throttle, 9)
    throttle.forget("10.0.0.1")
    throttle.check("10.0.0.1")


def test_an_hour_of_rest_starts_anew(throttle: Throttle, clock: ManualClock) -> None:
    _fail(throttle, 9)
    clock.pass_time(3_601)
    _fail(throttle, 4)
    throttle.check("10.0.0.1")


def test_ten_thousand_addresses_are_remembered_at_most(throttle: Throttle) -> None:
    _fail(throttle, 9)
    for number in range(10_000):
        throttle.note_failure(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}0")
    throttle.check("10.0.0.1")


def _fail(throttle: Throttle, times: int) -> None:
    for _ in range(times):
        throttle.note_failure("10.0.0.1")
