import asyncio
import logging
from itertools import pairwise

import pytest

from movoice_box.clock import SystemClock
from movoice_box.rtp.ticker import Schedule, Ticker


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


async def test_every_call_is_ticked_until_it_is_removed() -> None:
    ticker, counts = Ticker(SystemClock()), {"a": 0, "b": 0}
    enough = asyncio.Event()

    def tick_a(_skipped: int) -> None:
        counts["a"] += 1

    def tick_b(_skipped: int) -> None:
        counts["b"] += 1
        ticker.remove(tick_a)
        if counts["b"] == 3:
            enough.set()

    ticker.add(tick_a)
    ticker.add(tick_b)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ticker.run())
        await enough.wait()
        running.cancel()

    assert counts == {"a": 1, "b": 3}


def test_a_call_that_fails_is_dropped_and_its_neighbours_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ticker, ticked = Ticker(SystemClock()), []

    def broken(_skipped: int) -> None:
        raise ValueError("broken")

    ticker.add(broken)
    ticker.add(ticked.append)
    with caplog.at_level(logging.ERROR):
        ticker.tick()
        ticker.tick(2)

    assert ticked == [0, 2]
    assert len(caplog.records) == 1
