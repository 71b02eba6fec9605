import socket
from dataclasses import replace
from itertools import pairwise

import pytest

from movoice_box.bench.peers import media_sink
from movoice_box.bench.trunk import DRIVERS, TrunkMeasure, bench_trunk, table
from movoice_box.clock import SystemClock
from movoice_box.errors import TrunkError

MEASURE = TrunkMeasure(
    driver="native",
    calls=200,
    established=200,
    packets_per_second=50.0,
    slowest_packets_per_second=49.9,
    interval_p99_ms=22.0,
    cpu_percent_per_call=0.12,
)


def test_the_table_gives_the_median_of_each_driver() -> None:
    runs = [replace(MEASURE, interval_p99_ms=p99) for p99 in (21.0, 90.0, 22.5)]
    other = replace(MEASURE, driver="pyvoip", established=150, packets_per_second=30.25)

    assert table([*runs, other]).splitlines() == [
        "driver  runs  established  packets/s  slowest  p99 interval  CPU a call",
        "native  3     200 of 200   50.0       49.9     22.5 ms       0.12 %",
        "pyvoip  1     150 of 200   30.2       49.9     22.0 ms       0.12 %",
    ]


@pytest.mark.peer
@pytest.mark.parametrize("driver", DRIVERS)
async def test_calls_of_each_driver_are_established_and_measured(driver: str) -> None:
    (measure,) = await bench_trunk(calls=3, seconds=1.0, drivers=[driver], runs=1)

    assert (measure.driver, measure.calls, measure.established) == (driver, 3, 3)
    assert 0 < measure.slowest_packets_per_second <= measure.packets_per_second
    assert measure.interval_p99_ms > 0
    assert measure.cpu_percent_per_call > 0


@pytest.mark.peer
async def test_without_sipp_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(TrunkError, match="apt install sip-tester"):
        await bench_trunk(calls=1, seconds=0.1, runs=1)


async def test_the_sink_echoes_and_tells_when_the_kernel_received() -> None:
    clock = SystemClock()
    async with media_sink(2) as sink:
        start = clock.now().timestamp()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(5)
            for number in range(3):
                sender.sendto(bytes([number]), ("127.0.0.1", sink.ports[1]))
                assert sender.recv(10) == bytes([number])
        first, second = await sink.arrivals(start, clock.now().timestamp())
        outside = await sink.arrivals(0, start)

    assert first == []
    assert len(second) == 3
    assert all(earlier < later for earlier, later in pairwise(second))
    assert outside == [[], []]
