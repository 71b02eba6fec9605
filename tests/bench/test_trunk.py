import socket
from itertools import pairwise

import pytest

from movoice_box.bench.callers import DRIVERS
from movoice_box.bench.peers import media_sink
from movoice_box.bench.setups import measure_setups
from movoice_box.bench.trunk import bench_trunk
from movoice_box.clock import SystemClock
from movoice_box.errors import TrunkError


@pytest.mark.peer
@pytest.mark.parametrize("driver", DRIVERS)
async def test_calls_of_each_driver_are_established_and_measured(driver: str) -> None:
    (measure,) = await bench_trunk(calls=3, seconds=1.0, drivers=[driver], runs=1)

    assert (measure.driver, measure.calls, measure.established) == (driver, 3, 3)
    assert 0 < measure.slowest_packets_per_second <= measure.packets_per_second
    assert measure.interval_error_p99_ms > 0
    assert measure.cpu_percent_per_call > 0


@pytest.mark.peer
@pytest.mark.parametrize("driver", ["native", "sipp"])
async def test_calls_are_set_up_at_the_pace_asked_for(driver: str) -> None:
    measure = await measure_setups(driver, 20, 1.0, SystemClock())

    assert (measure.attempted, measure.established) == (20, 20)
    assert 0 < measure.delay_median_ms <= measure.delay_p99_ms
    assert measure.cpu_percent > 0


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
