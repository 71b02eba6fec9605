import asyncio
import logging
from itertools import pairwise

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.media import PTIMES_MS
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

    assert times[-1] == pytest.approx(499 * 0.010 + 0.001)
    assert schedule.late == 0


def test_a_late_tick_is_made_up_for_by_shorter_intervals_and_no_burst() -> None:
    times, schedule = run_late([0.0, 0.0, 0.028, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])

    gaps = [round(after - before, 6) for before, after in pairwise(times)]
    assert gaps == [0.01, 0.038, 0.005, 0.005, 0.005, 0.005, 0.005, 0.007]
    assert times[-1] == pytest.approx(8 * 0.010)
    assert (schedule.late, schedule.skipped) == (5, 0)


def test_ticks_too_far_behind_are_skipped_and_the_deadlines_stay() -> None:
    schedule = Schedule(start=0.0)
    schedule.tick(0.0)

    assert schedule.tick(0.335) == 32
    assert schedule.wait(0.335) == pytest.approx(0.005)
    assert schedule.statistics.skipped == 32


def test_after_a_pause_there_is_nothing_to_make_up_for() -> None:
    schedule = Schedule(start=0.0)
    schedule.tick(0.0)
    schedule.restart(5.0)

    assert schedule.wait(5.0) == 0
    assert schedule.tick(5.0) == 0
    assert schedule.statistics.interval_p99_ms is None


def test_the_interval_is_reported_in_milliseconds() -> None:
    _, schedule = run_late([0.0] * 198 + [0.004, 0.0])

    assert schedule.statistics.interval_p99_ms == 10


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
        self._log.append(f"{self._name} hears after {skipped}")

    def end_line(self) -> None:
        self._log.append(f"{self._name} ends")


def a_ticker(packet_ms: dict[str, int]) -> tuple[Ticker, list[str]]:
    """With a call of each name."""
    ticker, log = Ticker(SystemClock()), list[str]()
    for name, ms in packet_ms.items():
        ticker.add(Counted(name, log), ms)
    return ticker, log


def logged(ticker: Ticker, log: list[str], ticks: int) -> list[list[str]]:
    """What the calls did in each tick."""
    done = []
    for _ in range(ticks):
        log.clear()
        ticker.tick()
        done.append(log.copy())
    return done


def test_in_each_tick_a_half_of_the_calls_sends_and_then_hears() -> None:
    ticker, log = a_ticker({"one": 20, "two": 20, "three": 20, "four": 20})
    odd, even, again = logged(ticker, log, 3)

    assert [entry.partition(" after")[0] for entry in odd] == [
        *("two sends", "four sends", "two hears", "four hears"),
    ]
    assert [entry.partition(" after")[0] for entry in even] == [
        *("one sends", "three sends", "one hears", "three hears"),
    ]
    assert again == odd


@pytest.mark.parametrize("packet_ms", PTIMES_MS)
def test_each_call_sends_at_its_own_pace_and_hears_every_20_ms(packet_ms: int) -> None:
    ticker, log = a_ticker({"one": packet_ms, "two": packet_ms})
    ticks = logged(ticker, log, 120)

    for name in ("one", "two"):
        sent = [tick for tick, done in enumerate(ticks) if f"{name} sends after 0" in done]
        heard = [tick for tick, done in enumerate(ticks) if f"{name} hears after 0" in done]
        assert {after - before for before, after in pairwise(sent)} == {packet_ms // 10}
        assert {after - before for before, after in pairwise(heard)} == {2}
        assert len(sent) == 1200 // packet_ms


def test_a_change_of_pace_leaves_the_hearing_where_it_is() -> None:
    ticker, log = Ticker(SystemClock()), list[str]()
    call = Counted("one", log)
    ticker.add(call)
    ticker.tick()
    ticker.add(call, 30)
    ticks = logged(ticker, log, 12)

    heard = [tick for tick, done in enumerate(ticks) if "one hears after 0" in done]
    sent = [tick for tick, done in enumerate(ticks) if "one sends after 0" in done]
    assert heard == [0, 2, 4, 6, 8, 10]
    assert {after - before for before, after in pairwise(sent)} == {3}


def test_each_call_is_told_how_many_of_its_own_turns_were_skipped() -> None:
    ticker, log = a_ticker({"quick": 10, "usual": 20, "slow": 60})
    logged(ticker, log, 6)
    log.clear()
    ticker.tick(skipped=11)

    assert log == [
        *("quick sends after 11", "usual sends after 5", "slow sends after 1"),
        *("quick hears after 5", "slow hears after 5"),
    ]


def test_a_call_that_was_removed_has_no_more_turns() -> None:
    ticker, log = Ticker(SystemClock()), list[str]()
    one = Counted("one", log)
    ticker.add(one)
    ticker.remove(one)
    ticker.remove(one)

    assert logged(ticker, log, 4) == [[], [], [], []]


def test_a_call_that_fails_is_ended_and_its_neighbours_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ticker, log = Ticker(SystemClock()), list[str]()
    ticker.add(Counted("broken", log, fails=True))
    ticker.add(Counted("sound", log))
    with caplog.at_level(logging.ERROR):
        for _ in range(4):
            ticker.tick()

    assert log.count("broken sends after 0") == 1
    assert log.count("broken ends") == 1
    assert log.count("broken hears after 0") == 0
    assert log.count("sound hears after 0") == 2
    assert len(caplog.records) == 1


async def test_no_ticks_are_made_up_for_that_nobody_needed() -> None:
    ticker, log = Ticker(SystemClock()), list[str]()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ticker.run())
        await asyncio.sleep(0.15)
        assert ticker.statistics.ticks == 0
        ticker.add(Counted("one", log))
        await until(lambda: len(log) > 4)
        running.cancel()

    assert ticker.statistics.skipped == 0


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
