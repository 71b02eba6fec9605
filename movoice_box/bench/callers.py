"""Who places the calls of a measurement: the drivers of the box, or SIPp."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from movoice_box.bench.cpu import cpu_seconds, cpu_seconds_of
from movoice_box.bench.peers import LOOPBACK, RINGING_S, Sink
from movoice_box.bench.sipp_caller import sipp_caller
from movoice_box.clock import Clock
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

SIPP = "sipp"
DRIVERS = (*(driver.value for driver in TrunkDriver), SIPP)

MOST_CALLS = {TrunkDriver.PYVOIP.value: 100}  # on one core, with two threads a call
NEW_CALLS_EVERY_S = 0.01
_RING_TIMEOUT_S = 60
_RTP = Rtp(port_min=20_000, port_max=29_999)
_CLIP = bytes(range(256)) * (10 * BYTES_PER_SECOND // 256)
_TALK_MS = 3_600_000  # SIPp is ended before

CpuSeconds = Callable[[], float]
"""CPU time so far of all processes of the driver."""
WhileTalking = Callable[[CpuSeconds], Awaitable[None]]


def number_of(port: int) -> str:
    """What the gateway answers with `port` as the port of the media."""
    return f"+91{port:05}"


@asynccontextmanager
async def trunk_of(
    driver: str, port: int, clock: Clock
) -> AsyncIterator[tuple[Trunk, MediaEngine]]:
    """A trunk to the gateway on `port` and the box's media, both running. Raises `TrunkError`."""
    account = TrunkAccount(
        id=TrunkId("trunk_bench"),
        name="bench",
        host=LOOPBACK,
        port=port,
        username="bench",
        register=driver == TrunkDriver.PYVOIP,
        ring_timeout_s=_RING_TIMEOUT_S,
        driver=TrunkDriver(driver),
    )
    media = MediaEngine(_RTP, clock)
    async with SipEndpoint((LOOPBACK, 0), clock) as endpoint, asyncio.TaskGroup() as group:
        trunk: Trunk
        if account.driver is TrunkDriver.PYVOIP:
            trunk = PyvoipTrunk(account, clock)
        else:
            trunk = NativeTrunk(account, endpoint, clock)
        services = [group.create_task(run()) for run in (media.run, trunk.run)]
        if account.driver is TrunkDriver.PYVOIP and not (status := await trunk.test()).is_up:
            raise TrunkError(status.detail)
        yield trunk, media
        for service in services:
            service.cancel()


async def talk(
    driver: str, gateway: int, sink: Sink, others: set[int], clock: Clock, then: WhileTalking
) -> set[int]:
    """Call each port of the sink, await `then` while all of them talk, and end the calls.

    `others` are processes that are not the driver's. Returns the ports of those established.
    """
    if driver == SIPP:
        return await _talk_by_sipp(gateway, sink, then)
    async with trunk_of(driver, gateway, clock) as (trunk, media):
        return await _Load(trunk, media, sink).run(lambda: then(lambda: cpu_seconds(others)))


async def answered(dialog: Dialog, session: RtpSession) -> CallAudio | None:
    """The audio of the call once it is answered; None where it ends before."""
    while not isinstance(event := await dialog.next_event(), Ended):
        if isinstance(event, Answered):
            if event.media is not None:
                session.connect(event.media)
            return event.audio or session
    logger.warning("a call was not established: %s %s", event.disposition, event.sip_reason)
    return None


async def _talk_by_sipp(gateway: int, sink: Sink, then: WhileTalking) -> set[int]:
    numbers = [number_of(port) for port in sink.ports]
    async with sipp_caller(gateway, numbers, 1 / NEW_CALLS_EVERY_S, _TALK_MS) as (process, _):
        await asyncio.sleep(len(numbers) * NEW_CALLS_EVERY_S + RINGING_S)
        await then(lambda: cpu_seconds_of(process.pid))
    return set(sink.ports)


class _Load:
    """As many calls at once as the sink has ports, all speaking until they were measured."""

    def __init__(self, trunk: Trunk, media: MediaEngine, sink: Sink) -> None:
        self._trunk = trunk
        self._media = media
        self._sink = sink
        self._established: set[int] = set()
        self._settled = asyncio.Semaphore(0)
        self._is_measured = asyncio.Event()

    async def run(self, then: Callable[[], Awaitable[None]]) -> set[int]:
        async with asyncio.TaskGroup() as group:
            for port in self._sink.ports:
                group.create_task(self._call(port), name=f"call to {port}")
                await asyncio.sleep(NEW_CALLS_EVERY_S)
            for _ in self._sink.ports:
                await self._settled.acquire()
            await then()
            self._is_measured.set()
        return self._established

    async def _call(self, port: int) -> None:
        session = await self._media.open(LOOPBACK)
        try:
            dialog = await self._trunk.invite(PhoneNumber(number_of(port)), session.offer)
            audio = await answered(dialog, session)
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


async def _speak(audio: CallAudio) -> None:
    with suppress(LineClosed):
        while True:
            await audio.play(_CLIP)
