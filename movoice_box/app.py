"""The composition root: everything is made here, and run in one TaskGroup."""

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from movoice_box.clock import Clock, SystemClock
from movoice_box.dialer.broadcast import Broadcast
from movoice_box.dialer.call_book import CallBook
from movoice_box.dialer.channels import Channels
from movoice_box.dialer.control import BatchControl
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.inbound import InboundCalls
from movoice_box.dialer.intake import Intake
from movoice_box.dialer.live import LiveCalls
from movoice_box.dialer.placed_call import CallDesk
from movoice_box.dialer.queue import CallQueue
from movoice_box.dialer.runner import CallRunner
from movoice_box.dialer.transfer import Transfers
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.dialer.upkeep import Upkeep
from movoice_box.dialer.webhooks import WebhookSender
from movoice_box.domain.trunk import TrunkAccount, TrunkDriver
from movoice_box.errors import SettingsError, TrunkError
from movoice_box.ids import IdFactory
from movoice_box.notify import ServiceManager
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Settings, parse_address, ready_agents
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.pyvoip_trunk import PyvoipTrunk
from movoice_box.sip.trunk import IncomingHandler, Trunk, TrunkStatus
from movoice_box.store import agents
from movoice_box.store.database import Database
from movoice_box.store.sealing import Seal
from movoice_box.voice.agent_files import load_agents
from movoice_box.voice.speech.cache import CachedSpeech
from movoice_box.voice.speech.espeak import EspeakSynthesizer
from movoice_box.web.server import WebServer
from movoice_box.web.services import Services
from movoice_box.web.site import create_site

_DATABASE = "box.db"
_SYSTEM_CLOCK = SystemClock()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A running box. `web_address` is where its pages are, such as http://127.0.0.1:8080."""

    services: Services
    web_address: str | None


@asynccontextmanager
async def stored(settings: Settings) -> AsyncIterator[Database]:
    """The box's database alone, for commands; a running box may have it open at the same time.

    Raises `SettingsError` when the data folder or its database cannot be used.
    """
    _make_folders(settings)
    async with Database.opened(settings.data.dir / _DATABASE, is_guest=True) as database:
        yield database


@asynccontextmanager
async def running(
    settings: Settings, *, for_one_call: bool = False, clock: Clock = _SYSTEM_CLOCK
) -> AsyncIterator[Box]:
    """A box at work; when the block ends, its live calls are ended and written down.

    `for_one_call` has no pages and leaves alone the batches that are waiting in the data folder.
    Raises `SettingsError` when an address or the data folder is taken. A service that dies cancels
    the block and raises its error.
    """
    async with contextlib.AsyncExitStack() as stack:
        _make_folders(settings)
        stack.enter_context(sole_owner(settings.data.dir))
        database = await stack.enter_async_context(Database.opened(settings.data.dir / _DATABASE))
        seal = Seal.from_files(settings.data.dir)
        listener = stack.enter_context(_listening(settings)) if not for_one_call else None
        endpoint = await stack.enter_async_context(_endpoint(settings.sip.listen, clock))
        engine = await stack.enter_async_context(EspeakSynthesizer())
        await _add_ready_agents(database, clock)

        ids = IdFactory(clock)
        broadcast = Broadcast()
        live = LiveCalls()
        media = MediaEngine(settings.rtp, clock)
        trunks = TrunkPool(
            database, seal, lambda account: _driver(account, endpoint, clock, take_call)
        )
        webhooks = WebhookSender(database, seal, settings, clock)
        book = CallBook(database, clock, ids, broadcast, webhooks)
        dnd = DoNotDisturb(database, settings, clock)
        channels = Channels(trunks, database, clock, settings.zone)
        speech = CachedSpeech(engine, settings.data.dir / "speech")
        desk = CallDesk(
            book=book,
            dnd=dnd,
            transfers=Transfers(channels, media, database, clock, settings.default_country),
            recordings=settings.recordings,
        )
        runner = CallRunner(desk=desk, live=live, media=media, speech=speech)
        inbound = InboundCalls(
            desk, live, trunks, channels, media, speech, settings.limits, settings.default_country
        )
        take_call = None if for_one_call else inbound.on_call
        not_before = clock.now() if for_one_call else None
        queue = CallQueue(
            runner, book, live, trunks, channels, settings.limits, not_before=not_before
        )
        upkeep = Upkeep(book=book, queue=queue, trunks=trunks, plan=settings.limits)
        services = Services(
            settings=settings,
            clock=clock,
            ids=ids,
            database=database,
            seal=seal,
            broadcast=broadcast,
            intake=Intake(database, seal, settings, clock, ids, broadcast, queue.wake),
            control=BatchControl(database, clock, ids, broadcast, live, queue.wake),
            dnd=dnd,
            live=live,
            trunks=trunks,
            channels=channels,
            webhooks=webhooks,
            strangers=lambda: endpoint.strangers,
        )
        if left := await book.recover():
            logger.warning("calls were up when the box last stopped", extra={"calls": left})
        loops = {
            "media": media.run,
            "trunks": trunks.run,
            "webhooks": webhooks.run,
            "call queue": queue.run,
            "inbound calls": inbound.run,
        }
        if listener:
            loops["upkeep"] = upkeep.run
            loops["web"] = WebServer(create_site(services), listener).run
        async with _services(loops):
            try:
                yield Box(services=services, web_address=_web_address(listener))
            finally:
                await queue.drain()
                await inbound.drain()
                broadcast.close()


async def serve(settings: Settings) -> None:
    """Run the service until cancelled, and tell systemd how it is doing."""
    systemd = ServiceManager.from_environment(os.environ, os.getpid())
    async with running(settings) as box, asyncio.TaskGroup() as group:
        watchdog = group.create_task(systemd.run(), name="watchdog")
        settle_memory()
        systemd.ready(f"Serving {box.web_address}")
        logger.info("the box is up", extra={"web": box.web_address})
        try:
            await asyncio.Event().wait()
        finally:
            systemd.stopping()
            watchdog.cancel()


def settle_memory() -> None:
    """Set what the box is made of aside for good: walking it in search of cycles would take 100 to
    300 ms each time, in which no call is heard.
    """
    gc.collect()
    gc.freeze()


def _make_folders(settings: Settings) -> None:
    try:
        settings.data.dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        settings.recordings.mkdir(exist_ok=True)
    except OSError as error:
        raise _unusable(settings.data.dir, error) from error


def _unusable(data_dir: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"data.dir ({data_dir}) cannot be used: {error.strerror}; name another with --data-dir",
        field="data.dir",
    )


async def testing_trunk(settings: Settings, account: TrunkAccount) -> TrunkStatus:
    """Ask a trunk's far end from a port of its own, beside a box that may be running."""
    clock = SystemClock()
    host, _ = parse_address(settings.sip.listen, "sip.listen")
    listen = f"[{host}]:0" if ":" in host else f"{host}:0"
    try:
        async with _endpoint(listen, clock) as endpoint:
            return await _driver(account, endpoint, clock).test()
    except TrunkError as error:
        return TrunkStatus(is_up=False, detail=error.message)


@contextmanager
def sole_owner(data_dir: Path) -> Iterator[None]:
    """Hold the data folder: two boxes on one list would call everyone twice.

    Raises `SettingsError` when another box holds it, or nothing can be written there.
    """
    try:
        lock = (data_dir / "box.lock").open("w")
    except OSError as error:
        raise _unusable(data_dir, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"another box runs on {data_dir}: stop it, or name another folder with --data-dir",
                code="data_dir_in_use",
                field="data.dir",
            ) from None
        yield


@asynccontextmanager
async def _services(loops: Mapping[str, Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Start services in the order given and stop them in reverse.

    A service that raises takes the whole process down; systemd starts it again.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(loop), name=name) for name, loop in loops.items()]
        try:
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait([task])


async def _run(loop: Callable[[], Awaitable[None]]) -> None:
    await loop()


def _endpoint(listen: str, clock: Clock) -> SipEndpoint:
    return SipEndpoint(parse_address(listen, "sip.listen"), clock)


def _driver(
    account: TrunkAccount,
    endpoint: SipEndpoint,
    clock: Clock,
    take_call: IncomingHandler | None = None,
) -> Trunk:
    """pyVoIP takes no calls: it cannot tell from where one came."""
    match account.driver:
        case TrunkDriver.NATIVE:
            return NativeTrunk(account, endpoint, clock, take_call)
        case TrunkDriver.PYVOIP:
            return PyvoipTrunk(account, clock)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    host, port = parse_address(settings.web.listen, "web.listen")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise SettingsError(
            f"web.listen ({settings.web.listen}) cannot be used: {error.strerror}; is another "
            "program on that port?",
            field="web.listen",
        ) from error
    with listener:
        yield listener


def _web_address(listener: socket.socket | None) -> str | None:
    if listener is None:
        return None
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104 (shown)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _add_ready_agents(database: Database, clock: Clock) -> None:
    """Give a new box the ready agents, once: one that the owner deletes stays deleted."""
    ready = load_agents(ready_agents())
    now = clock.now()

    async def add(db: aiosqlite.Connection) -> None:
        if await agents.is_first_start(db):
            for agent_id, agent in ready:
                await agents.put(db, agent_id, agent, now)

    await database.write(add)
