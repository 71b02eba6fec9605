"""Speech over a simulated network into a receiver, in virtual time, and what an ear makes of it."""

import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from movoice_box.domain.media import SAMPLE_RATE_HZ, Codec, MediaOffer
from movoice_box.rtp.codecs import encoder_of
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.receiver import RtpReceiver
from tests.rtp.ends import LOOPBACK, a_target

ANSWERED = (LOOPBACK, 4000)
EVERY_CODEC = tuple(Codec)
_MS = SAMPLE_RATE_HZ // 1000
_TICK_MS = 20
_PIECE = 160 * _MS
_REACH = 300 * _MS
_SSRC = 7
_TEXT = (
    "Good morning. This is the dental practice of doctor Mehta, calling about your appointment "
    "on Thursday at half past nine. If you would like to keep it, please say yes. If another day "
    "would suit you better, tell me which one, and I will look for a free hour. "
)


@dataclass(frozen=True)
class Sent:
    """One packet as it leaves: milliseconds, RTP timestamp, payload and its type."""

    at_ms: float
    timestamp: int
    payload: bytes
    payload_type: int


@dataclass
class Network:
    """Seeded. `loss` is a share of the packets; each is delayed by up to `jitter_ms`.

    So packets overtake one another. `delay_ms` adds what a test wants at the time that it is given.
    """

    loss: float = 0.0
    jitter_ms: float = 0.0
    delay_ms: Callable[[float], float] = field(default=lambda _at_ms: 0.0)
    seed: int = 1

    def carry(self, packets: Sequence[Sent]) -> list[tuple[float, int, Sent]]:
        """Arrival in milliseconds, sequence number and packet, in the order of arrival."""
        chance = random.Random(self.seed)
        arrivals = []
        for number, packet in enumerate(packets):
            is_lost = chance.random() < self.loss
            late_ms = chance.uniform(0, self.jitter_ms) + self.delay_ms(packet.at_ms)
            if not is_lost:
                arrivals.append((packet.at_ms + late_ms, number, packet))
        return sorted(arrivals)


def a_receiver(codecs: tuple[Codec, ...] = EVERY_CODEC) -> RtpReceiver:
    receiver = RtpReceiver()
    receiver.connect(a_target(ANSWERED[1]), MediaOffer(address=LOOPBACK, port=5000, codecs=codecs))
    return receiver


def packets_of(
    pcm: bytes, codec: Codec = Codec.PCMU, ptimes_ms: Sequence[int] = (20,), ppm: float = 0
) -> list[Sent]:
    """`pcm` as packets of the `ptimes_ms`, over and over again; the clock is fast by `ppm`."""
    return list(_packets_of(pcm, codec, ptimes_ms, ppm))


def _packets_of(pcm: bytes, codec: Codec, ptimes_ms: Sequence[int], ppm: float) -> Iterator[Sent]:
    encoder, at_ms = encoder_of(codec), 0
    for number in count():
        ptime_ms = ptimes_ms[number % len(ptimes_ms)]
        piece = pcm[2 * _MS * at_ms : 2 * _MS * (at_ms + ptime_ms)]
        if len(piece) < 2 * _MS * ptime_ms:
            return
        leaves_ms = (at_ms + ptime_ms) / (1 + ppm / 1e6)
        timestamp = (0xFFFF_0000 + at_ms * codec.samples_per_ms) & 0xFFFF_FFFF
        yield Sent(leaves_ms, timestamp, encoder.encode(piece), codec.payload_type)
        at_ms += ptime_ms


def heard(
    packets: Sequence[Sent], network: Network | None = None, receiver: RtpReceiver | None = None
) -> bytes:
    """What is played until 300 ms after the last packet."""
    return b"".join(frame for frame, _ in frames_of(packets, network, receiver))


def frames_of(
    packets: Sequence[Sent], network: Network | None = None, receiver: RtpReceiver | None = None
) -> Iterator[tuple[bytes, bool]]:
    """A frame every 20 ms, and whether it is made up for what did not come."""
    receiver = receiver or a_receiver()
    arrivals = (network or Network()).carry(packets)
    at = 0
    for tick in range(int(arrivals[-1][0] + 300) // _TICK_MS):
        now_ms = tick * _TICK_MS + 0.5
        while at < len(arrivals) and arrivals[at][0] <= now_ms:
            arrived_ms, number, packet = arrivals[at]
            datagram = RtpPacket(
                packet.payload_type,
                number + 65_000 & 0xFFFF,
                packet.timestamp,
                _SSRC,
                packet.payload,
            ).pack()
            receiver.receive(datagram, ANSWERED, arrived_ms / 1000)
            at += 1
        yield receiver.playout.frame(), receiver.playout.is_made_up


@cache
def speech(seconds: float, text: str = _TEXT, voice: str = "en") -> bytes:
    """A synthetic voice at 8 kHz: words and the pauses between them, over and over again."""
    command = ("espeak-ng", "-v", voice, "-s", "150", "--stdout", text)
    try:
        wav = subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        pytest.fail("espeak-ng is missing: apt install espeak-ng")
    samples = np.frombuffer(wav[44:], dtype="<i2").astype(np.float32)
    narrow = soxr.resample(samples, 22_050, SAMPLE_RATE_HZ)
    wanted = int(seconds * SAMPLE_RATE_HZ)
    repeated = np.tile(narrow * (9_000 / np.abs(narrow).max()), -(-wanted // len(narrow)))
    return repeated[:wanted].astype("<i2").tobytes()


@dataclass(frozen=True)
class Understood:
    """How `heard` compares to what was said.

    `envelope` is the correlation of the loudness curves in steps of 20 ms, each piece of 160 ms
    held against what was heard where it, or the last one before it, was found; 1 for the same.
    `segments` is the share of the voiced pieces that were found, with a likeness above 0.7, within
    200 ms of where most are; `delay_ms` the median of where; `spread_ms` the difference between
    the earliest and the latest 5 % of them. `energy` is that heard relative to that said.
    """

    envelope: float
    segments: float
    delay_ms: float
    spread_ms: float
    energy: float


def understood(said: bytes, heard_pcm: bytes) -> Understood:
    one, other = _samples(said), _samples(heard_pcm)
    at = overall = _offset(one, other)
    found: list[float] = []
    loudness: list[tuple[float, float]] = []
    voiced = 0
    for begin in range(0, len(one) - _PIECE, _PIECE):
        piece = one[begin : begin + _PIECE]
        if np.sqrt(np.mean(piece**2)) > 500:
            voiced += 1
            low = max(0, begin + overall - _REACH)
            likeness, where = _best(piece, other[low : begin + overall + _PIECE + _REACH])
            if likeness > 0.7:
                at = low + where - begin
                found.append(at / _MS)
        copy = other[begin + at : begin + at + _PIECE]
        if len(copy) == _PIECE:
            loudness.extend(zip(_curve(piece), _curve(copy), strict=True))
    middle = float(np.median(found)) if found else 0.0
    near = [ms for ms in found if abs(ms - middle) <= 200]
    low_ms, high_ms = np.percentile(near, [5, 95]) if near else (0.0, 0.0)
    return Understood(
        envelope=float(np.corrcoef(np.array(loudness).T)[0, 1]),
        segments=len(near) / max(1, voiced),
        delay_ms=middle,
        spread_ms=float(high_ms - low_ms),
        energy=float(np.sum(other**2) / np.sum(one**2)),
    )


def _best(piece: NDArray[np.float64], region: NDArray[np.float64]) -> tuple[float, int]:
    """The greatest normalised cross-correlation, and where."""
    product = np.correlate(region, piece, "valid")
    power = np.concatenate(([0.0], np.cumsum(region**2)))
    energy = power[len(piece) :] - power[: -len(piece)]
    likeness = product / np.sqrt(np.maximum(energy, 1.0) * np.sum(piece**2))
    at = int(np.argmax(likeness))
    return float(likeness[at]), at


def _offset(one: NDArray[np.float64], other: NDArray[np.float64]) -> int:
    size = len(one) + len(other)
    product = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    return int(np.argmax(product[:SAMPLE_RATE_HZ]))


def _curve(samples: NDArray[np.float64]) -> list[float]:
    return [float(rms) for rms in np.sqrt(np.mean(samples.reshape(-1, 20 * _MS) ** 2, axis=1))]


def _samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)
