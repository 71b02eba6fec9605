"""No order of calls, failures and pauses takes more of a trunk than it has."""

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from movoice_box.dialer.trunk_line import Seat, TrunkLine
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Disposition
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.trunk import TrunkAccount
from tests.builders import ManualClock, a_trunk
from tests.dialer.lines import Exchange

DAY = date(2026, 4, 20)
ATTEMPTS = st.sampled_from(
    [
        Attempt(disposition=Disposition.ANSWERED, sip_status=200, has_rung=True, talk_s=70),
        Attempt(disposition=Disposition.NO_ANSWER, sip_status=480),
        Attempt(disposition=Disposition.FAILED, sip_status=503),
        Attempt(disposition=Disposition.FAILED, sip_status=503, retry_after_s=5),
        Attempt(disposition=Disposition.UNREACHABLE),
        Attempt(disposition=Disposition.CANCELED),
        None,  # never placed
    ]
)
STEPS = st.lists(
    st.one_of(
        st.just("start"),
        st.tuples(st.integers(0, 9), ATTEMPTS),
        st.sampled_from([0.1, 1.0, 31.0, 700.0]),
    ),
    max_size=80,
)


@dataclass
class Driven:
    """A line that is driven by hand, and watched."""

    account: TrunkAccount
    clock: ManualClock = field(default_factory=ManualClock)
    up: list[Seat] = field(default_factory=list)
    started_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        exchange = Exchange(self.account)
        self.line = TrunkLine(exchange, self.clock)
        self.line.load(exchange, {})

    def follow(self, step: object) -> None:
        match step:
            case "start" if self.line.obstacle() is None:
                self.up.append(self.line.take(DAY))
                self.started_at.append(self.clock.monotonic())
            case (int(place), attempt) if self.up:
                seat = self.up.pop(place % len(self.up))
                if isinstance(attempt, Attempt):
                    self.line.end(seat, attempt, DAY)
                else:
                    self.line.drop(seat)
            case float(seconds):
                self.clock.pass_time(seconds)


@given(STEPS)
def test_a_trunk_never_carries_more_than_its_channels(steps: list[object]) -> None:
    driven = Driven(a_trunk(channels=3))
    for step in steps:
        driven.follow(step)
        assert driven.line.in_use == len(driven.up) <= 3


@given(STEPS)
def test_a_port_never_carries_two_calls_nor_more_than_its_day(steps: list[object]) -> None:
    ports = tuple(GsmPort(name=f"SIM {n}", prefix=str(n), calls_per_day=5) for n in range(3))
    driven = Driven(a_trunk(ports=ports))
    for step in steps:
        driven.follow(step)
        names = [seat.port.port.name for seat in driven.up if seat.port]
        assert len(names) == len(set(names)) == len(driven.up)
        assert all(usage.day.calls <= 5 for usage in driven.line.ports)


@given(STEPS)
def test_calls_never_start_faster_than_the_pace(steps: list[object]) -> None:
    driven = Driven(a_trunk(channels=100, calls_per_second=2.0))
    for step in steps:
        driven.follow(step)
    starts = driven.started_at
    assert all(later - sooner >= 0.5 for sooner, later in pairwise(starts))


@given(STEPS)
def test_a_trunk_that_is_left_alone_takes_calls_again(steps: list[object]) -> None:
    driven = Driven(a_trunk(channels=3))
    for step in steps:
        driven.follow(step)
    for seat in driven.up:
        driven.line.drop(seat)
    driven.clock.pass_time(601)
    assert driven.line.obstacle() is None
    assert driven.line.in_use == 0
