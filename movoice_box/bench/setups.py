"""How many calls a second a driver can set up: each is answered and ended at once."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from movoice_box.bench.callers import SIPP, answered, number_of, trunk_of
from movoice_box.bench.cpu import MEASURED_CORE, OTHER_CORES, cpu_seconds, cpu_seconds_of, on_cores
from movoice_box.bench.peers import LOOPBACK, RINGING_S, Sink, media_sink, sipp_gateway
from movoice_box.bench.sipp_caller import response_times_ms, sipp_caller
from movoice_box.clock import Clock
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import TrunkError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.sip.trunk import Trunk

_LAST_CALLS_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupMeasure:
    """One driver, dialing at one pace.

    `delay_*_ms` are from the INVITE to the answer, less what the gateway rings; `lasted_s` is how
    long it took until the last call was over; `cpu_percent` of one core over that time.
    """

    driver: str
    per_second: float
    attempted: int
    established: int
    delay_median_ms: float
    delay_p99_ms: float
    lasted_s: float
    cpu_percent: float


async def measure_setups(
    driver: str, per_second: float, seconds: float, clock: Clock
) -> SetupMeasure:
    """Dial `per_second` for so many `seconds`. Raises `TrunkError`."""
    calls = max(1, round(per_second * seconds))
    with on_cores(OTHER_CORES):
        async with media_sink(1) as sink, sipp_gateway() as (port, gateway):
            with on_cores(MEASURED_CORE):
                others = {sink.pid, gateway.pid}
                if driver == SIPP:
                    delays, lasted_s, cpu = await _by_sipp(port, sink, calls, per_second, clock)
                else:
                    async with trunk_of(driver, port, clock) as (trunk, media):
                        burst = _Burst(trunk, media, sink, clock)
                        cpu, start = cpu_seconds(others), clock.monotonic()
                        await burst.run(calls, per_second)
                        cpu, lasted_s = cpu_seconds(others) - cpu, clock.monotonic() - start
                        delays = burst.delays_ms
    delays = sorted(delay - 1000 * RINGING_S for delay in delays)
    return SetupMeasure(
        driver=driver,
        per_second=per_second,
        attempted=calls,
        established=len(delays),
        delay_median_ms=median(delays) if delays else math.nan,
        delay_p99_ms=delays[int(0.99 * len(delays))] if delays else math.nan,
        lasted_s=lasted_s,
        cpu_percent=100 * cpu / lasted_s,
    )


async def _by_sipp(
    port: int, sink: Sink, calls: int, per_second: float, clock: Clock
) -> tuple[Sequence[float], float, float]:
    numbers = [number_of(sink.ports[0])] * calls
    start, cpu = clock.monotonic(), 0.0
    async with sipp_caller(port, numbers, per_second, talk_ms=0) as (process, folder):
        with suppress(TimeoutError):
            async with asyncio.timeout(calls / per_second + _LAST_CALLS_S):
                while process.returncode is None:
                    with suppress(OSError, ValueError):  # it has just ended
                        cpu = max(cpu, cpu_seconds_of(process.pid))
                    await asyncio.sleep(0.1)
        return response_times_ms(folder), clock.monotonic() - start, cpu


class _Burst:
    """Calls at a steady pace, each with its media, ended as soon as they are answered."""

    def __init__(self, trunk: Trunk, media: MediaEngine, sink: Sink, clock: Clock) -> None:
        self.delays_ms: list[float] = []
        self._trunk = trunk
        self._media = media
        self._number = PhoneNumber(number_of(sink.ports[0]))
        self._clock = clock

    async def run(self, calls: int, per_second: float) -> None:
        """Dial so many calls; those that are not over 15 s after the last one are given up."""
        start = self._clock.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(calls / per_second + _LAST_CALLS_S):
                async with asyncio.TaskGroup() as group:
                    for number in range(calls):
                        due = start + number / per_second
                        await asyncio.sleep(due - self._clock.monotonic())
                        group.create_task(self._call())

    async def _call(self) -> None:
        session = await self._media.open(LOOPBACK)
        try:
            dialed_at = self._clock.monotonic()
            with suppress(TrunkError):  # it is counted as not established
                dialog = await self._trunk.invite(self._number, session.offer)
                if await answered(dialog, session) is not None:
                    self.delays_ms.append(1000 * (self._clock.monotonic() - dialed_at))
                await dialog.end()
        finally:
            await session.close()
