"""The one call of an examination: placed, heard, spoken into, ended. Nothing is judged here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from movoice_box.clock import Clock
from movoice_box.doctor.wire import Wire
from movoice_box.domain.audio import LineClosed
from movoice_box.domain.early_media import EarlyMediaVerdict
from movoice_box.domain.media import PTIME_MS, MediaOffer, MediaTarget
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.quality import MediaQuality
from movoice_box.rtp.early_media import EarlyMediaListener
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.sip.trunk import (
    Answered,
    Dialog,
    EarlyMedia,
    Ended,
    KeyPressed,
    MediaChanged,
    Ringing,
    Trunk,
)

_FULL_SCALE_DBM0 = 3.14  # of a sine
_FULL_SCALE_RMS = 32_768 / np.sqrt(2)
_QUIETEST_DBM0 = -43.0  # less is an idle line


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """What to do: ring `phone`, play `prompt` (PCM), listen `listen_s` in all, hang up."""

    phone: PhoneNumber
    prompt: bytes
    listen_s: float


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """What happened. Times in seconds of the monotonic clock; levels in dBm0."""

    offer: MediaOffer
    dialed_at: float
    early_target: MediaTarget | None = None
    early: EarlyMediaVerdict | None = None
    answered_at: float | None = None
    target: MediaTarget | None = None
    talk: EarlyMediaVerdict | None = None
    sound_s: float = 0.0
    level_dbm0: float | None = None
    """Of the moments after the answer that were not silent; None where all were."""
    keys: list[tuple[str, str]] = field(default_factory=list)
    """Each key that was pressed, and "RTP" or "INFO"."""
    quality: MediaQuality | None = None
    ended: Ended | None = None


class TestCall:
    """Places one call over `trunk`. `tell` hears how it goes, while it does."""

    __test__ = False  # not of pytest

    def __init__(
        self,
        trunk: Trunk,
        media: MediaEngine,
        wire: Wire,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._trunk = trunk
        self._media = media
        self._wire = wire
        self._clock = clock
        self._tell = tell

    async def place(self, request: CallRequest) -> CallRecord:
        """Raises `TrunkError` where not even an INVITE could leave."""
        session = await self._media.open(self._trunk.local_address(), self._trunk.account.media)
        session.tap = self._wire
        self._wire.own.add((session.offer.address, session.offer.port))
        ear = _Ear(session, self._wire)
        try:
            record = CallRecord(offer=session.offer, dialed_at=self._clock.monotonic())
            dialog = await self._trunk.invite(request.phone, session.offer)
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(ear.listen(), name="listening")
                try:
                    await self._follow(dialog, session, ear, request, record)
                finally:
                    await dialog.end()
                await session.close()  # takes the last report of the far end
                await listening
            record.quality = session.quality
        finally:
            await session.close()
        record.early = ear.early.verdict() if record.early_target else None
        if record.answered_at is not None:
            record.talk = ear.talk.verdict()
            record.sound_s, record.level_dbm0 = ear.loudness()
        return record

    async def _follow(
        self,
        dialog: Dialog,
        session: RtpSession,
        ear: "_Ear",
        request: CallRequest,
        record: CallRecord,
    ) -> None:
        while not isinstance(event := await dialog.next_event(), Ended):
            match event:
                case Ringing(status):
                    self._tell(f"{status} after {self._since(record):.1f} s: it rings")
                case EarlyMedia(media):
                    record.early_target = media
                    session.connect(media)
                case Answered(media):
                    self._tell(f"answered after {self._since(record):.1f} s: playing and listening")
                    record.answered_at, record.target = self._clock.monotonic(), media
                    ear.has_answered = True
                    if media is not None:
                        session.connect(media)
                    record.ended = await self._talk(dialog, session, request, record)
                    return
        record.ended = event

    async def _talk(
        self, dialog: Dialog, session: RtpSession, request: CallRequest, record: CallRecord
    ) -> Ended:
        """Until the time is over or the far end hangs up."""
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(_play(session, request.prompt), name="prompt"),
                group.create_task(_hear_keys(session, record), name="keys"),
                group.create_task(self._end_after(dialog, request.listen_s), name="end"),
            ]
            while not isinstance(event := await dialog.next_event(), Ended):
                if isinstance(event, MediaChanged):
                    session.connect(event.media)
                elif isinstance(event, KeyPressed):
                    record.keys.append((event.digit, "INFO"))
            for task in beside:
                task.cancel()
        return event

    async def _end_after(self, dialog: Dialog, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await dialog.end()

    def _since(self, record: CallRecord) -> float:
        return self._clock.monotonic() - record.dialed_at


class _Ear:
    """Hears the call, before the answer and after it, from the first packet on."""

    def __init__(self, session: RtpSession, wire: Wire) -> None:
        self.early = EarlyMediaListener()
        self.talk = EarlyMediaListener()
        self.has_answered = False
        self._session = session
        self._wire = wire
        self._rms: list[float] = []

    async def listen(self) -> None:
        async for pcm in self._session.frames():
            if not self._wire.heard:
                continue
            (self.talk if self.has_answered else self.early).hear(pcm)
            if self.has_answered:
                samples = np.frombuffer(pcm, "<i2").astype(np.float64)
                self._rms.append(float(np.sqrt(samples @ samples / max(1, len(samples)))))

    def loudness(self) -> tuple[float, float | None]:
        """Seconds of sound after the answer, and their level in dBm0."""
        quietest = _FULL_SCALE_RMS * 10 ** ((_QUIETEST_DBM0 - _FULL_SCALE_DBM0) / 20)
        sound = np.array([rms for rms in self._rms if rms >= quietest])
        if not len(sound):
            return 0.0, None
        rms = float(np.sqrt(np.mean(np.square(sound))))
        return len(sound) * PTIME_MS / 1000, 20 * float(
            np.log10(rms / _FULL_SCALE_RMS)
        ) + _FULL_SCALE_DBM0


async def _play(session: RtpSession, prompt: bytes) -> None:
    try:
        await session.play(prompt)
    except LineClosed:
        return


async def _hear_keys(session: RtpSession, record: CallRecord) -> None:
    try:
        while True:
            record.keys.append((await session.next_digit(), "RTP"))
    except LineClosed:
        return
