"""A trunk whose far end is the test: it says when the phone rings, is answered, and is keyed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from movoice_box.dialer.channels import Channels
from movoice_box.dialer.inbound import InboundCalls
from movoice_box.dialer.placed_call import CallDesk
from movoice_box.dialer.queue import CallQueue
from movoice_box.dialer.runner import CallRunner
from movoice_box.dialer.transfer import Transfers
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.audio import LineClosed
from movoice_box.domain.batch import PLANS, Batch, RecipientState
from movoice_box.domain.call import Call, CallState, Disposition
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.routing import Wish
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import SpeechError, TrunkError
from movoice_box.ids import BatchId
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from movoice_box.sip.trunk import (
    NO_DETAILS,
    TRANSFER_REFUSED,
    Answered,
    CallDetails,
    DialogEvent,
    Ended,
    Ringing,
    Trunk,
    TrunkStatus,
)
from movoice_box.store import batches, calls, trunks
from movoice_box.voice.speech.tts import Voice
from tests.builders import Office, eventually

ANY_TRUNK = Wish()


class Phone:
    """One callee: implements `Dialog` and `CallAudio`, and is told what to do."""

    sip_call_id = "sip-call-id"

    def __init__(
        self, number: PhoneNumber, offer: MediaOffer, details: CallDetails = NO_DETAILS
    ) -> None:
        self.number = number
        self.offer = offer
        self.details = details
        self.is_ended_by_box = False
        self.is_slow_to_end = False
        self.is_on_hold = False
        self.is_refer_allowed = False
        self.refer_failure = TrunkError(
            "the far end cannot transfer calls: it answered REFER with 501", code=TRANSFER_REFUSED
        )
        self.referred_to: list[PhoneNumber] = []
        self.heard = b""
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._events: asyncio.Queue[DialogEvent | RuntimeError] = asyncio.Queue()
        self._digits: asyncio.Queue[str] = asyncio.Queue()
        self._closed = asyncio.Event()
        self._ended: Ended | None = None
        self._was_answered = False

    def ring(self) -> None:
        self._events.put_nowait(Ringing(180))

    def answer(self) -> None:
        self._was_answered = True
        self._events.put_nowait(Answered(None, self))

    def tell(self, event: DialogEvent) -> None:
        """Let the box's dialog say any other thing."""
        self._events.put_nowait(event)

    def speak(self, frame: bytes) -> None:
        """Let the box hear 20 ms."""
        self._frames.put_nowait(frame)

    def press(self, key: str) -> None:
        self._digits.put_nowait(key)

    def refuse(self, disposition: Disposition, status: int | None, **facts: Any) -> None:
        self._events.put_nowait(Ended(disposition=disposition, sip_status=status, **facts))

    def break_down(self) -> None:
        """Make the box trip over its own dialog."""
        self._events.put_nowait(RuntimeError("made by the test"))

    def hang_up(self) -> None:
        self._end(Ended(disposition=Disposition.ANSWERED, sip_status=200, ended_by="callee"))

    async def next_event(self) -> DialogEvent:
        if self._ended is None:
            event = await self._events.get()
            if isinstance(event, RuntimeError):
                raise event
            if not isinstance(event, Ended):
                return event
            self._ended = event
        return self._ended

    async def end(self) -> None:
        if not self.is_ended_by_box and self._ended is None:
            self.is_ended_by_box = True
            if self.is_slow_to_end:
                await self._closed.wait()
            disposition = Disposition.ANSWERED if self._was_answered else Disposition.CANCELED
            self._end(Ended(disposition=disposition, ended_by="box"))

    def _end(self, ended: Ended) -> None:
        self._closed.set()
        self._frames.put_nowait(None)
        self._events.put_nowait(ended)

    async def play(self, pcm: bytes) -> None:
        await (self._closed.wait() if self.is_on_hold else asyncio.sleep(0))
        if self._closed.is_set():
            raise LineClosed
        self.heard += pcm

    async def next_digit(self) -> str:
        digit = asyncio.ensure_future(self._digits.get())
        closed = asyncio.ensure_future(self._closed.wait())
        await asyncio.wait([digit, closed], return_when=asyncio.FIRST_COMPLETED)
        closed.cancel()
        if digit.done():
            return digit.result()
        digit.cancel()
        raise LineClosed

    async def send_digits(self, digits: str) -> None:
        raise TrunkError("this phone takes no key presses")

    async def transfer(self, to: PhoneNumber) -> None:
        if not self.is_refer_allowed:
            raise self.refer_failure
        self.referred_to.append(to)

    async def probe(self) -> None:
        raise AssertionError("nobody falls silent")

    async def frames(self) -> AsyncIterator[bytes]:
        while (frame := await self._frames.get()) is not None:
            yield frame
        self._frames.put_nowait(None)


@dataclass
class Caller:
    """Somebody who calls the box: implements `IncomingCall`."""

    account: TrunkAccount
    caller: str
    called: str = "08040000000"
    refused: int | None = None
    is_gone: bool = False
    phone: Phone | None = None

    def answer(self, offer: MediaOffer) -> Phone:
        self.phone = Phone(PhoneNumber(self.caller), offer)
        if self.is_gone:
            self.phone.refuse(Disposition.CANCELED, 487, ended_by="callee")
        else:
            self.phone.answer()
        return self.phone

    def refuse(self, sip_status: int) -> None:
        self.refused = sip_status


@dataclass
class Exchange:
    """A trunk, and every phone it was asked to ring."""

    account: TrunkAccount
    phones: list[Phone] = field(default_factory=list)
    details: list[CallDetails] = field(default_factory=list)
    is_reachable: bool = True
    is_lost: bool = False
    is_up: bool | None = True

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def reach(self) -> None:
        if self.is_lost:
            raise TrunkError("no answer from DNS for 'gateway.lan' in 5 s")

    async def invite(
        self, to: PhoneNumber, offer: MediaOffer, details: CallDetails = NO_DETAILS
    ) -> Phone:
        if not self.is_reachable:
            raise TrunkError("no answer from 127.0.0.1:5999 in 32 s (timer B)")
        phone = Phone(to, offer, details)
        self.phones.append(phone)
        self.details.append(details)
        return phone

    def local_address(self) -> str:
        return "127.0.0.1"

    async def test(self) -> TrunkStatus:
        return self.status

    @property
    def status(self) -> TrunkStatus:
        return TrunkStatus(is_up=self.is_up, detail="as the test says")

    async def phone(self, number: int) -> Phone:
        """The phone that rings as the `number`th, from 1."""
        await eventually(lambda: len(self.phones) >= number)
        return self.phones[number - 1]


class Speech:
    """20 ms a sentence, as soon as it is released; `is_lost` makes it fail."""

    def __init__(self) -> None:
        self.is_lost = False
        self.asked = asyncio.Event()
        self.release = asyncio.Event()
        self.release.set()

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        self.asked.set()
        await self.release.wait()
        if self.is_lost:
            raise SpeechError("espeak-ng is not installed: apt install libespeak-ng1")
        return bytes(320)


@dataclass
class Exchanges:
    """The dialer at work on one exchange a trunk, by the names of the trunks."""

    queue: CallQueue
    trunks: TrunkPool
    channels: Channels
    inbound: InboundCalls
    speech: Speech
    built: dict[str, Exchange]

    @property
    def exchange(self) -> Exchange:
        """The one of the trunk that every office has."""
        return self.built["gateway"]


@asynccontextmanager
async def dialing(
    office: Office,
    *accounts: TrunkAccount,
    plan: str = "enterprise",
    not_before: datetime | None = None,
    build: Callable[[TrunkAccount], Trunk] | None = None,
) -> AsyncIterator[Exchanges]:
    """Queue, runner and trunk pool of `office` at work until the block ends.

    With `build` the trunks are real, else exchanges.
    """
    built: dict[str, Exchange] = {}

    def build_exchange(account: TrunkAccount) -> Exchange:
        return built.setdefault(account.name, Exchange(account))

    for account in accounts:
        await a_stored_trunk(office, account)
    speech = Speech()
    pool = TrunkPool(office.database, office.seal, build or build_exchange)
    channels = Channels(pool, office.database, office.clock, office.settings.zone)
    media = MediaEngine(Rtp(port_min=40_000, port_max=49_999), office.clock)
    desk = a_desk(office, channels, media)
    runner = CallRunner(desk=desk, live=office.live, media=media, speech=speech)
    inbound = InboundCalls(desk, office.live, pool, channels, media, speech, PLANS[plan], "IN")
    queue = CallQueue(
        runner, office.book, office.live, pool, channels, PLANS[plan], not_before=not_before
    )
    office.on_wake = queue.wake
    async with asyncio.TaskGroup() as group:
        services = (pool.run, queue.run, inbound.run)
        tasks = [group.create_task(run()) for run in services]
        try:
            await pool.loaded()
            yield Exchanges(queue, pool, channels, inbound, speech, built)
        finally:
            await queue.drain()
            await inbound.drain()
            for task in tasks:
                task.cancel()


def a_desk(office: Office, channels: Channels, media: MediaEngine) -> CallDesk:
    return CallDesk(
        book=office.book,
        dnd=office.dnd,
        transfers=Transfers(channels, media, office.database, office.clock, "IN"),
        recordings=office.settings.recordings,
    )


async def a_stored_trunk(office: Office, account: TrunkAccount) -> None:
    await office.database.write(lambda db: trunks.put(db, office.seal, account, office.clock.now()))


async def batch_now(office: Office, batch_id: BatchId) -> Batch:
    async with office.database.reading() as db:
        return await batches.get(db, batch_id)


async def calls_of(office: Office, batch_id: BatchId) -> list[Call]:
    async with office.database.reading() as db:
        page = await calls.page(db, limit=100, batch_id=batch_id)
    return sorted(page.items, key=lambda call: call.row)


async def until(office: Office, batch_id: BatchId, **facts: Any) -> Batch:
    """Wait until the batch has the `state` and the counts of recipients given."""

    async def is_so() -> bool:
        batch = await batch_now(office, batch_id)
        counts = {str(one): batch.tally.count(one) for one in RecipientState}
        return {**counts, "state": batch.state}.items() >= facts.items()

    await eventually(is_so)
    return await batch_now(office, batch_id)


async def has_call_in(office: Office, batch_id: BatchId, state: CallState) -> bool:
    return any(call.state is state for call in await calls_of(office, batch_id))


def waits_for(dialer: Exchanges, wish: Wish = ANY_TRUNK) -> str:
    """What the owner is told that such calls wait for, "" where for nothing."""
    obstacle = dialer.channels.obstacle(wish)
    return obstacle.reason if obstacle and obstacle.is_visible else ""
