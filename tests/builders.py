"""Test data and the few things that tests fake: the clock and chance."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosqlite

from movoice_box.dialer.broadcast import Broadcast
from movoice_box.dialer.call_book import CallBook
from movoice_box.dialer.control import BatchControl
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.intake import BatchRequest, Intake
from movoice_box.dialer.live import LiveCalls
from movoice_box.dialer.recipient_file import RecipientRow
from movoice_box.dialer.webhooks import WebhookSender
from movoice_box.domain.agent import Agent
from movoice_box.domain.call import Call, CallResult, Disposition
from movoice_box.domain.media import Codec
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.quality import MediaQuality
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.ids import AgentId, BatchId, IdFactory, TrunkId
from movoice_box.settings import Data, Settings, Webhooks
from movoice_box.store import agents, call_queue, calls, inbound, trunks
from movoice_box.store.database import Database
from movoice_box.store.sealing import Seal

START = datetime(2026, 4, 20, 9, 30, tzinfo=UTC)
AGENT_ID = AgentId("agent_payment")


class ManualClock:
    """Time that passes only when the test says so."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._seconds = 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    def pass_time(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds

    def set_right(self, *, days: float) -> None:
        """Somebody sets the clock; no time passes."""
        self._now += timedelta(days=days)


async def eventually(is_so: Callable[[], bool | Awaitable[bool]], within_s: float = 30) -> None:
    """Wait until `is_so`; what never becomes so fails with `TimeoutError`."""
    async with asyncio.timeout(within_s):
        while True:
            answer = is_so()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)


def an_agent(**changes: object) -> Agent:
    document: dict[str, object] = {
        "name": "Payment reminder",
        "greeting": "Hello {{name}}, you owe {{amount_due}}.",
        "questions": [
            {
                "id": "pay",
                "ask": "Press 1 to confirm, 2 to refuse.",
                "answers": [
                    {"keys": "1", "outcome": "BOOKED", "summary": "{{name}} confirmed."},
                    {"keys": "2", "outcome": "REFUSED"},
                ],
            }
        ],
        "outcomes": ["BOOKED", "REFUSED"],
    }
    return Agent.from_document({**document, **changes})


def a_trunk(name: str = "gateway", **changes: object) -> TrunkAccount:
    values: dict[str, object] = {
        "id": TrunkId(f"trunk_{name}"),
        "name": name,
        "host": "127.0.0.1",
        "port": 5999,
        "channels": 4,
    }
    return TrunkAccount(**{**values, **changes})  # type: ignore[arg-type]


def a_row(phone: str = "+919876543210", **variables: str) -> RecipientRow:
    return RecipientRow(phone, {"name": "Rahul", "amount_due": "₹2500", **variables})


def some_rows(count: int) -> list[RecipientRow]:
    return [a_row(f"+9198765{number:05d}") for number in range(count)]


def a_result(outcome: str = "BOOKED", **changes: object) -> CallResult:
    values: dict[str, object] = {
        "disposition": Disposition.ANSWERED,
        "outcome": outcome,
        "summary": "Rahul confirmed.",
        "collected": {},
        "sip_status": 200,
    }
    return CallResult(**{**values, **changes})  # type: ignore[arg-type]


A_QUALITY = MediaQuality(
    codec=Codec.PCMA,
    packets_sent=500,
    packets_heard=490,
    loss_heard=0.02,
    jitter_heard_ms=3.5,
    mos=4.2,
)


@dataclass
class Office:
    """All of the box that needs no network: what the dialer's rules are tested on."""

    database: Database
    seal: Seal
    settings: Settings
    clock: ManualClock
    ids: IdFactory
    broadcast: Broadcast = field(default_factory=Broadcast)
    live: LiveCalls = field(default_factory=LiveCalls)
    on_wake: Callable[[], None] | None = None
    wakes: int = 0

    def __post_init__(self) -> None:
        self.intake = Intake(
            self.database,
            self.seal,
            self.settings,
            self.clock,
            self.ids,
            self.broadcast,
            self.wake,
        )
        self.control = BatchControl(
            self.database, self.clock, self.ids, self.broadcast, self.live, self.wake
        )
        self.dnd = DoNotDisturb(self.database, self.settings, self.clock)
        self.webhooks = WebhookSender(self.database, self.seal, self.settings, self.clock)
        self.book = CallBook(self.database, self.clock, self.ids, self.broadcast, self.webhooks)

    def wake(self) -> None:
        self.wakes += 1
        if self.on_wake:
            self.on_wake()

    def request(self, **changes: object) -> BatchRequest:
        values: dict[str, object] = {"agent_id": AGENT_ID, "rows": [a_row()]}
        return BatchRequest(**{**values, **changes})  # type: ignore[arg-type]

    async def a_batch(self, rows: int = 3, **changes: object) -> BatchId:
        answer = await self.intake.accept(self.request(rows=some_rows(rows), **changes))
        return BatchId(answer["batch_id"])

    async def claim(self, batch_id: BatchId, limit: int = 1) -> list[Call]:
        return await self.database.write(
            lambda db: call_queue.claim(db, batch_id, limit, self.ids.call, self.clock.now())
        )

    async def dial(
        self, call: Call, trunk: str = "trunk_gateway", channel: str | None = None
    ) -> call_queue.Permission:
        return await self.database.write(
            lambda db: call_queue.start_dialing(
                db, call.id, TrunkId(trunk), channel, self.clock.now()
            )
        )

    async def call_back(self, phone: str) -> Call:
        """A call from a number that a batch has dialed; it rings."""
        caller, call_id = PhoneNumber(phone), self.ids.call()

        async def add(db: aiosqlite.Connection) -> Call:
            row = await inbound.row_last_dialed(db, caller)
            assert row
            trunk_id = TrunkId("trunk_gateway")
            await inbound.add(db, call_id, row, caller, trunk_id, self.clock.now())
            return await calls.get(db, call_id)

        return await self.database.write(add)


@asynccontextmanager
async def an_office(data_dir: Path, **settings: object) -> AsyncIterator[Office]:
    """An office with one agent and one trunk, on a real database in `data_dir`."""
    clock = ManualClock()
    values = {"data": Data(dir=data_dir), "webhooks": Webhooks(("127.0.0.0/8",)), **settings}
    async with Database.opened(data_dir / "box.db") as database:
        seal = Seal.from_files(data_dir)
        office = Office(database, seal, Settings(**values), clock, IdFactory(clock))  # type: ignore[arg-type]
        await database.write(lambda db: agents.put(db, AGENT_ID, an_agent(), clock.now()))
        await database.write(lambda db: trunks.put(db, seal, a_trunk(), clock.now()))
        yield office
