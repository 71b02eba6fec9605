"""`movoice-box bench fuzz`: a running box with calls up, and a flood of hostile input at its ports.

The box runs here, as `app.running` makes it. A process of its own is the gateway that carries its
calls and the one who sends the flood: it knows every Call-ID, tag and port there is to be known.
Beside the calls that have to survive, some are fair game: they get what any far end may end a call
by, and are placed anew as they end.
"""

import asyncio
import gc
import json
import logging
import os
import tempfile
from bisect import insort
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from movoice_box.app import Box, running, settle_memory
from movoice_box.bench.flood import END_KEY
from movoice_box.bench.peers import LOOPBACK, LinePeer, line_peer
from movoice_box.clock import Clock, SystemClock
from movoice_box.dialer.intake import BatchRequest
from movoice_box.dialer.recipient_file import RecipientRow
from movoice_box.domain.agent import Agent
from movoice_box.domain.call import Call
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.ids import AgentId, BatchId
from movoice_box.settings import Data, Settings, Sip, Web
from movoice_box.store import agents, batches, calls, trunks

_AGENT_ID = AgentId("agent_fuzz")
_DONE = "CONFIRMED"
_AGENT = {
    "name": "Survivor",
    "greeting": "Hello.",
    "questions": [
        {
            "id": "last",
            "ask": "Press 1 to end this call.",
            "answers": [
                {"keys": str(END_KEY), "outcome": _DONE},
                {"keys": "023456789*#", "next": "last"},
            ],
        }
    ],
    "outcomes": [_DONE],
    "opt_out": False,
    "no_input": {"wait_s": 60, "reprompts": 5},
    "max_duration_s": 3600,
}
_SURVIVOR, _FAIR_GAME = "+9198000", "+9197000"
_FAIR_GAME_AT_ONCE = 4
_FAIR_GAME_ROWS = 900
_OTHER_CHANNELS = 8  # for the fair game, and for those who call back
_UP_WITHIN_S = 60
_ENDS_WITHIN_S = 30
_LISTEN_S = 3.0
_LAG_EVERY_S = 0.01
_WARM_UP = 100_000  # datagrams, half of them at most: they fill what is kept for a while
_HEARD = 45  # packets a second, of 50
_MOST_GROWTH_MB = 16.0


@dataclass(kw_only=True)
class FuzzReport:
    """What a box withstood. Memory is resident, in MB; `lag_ms` and `probe_ms` are sorted.

    `survived` of `calls` were up from the flood's first datagram to its last, and heard the key
    that ended them then; `heard` are the packets a second that reached each of them after it.
    `most_dials` is of any one number.
    """

    calls: int
    survived: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    warnings: int = 0
    memory_before: float = 0.0
    memory_after: float = 0.0
    memory_peak: float = 0.0
    lag_ms: list[float] = field(default_factory=list)
    probe_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    heard: list[float] = field(default_factory=list)
    dropped: int = 0
    fair_game: int = 0
    most_dials: int = 0

    @property
    def failures(self) -> list[str]:
        """What the box did not withstand, in sentences."""
        slowest = self.heard[0] if self.heard else 0.0
        growth = self.memory_after - self.memory_before
        return [
            sentence
            for is_so, sentence in (
                (self.errors, f"{len(self.errors)} errors in the log"),
                (self.survived < self.calls, f"{self.calls - self.survived} calls were lost"),
                (slowest < _HEARD, f"a callee heard {slowest:.0f} packets a second"),
                (growth > _MOST_GROWTH_MB, f"memory grew by {growth:.1f} MB"),
                (self.unanswered, f"{self.unanswered} honest requests were never answered"),
                (self.most_dials > 1, f"a number was dialed {self.most_dials} times"),
            )
            if is_so
        ]


async def fuzz(datagrams: int, seed: int, *, calls: int = 20, settle_s: float = 36.0) -> FuzzReport:
    """Hurl so many datagrams at a box with so many calls up.

    `settle_s` is how long transactions are given to be forgotten before memory is measured: 64*T1
    and a little (RFC 3261 17.2). Raises `TrunkError` where the calls do not come up.
    """
    log, clock = _LogCounter(), SystemClock()
    root = logging.getLogger()
    root.addHandler(log)
    try:
        with tempfile.TemporaryDirectory(prefix="movoice-box-fuzz-") as folder:
            settings = Settings(
                data=Data(dir=Path(folder)),
                web=Web(listen=f"{LOOPBACK}:0"),
                sip=Sip(listen=f"{LOOPBACK}:0"),
            )
            async with _far_end(seed) as far, running(settings) as box:
                report = await _Trial(box, far, calls, clock, settle_s).run(datagrams)
    finally:
        root.removeHandler(log)
        gc.unfreeze()
    report.errors, report.warnings = log.errors, log.warnings
    return report


class _Trial:
    """One box, one far end, one flood."""

    def __init__(self, box: Box, far: "_FarEnd", calls: int, clock: Clock, settle_s: float) -> None:
        self._services = box.services
        self._far = far
        self._clock = clock
        self._settle_s = settle_s
        self._report = FuzzReport(calls=calls)

    async def run(self, datagrams: int) -> FuzzReport:
        settle_memory()  # as the service does
        survivors, fair_game = await self._place_calls()
        async with asyncio.timeout(_UP_WITHIN_S):
            await self._far.do("up", self._report.calls)
        first = min(_WARM_UP, datagrams // 2)
        await self._flood(first)
        self._report.memory_before = await self._settled_memory()
        await self._flood(datagrams - first)
        self._report.memory_after = await self._settled_memory()
        await self._end(survivors, fair_game)
        return self._report

    async def _place_calls(self) -> tuple[BatchId, BatchId]:
        services, count = self._services, self._report.calls
        agent, now = Agent.from_document(_AGENT), services.clock.now()
        account = TrunkAccount(
            id=services.ids.trunk(),
            name="hostile",
            host=LOOPBACK,
            port=self._far.port,
            channels=count + _OTHER_CHANNELS,
        )
        await services.database.write(lambda db: agents.put(db, _AGENT_ID, agent, now))
        await services.database.write(lambda db: trunks.put(db, services.seal, account, now))
        await services.trunks.reload()
        survivors = await self._launch(_SURVIVOR, count, count)
        return survivors, await self._launch(_FAIR_GAME, _FAIR_GAME_ROWS, _FAIR_GAME_AT_ONCE)

    async def _launch(self, prefix: str, count: int, concurrency: int) -> BatchId:
        rows = [RecipientRow(f"{prefix}{number:05d}", {}) for number in range(count)]
        request = BatchRequest(agent_id=_AGENT_ID, rows=rows, concurrency=concurrency)
        return BatchId((await self._services.intake.accept(request))["batch_id"])

    async def _flood(self, datagrams: int) -> None:
        report, start = self._report, self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(), name="watch")
            tally = await self._far.do("flood", datagrams)
            watch.cancel()
        report.seconds += self._clock.monotonic() - start
        for kind, count in tally["sent"].items():
            report.sent[kind] = report.sent.get(kind, 0) + count
        report.left_out += tally["left_out"]
        report.unanswered += tally["unanswered"]
        report.probe_ms = sorted([*report.probe_ms, *tally["probe_ms"]])

    async def _settled_memory(self) -> float:
        await asyncio.sleep(self._settle_s)
        gc.collect()
        return _memory()

    async def _watch(self) -> None:
        """How late this loop is, the box's, and how much memory it takes at most."""
        report, clock = self._report, self._clock
        while True:
            due = clock.monotonic() + _LAG_EVERY_S
            await asyncio.sleep(_LAG_EVERY_S)
            insort(report.lag_ms, 1000 * (clock.monotonic() - due))
            report.memory_peak = max(report.memory_peak, _memory())

    async def _end(self, survivors: BatchId, fair_game: BatchId) -> None:
        """Count who is left: the callee of each call ends it by a key, which the box must hear."""
        report, services = self._report, self._services
        heard = (await self._far.do("listen", _LISTEN_S))["heard"]
        report.heard = sorted(packets / _LISTEN_S for packets in heard)
        report.dropped = _dropped()
        await services.control.cancel(fair_game, end_talking=True)
        await self._far.do("press", END_KEY)
        ended = await self._ended_calls(survivors)
        report.survived = sum(call.outcome == _DONE for call in ended)
        dialed: Mapping[str, int] = await self._far.do("dialed", 0)
        report.most_dials = max(dialed.values())
        report.fair_game = len(dialed) - report.calls

    async def _ended_calls(self, batch_id: BatchId) -> list[Call]:
        """Those of a batch, once all have ended; those that do not soon are left as they are."""
        deadline = self._clock.monotonic() + _ENDS_WITHIN_S
        while True:
            found = await self._calls_of(batch_id)
            is_over = all(call.ended_at for call in found)
            if is_over or self._clock.monotonic() > deadline:
                return found
            await asyncio.sleep(0.1)

    async def _calls_of(self, batch_id: BatchId) -> list[Call]:
        async with self._services.database.reading() as db:
            rows = (await batches.recipients(db, batch_id, limit=self._report.calls)).items
            return [await calls.get(db, row.call_id) for row in rows if row.call_id]


class _FarEnd:
    """The process of `bench.hostile_peer`, whose gateway listens on `port`."""

    def __init__(self, peer: LinePeer, port: int) -> None:
        self.port = port
        self._peer = peer

    async def do(self, command: str, value: float) -> dict[str, Any]:
        answer: dict[str, Any] = await self._peer.ask(json.dumps({command: value}))
        return answer


@asynccontextmanager
async def _far_end(seed: int) -> AsyncIterator[_FarEnd]:
    async with line_peer("movoice_box.bench.hostile_peer", _FAIR_GAME, str(seed)) as peer:
        yield _FarEnd(peer, (await peer.read())["port"])


class _LogCounter(logging.Handler):
    """Keeps what nobody wants to read in a log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[str] = []
        self.warnings = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.errors.append(logging.Formatter().format(record))
        else:
            self.warnings += 1


def _memory() -> float:
    """What this process has resident, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _dropped() -> int:
    """Datagrams that the kernel has dropped because a socket of this process was full."""
    inodes = set()
    for file in Path("/proc/self/fd").iterdir():
        target = os.readlink(file) if file.is_symlink() else ""
        inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    lines = Path("/proc/self/net/udp").read_text(encoding="ascii").splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(int(entry[-1]) for entry in fields if entry[9] in inodes)
