import asyncio
import logging
from itertools import pairwise

import pytest

from movoice_box.clock import SystemClock
from movoice_box.rtp.ticker import Schedule, Ticker
from tests.rtp.ends import until


def run_late(lateness: list[float]) -> tuple[list[float], Schedule]:
    """The times of ticks, each of which starts so much after its wait has passed."""
    schedule, now, times = Schedule(start=0.0), 0.0, []
    for late in lateness:
        now += max(0.0, schedule.wait(now)) + late
        schedule.tick(now)
        times.append(round(now, 6))
    return times, schedule


def test_ticks_keep_to_absolute_deadlines() -> None:
    times, schedule = run_late([0.001] * 500)

    assert times[-1] == pytest.approx(499 * 0.020 + 0.001)
    assert schedule.late == 0


def test_a_late_tick_is_made_up_for_by_shorter_intervals_and_no_burst() -> None:
    times, schedule = run_late([0.0, 0.0, 0.055, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])

    gaps = [round(after - before, 6) for before, after in pairwise(times)]
    assert gaps == [0.02, 0.075, 0.01, 0.01, 0.01, 0.01, 0.01, 0.015]
    assert times[-1] == pytest.approx(8 * 0.020)
    assert (schedule.late, schedule.skipped) == (5, 0)


def test_ticks_too_far_behind_are_skipped_and_the_deadlines_stay() -> None:
    schedule = Schedule(start=0.0)
    schedule.tick(0.0)

    assert schedule.tick(0.335) == 15
    assert schedule.wait(0.335) == pytest.approx(0.010)
    assert schedule.statistics.skipped == 15


def test_the_interval_is_reported_in_milliseconds() -> None:
    _, schedule = run_late([0.0] * 198 + [0.004, 0.0])

    assert schedule.statistics.interval_p99_ms == 20


def test_before_any_tick_there_is_no_interval() -> None:
    assert Ticker(SystemClock()).statistics.interval_p99_ms is None


class Counted:
    """A call that notes what is asked of it."""

    def __init__(self, name: str, log: list[str], *, fails: bool = False) -> None:
        self._name = name
        self._log = log
        self._fails = fails

    def send_frame(self, skipped: int) -> None:
        self._log.append(f"{self._name} sends after {skipped}")
        assert not self._fails

    def hear_frame(self, skipped: int) -> None:
        self._log.append(f"{self._name} hears")

    def end_line(self) -> None:
        self._log.append(f"{self._name} ends")


def test_all_calls_send_before_any_of_them_hears() -> None:
    ticker, log = Ticker(SystemClock()), list[str]()
    one, two = Counted("one", log), Counted("two", log)
    ticker.add(one)
    ticker.add(two)
    ticker.tick(2)
    ticker.remove(one)
    ticker.tick()

    assert log == [
        *("one sends after 2", "two sends after 2", "one hears", "two hears"),
        *("two sends after 0", "two hears"),
    ]


def test_a_call_that_fails_is_ended_and_its_neighbours_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ticker, log = Ticker(SystemClock()), list[str]()
    ticker.add(Counted("broken", log, fails=True))
    ticker.add(Counted("sound", log))
    with caplog.at_level(logging.ERROR):
        ticker.tick()
        ticker.tick()

    assert log.count("broken sends after 0") == 1
    assert log.count("broken ends") == 1
    assert log.count("sound hears") == 2
    assert len(caplog.records) == 1


async def test_ticks_come_until_the_service_is_cancelled() -> None:
    ticker, log = Ticker(SystemClock()), list[str]()
    ticker.add(Counted("one", log))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ticker.run())
        await until(lambda: len(log) > 4)
        running.cancel()
    count = len(log)
    await asyncio.sleep(0.05)

    assert len(log) == count
