"""`movoice-box bench trunk`: many calls at once with two-way RTP, per SIP driver.

SIPp answers, and its SDP names a sink in a third process, which echoes the audio and measures the
packets as the kernel received them. What is measured has one core to itself, as far as other
programs leave it; the far ends have the others. All drivers are measured in turn, several times.
"""

import asyncio
import math
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from movoice_box.bench.callers import DRIVERS, MOST_CALLS, CpuSeconds, talk
from movoice_box.bench.cpu import MEASURED_CORE, OTHER_CORES, on_cores
from movoice_box.bench.peers import media_sink, sipp_gateway
from movoice_box.clock import Clock, SystemClock
from movoice_box.domain.media import PTIME_MS

_SETTLE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkMeasure:
    """One driver in one run. Packets are those it sent, per call, as they arrived at the sink.

    `interval_error_p99_ms` is of |interval - 20 ms|, over the intervals of all calls;
    `cpu_percent_per_call` of one core, of all processes of the driver.
    """

    driver: str
    calls: int
    established: int
    packets_per_second: float
    slowest_packets_per_second: float
    interval_error_p99_ms: float
    cpu_percent_per_call: float


async def bench_trunk(
    calls: int, seconds: float, drivers: Sequence[str] = DRIVERS, runs: int = 5
) -> list[TrunkMeasure]:
    """Measure each of `drivers` in turn, `runs` times over. Raises `TrunkError`.

    One that cannot carry so many calls is measured with as many as it can.
    """
    clock = SystemClock()
    return [
        await measure_calls(driver, min(calls, MOST_CALLS.get(driver, calls)), seconds, clock)
        for _ in range(runs)
        for driver in drivers
    ]


async def measure_calls(driver: str, calls: int, seconds: float, clock: Clock) -> TrunkMeasure:
    """So many calls at once for so many seconds. Raises `TrunkError`."""
    _allow_open_files(8 * calls + 256)
    cpu_s = 0.0
    arrivals: list[list[float]] = []

    async def measure(cpu: CpuSeconds) -> None:
        nonlocal cpu_s, arrivals
        await asyncio.sleep(_SETTLE_S)
        cpu_before, start = cpu(), clock.now().timestamp()
        await asyncio.sleep(seconds)
        cpu_s, end = cpu() - cpu_before, clock.now().timestamp()
        arrivals = await sink.arrivals(start, end)

    with on_cores(OTHER_CORES):
        async with media_sink(calls) as sink, sipp_gateway() as (port, gateway):
            with on_cores(MEASURED_CORE):
                others = {sink.pid, gateway.pid}
                established = await talk(driver, port, sink, others, clock, measure)
    by_port = dict(zip(sink.ports, arrivals, strict=True))
    heard = [by_port[port] for port in established if by_port[port]]
    intervals = [later - earlier for times in heard for earlier, later in pairwise(times)]
    errors = sorted(abs(1000 * interval - PTIME_MS) for interval in intervals)
    rates = [_rate(times) for times in heard] or [0.0]
    return TrunkMeasure(
        driver=driver,
        calls=calls,
        established=len(heard),
        packets_per_second=sum(rates) / len(rates),
        slowest_packets_per_second=min(rates),
        interval_error_p99_ms=errors[int(0.99 * len(errors))] if errors else math.nan,
        cpu_percent_per_call=100 * cpu_s / seconds / max(1, len(heard)),
    )


def _rate(times: list[float]) -> float:
    """Packets per second between the first and the last."""
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def _allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
