"""Two RTP ends on loopback, ticked by hand, with a line between them that can be impaired."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from movoice_box.clock import SystemClock
from movoice_box.domain.media import PTIME_MS, SAMPLE_RATE_HZ, Codec, MediaTarget
from movoice_box.rtp.g711 import decode, encode
from movoice_box.rtp.recorder import Recorder
from movoice_box.rtp.session import RtpSession
from movoice_box.rtp.ticker import Ticker

LOOPBACK = "127.0.0.1"
Datagram = tuple[int, bytes]  # the tick at which it is delivered


@dataclass(frozen=True)
class Loss:
    """Over and over again: 1 loses a packet, 0 lets it through."""

    pattern: Sequence[int]

    def apply(self, number: int, datagram: Datagram) -> list[Datagram]:
        return [] if self.pattern[number % len(self.pattern)] else [datagram]


@dataclass(frozen=True)
class Delay:
    """Every packet by `ms`; or by `jitter_ms` of the pattern on top, over and over again."""

    ms: int
    jitter_ms: Sequence[int] = (0,)

    def apply(self, number: int, datagram: Datagram) -> list[Datagram]:
        ms = self.ms + self.jitter_ms[number % len(self.jitter_ms)]
        return [(datagram[0] + ms // PTIME_MS, datagram[1])]


@dataclass(frozen=True)
class Repeat:
    """Every packet so many times."""

    times: int

    def apply(self, _number: int, datagram: Datagram) -> list[Datagram]:
        return [datagram] * self.times


Impairment = Loss | Delay | Repeat


class Line:
    """A relay between two ends, which see each other at its addresses as through a NAT."""

    def __init__(self, impairments: Sequence[Impairment]) -> None:
        self._impairments = impairments
        self._now = 0
        self._sides = (_Side(), _Side())

    def ports(self) -> tuple[int, int]:
        return self._sides[0].port, self._sides[1].port

    def join(self, near: int, far: int) -> None:
        self._sides[0].end, self._sides[1].end = near, far

    def carry(self) -> None:
        """Move on by a tick."""
        self._now += 1
        one, other = self._sides
        one.read(self._now, self._impairments, to=other)
        other.read(self._now, self._impairments, to=one)
        one.deliver(self._now)
        other.deliver(self._now)

    def close(self) -> None:
        for side in self._sides:
            side.socket.close()


class _Side:
    def __init__(self) -> None:
        self.socket = udp_socket()
        self.port: int = self.socket.getsockname()[1]
        self.end = 0
        self.under_way: deque[Datagram] = deque()
        self._count = 0

    def read(self, now: int, impairments: Sequence[Impairment], to: "_Side") -> None:
        for datagram in received(self.socket):
            carried: list[Datagram] = [(now, datagram)]
            for impairment in impairments:
                carried = [out for one in carried for out in impairment.apply(self._count, one)]
            to.under_way.extend(carried)
            self._count += 1

    def deliver(self, now: int) -> None:
        for due, datagram in sorted(self.under_way, key=lambda one: one[0]):
            if due <= now:
                self.socket.sendto(datagram, (LOOPBACK, self.end))
        self.under_way = deque(one for one in self.under_way if one[0] > now)


class HandTicker(Ticker):
    """Ticked by hand, 20 ms at a time: every call sends once and hears once at that pace."""

    def __init__(self) -> None:
        super().__init__(SystemClock())

    def tick(self, skipped: int = 0) -> None:
        super().tick(2 * skipped)
        super().tick()


@dataclass
class Call:
    """`near` is the box's end, `far` the callee's."""

    near: RtpSession
    far: RtpSession
    ticker: HandTicker
    line: Line | None = None

    async def tick(self, ticks: int = 1) -> None:
        """Let 20 ms pass for both ends, and the tasks that wait on them run."""
        for _ in range(ticks):
            self.ticker.tick()
            if self.line:
                self.line.carry()
            await settle()

    async def tick_until(self, task: asyncio.Task[object]) -> None:
        await settle()
        while not task.done():
            await self.tick()


@asynccontextmanager
async def a_call(
    *impairments: Impairment, codec: Codec = Codec.PCMU, **target: object
) -> AsyncIterator[Call]:
    """Two ends that are connected to each other."""
    ticker, recorder = HandTicker(), Recorder()
    near, far = (RtpSession(udp_socket(), ticker, recorder) for _ in range(2))
    call = Call(near, far, ticker, Line(impairments) if impairments else None)
    near_sees, far_sees = far.offer.port, near.offer.port
    if call.line:
        call.line.join(near.offer.port, far.offer.port)
        near_sees, far_sees = call.line.ports()
    try:
        near.connect(replace(a_target(near_sees, codec), **target))  # type: ignore[arg-type]
        far.connect(a_target(far_sees, codec))
        yield call
    finally:
        await near.close()
        await far.close()
        if call.line:
            call.line.close()


def a_target(port: int, codec: Codec = Codec.PCMU) -> MediaTarget:
    return MediaTarget(address=LOOPBACK, port=port, codec=codec, telephone_event_payload_type=101)


class Ear:
    """Collects what an end hears."""

    def __init__(self, session: RtpSession, group: asyncio.TaskGroup) -> None:
        self.pcm = b""
        self.task = group.create_task(self._listen(session))

    async def _listen(self, session: RtpSession) -> None:
        async for frame in session.frames():
            self.pcm += frame


async def settle() -> None:
    """Let every task run until it waits for a tick."""
    for _ in range(10):
        await asyncio.sleep(0)


async def until(is_true: Callable[[], bool]) -> None:
    """Wait for what another thread or process does; fail after 10 s."""
    async with asyncio.timeout(10):
        for _ in count():
            if is_true():
                return
            await asyncio.sleep(0.01)


def udp_socket() -> socket.socket:
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    free.setblocking(False)
    free.bind((LOOPBACK, 0))
    return free


def received(end: socket.socket) -> list[bytes]:
    """Every datagram that has come."""
    datagrams = []
    try:
        while True:
            datagrams.append(end.recv(2048))
    except BlockingIOError:
        return datagrams


def a_tone(seconds: float, hz: float = 440.0) -> bytes:
    """PCM of a sine at a quarter of full scale."""
    time = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (8_000 * np.sin(2 * np.pi * hz * time)).astype("<i2").tobytes()


def through(pcm: bytes, codec: Codec = Codec.PCMU) -> bytes:
    """`pcm` as it sounds after the codec."""
    return decode(encode(pcm, codec), codec)


def energy(pcm: bytes) -> float:
    return float(np.sum(np.frombuffer(pcm, dtype="<i2").astype(np.float64) ** 2))


def loudest_hz(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE_HZ / len(samples)


def a_session(ticker: Ticker) -> RtpSession:
    return RtpSession(udp_socket(), ticker, Recorder(), randbits=lambda _bits: 7)
