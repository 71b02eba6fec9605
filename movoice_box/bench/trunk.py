"""`movoice-box bench trunk`: many calls at once with two-way RTP, per SIP driver.

SIPp answers, and its SDP names a sink in a third process, which echoes the audio and measures the
packets as the kernel received them. All drivers are measured in turn, several times.
"""

import asyncio
import logging
import math
import os
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from movoice_box.bench.peers import LOOPBACK, Sink, media_sink, sipp_gateway
from movoice_box.clock import Clock, SystemClock
from movoice_box.domain.audio import BYTES_PER_SECOND, CallAudio, LineClosed
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount, TrunkDriver
from movoice_box.errors import TrunkError
from movoice_box.ids import TrunkId
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.settings import Rtp
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.pyvoip_trunk import PyvoipTrunk
from movoice_box.sip.trunk import Answered, Dialog, Ended, Trunk

logger = logging.getLogger(__name__)

DRIVERS = ("native", "pyvoip")

_SETTLE_S = 1.0
_SETUP_S = 60
_NEW_CALLS_EVERY_S = 0.01
_RTP = Rtp(port_min=20_000, port_max=29_999)
_CLIP = bytes(range(256)) * (10 * BYTES_PER_SECOND // 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkMeasure:
    """One driver in one run. Packets are those it sent, per call, as they arrived at the sink.

    `interval_p99_ms` is over the intervals of all calls; `cpu_percent_per_call` of one core, of
    all processes of the driver.
    """

    driver: str
    calls: int
    established: int
    packets_per_second: float
    slowest_packets_per_second: float
    interval_p99_ms: float
    cpu_percent_per_call: float


async def bench_trunk(
    calls: int, seconds: float, drivers: Sequence[str] = DRIVERS, runs: int = 3
) -> list[TrunkMeasure]:
    """Measure each of `drivers` in turn, `runs` times over. Raises `TrunkError`."""
    clock = SystemClock()
    _allow_open_files(8 * calls + 256)
    return [
        await _measure(driver, calls, seconds, clock) for _ in range(runs) for driver in drivers
    ]


def table(measures: Sequence[TrunkMeasure]) -> str:
    """Medians over the runs of each driver, as text."""
    head = ("driver", "runs", "established", "packets/s", "slowest", "p99 interval", "CPU a call")
    rows = [head]
    for driver in dict.fromkeys(measure.driver for measure in measures):
        runs = [measure for measure in measures if measure.driver == driver]
        rows.append(
            (
                driver,
                str(len(runs)),
                f"{median(run.established for run in runs):g} of {runs[0].calls}",
                f"{median(run.packets_per_second for run in runs):.1f}",
                f"{median(run.slowest_packets_per_second for run in runs):.1f}",
                f"{median(run.interval_p99_ms for run in runs):.1f} ms",
                f"{median(run.cpu_percent_per_call for run in runs):.2f} %",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


async def _measure(driver: str, calls: int, seconds: float, clock: Clock) -> TrunkMeasure:
    async with media_sink(calls) as sink, sipp_gateway() as (port, sipp):
        media = MediaEngine(_RTP, clock)
        async with _trunk(driver, port, calls, clock) as trunk, asyncio.TaskGroup() as group:
            services = [group.create_task(run()) for run in (media.run, trunk.run)]
            if driver == TrunkDriver.PYVOIP and not (status := await trunk.test()).is_up:
                raise TrunkError(status.detail)
            load = _Load(trunk, media, sink)
            cpu_seconds, arrivals = await load.run(seconds, clock, {sink.process.pid, sipp.pid})
            for service in services:
                service.cancel()
    intervals = sorted(later - earlier for times in arrivals for earlier, later in pairwise(times))
    rates = [_rate(times) for times in arrivals] or [0.0]
    return TrunkMeasure(
        driver=driver,
        calls=calls,
        established=len(arrivals),
        packets_per_second=sum(rates) / len(rates),
        slowest_packets_per_second=min(rates),
        interval_p99_ms=1000 * intervals[int(0.99 * len(intervals))] if intervals else math.nan,
        cpu_percent_per_call=100 * cpu_seconds / seconds / max(1, len(arrivals)),
    )


@asynccontextmanager
async def _trunk(driver: str, port: int, calls: int, clock: Clock) -> AsyncIterator[Trunk]:
    account = TrunkAccount(
        id=TrunkId("trunk_bench"),
        name="bench",
        host=LOOPBACK,
        port=port,
        username="bench",
        register=driver == TrunkDriver.PYVOIP,
        channels=calls,
        ring_timeout_s=_SETUP_S,
        driver=TrunkDriver(driver),
    )
    if account.driver is TrunkDriver.PYVOIP:
        yield PyvoipTrunk(account, clock)
    else:
        async with SipEndpoint((LOOPBACK, 0), clock) as endpoint:
            yield NativeTrunk(account, endpoint, clock)


class _Load:
    """As many calls at once as the sink has ports, all speaking until they were measured."""

    def __init__(self, trunk: Trunk, media: MediaEngine, sink: Sink) -> None:
        self._trunk = trunk
        self._media = media
        self._sink = sink
        self._established: set[int] = set()
        self._settled = asyncio.Semaphore(0)
        self._is_measured = asyncio.Event()

    async def run(
        self, seconds: float, clock: Clock, others: set[int]
    ) -> tuple[float, list[list[float]]]:
        """CPU seconds used, and the arrivals of each established call."""
        async with asyncio.TaskGroup() as group:
            for port in self._sink.ports:
                group.create_task(self._call(port), name=f"call to {port}")
                await asyncio.sleep(_NEW_CALLS_EVERY_S)
            for _ in self._sink.ports:
                await self._settled.acquire()
            await asyncio.sleep(_SETTLE_S)
            cpu, start = _cpu_seconds(others), clock.now().timestamp()
            await asyncio.sleep(seconds)
            cpu, end = _cpu_seconds(others) - cpu, clock.now().timestamp()
            arrivals = await self._sink.arrivals(start, end)
            self._is_measured.set()
        by_port = dict(zip(self._sink.ports, arrivals, strict=True))
        return cpu, [by_port[port] for port in self._established]

    async def _call(self, port: int) -> None:
        session = await self._media.open(LOOPBACK)
        try:
            dialog = await self._trunk.invite(PhoneNumber(f"+91{port:05}"), session.offer)
            audio = await _answer(dialog, session)
            self._settled.release()
            if audio is not None:
                self._established.add(port)
                async with asyncio.TaskGroup() as group:
                    speaking = group.create_task(_speak(audio))
                    await self._is_measured.wait()
                    speaking.cancel()
            await dialog.end()
        finally:
            await session.close()


async def _answer(dialog: Dialog, session: RtpSession) -> CallAudio | None:
    """The audio of the call once it is answered; None where it ends before."""
    while not isinstance(event := await dialog.next_event(), Ended):
        if isinstance(event, Answered):
            if event.media is not None:
                session.connect(event.media)
            return event.audio or session
    logger.warning("a call was not established: %s %s", event.disposition, event.sip_reason)
    return None


async def _speak(audio: CallAudio) -> None:
    with suppress(LineClosed):
        while True:
            await audio.play(_CLIP)


def _rate(times: list[float]) -> float:
    """Packets per second between the first and the last."""
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def _cpu_seconds(others: set[int]) -> float:
    """CPU time so far of this process and its children, but for `others`."""
    own = os.getpid()
    threads = Path(f"/proc/{own}/task").glob("*/children")
    children = {int(pid) for thread in threads for pid in thread.read_text().split()}
    return sum(map(_cpu_seconds_of, {own, *children} - others))


def _cpu_seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user, system = fields[11:13]  # utime and stime of proc(5)
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
