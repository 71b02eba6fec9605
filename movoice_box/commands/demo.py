"""`movoice-box demo`: the main job on this machine alone, with a simulated gateway."""

import argparse
import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from movoice_box.app import Box, running
from movoice_box.commands.owner import setup_link
from movoice_box.commands.parsing import Commands, add_command
from movoice_box.commands.serve import until_signalled
from movoice_box.commands.simulate import READY
from movoice_box.dialer.intake import BatchRequest
from movoice_box.dialer.recipient_file import RecipientFile
from movoice_box.domain.batch import Batch, BatchState, Recipient, RecipientState
from movoice_box.domain.call import CallState
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.ids import BatchId
from movoice_box.settings import Data, Settings, Sip, Web, parse_address
from movoice_box.simulator.expectation import expected_outcome
from movoice_box.simulator.ledger import calls_by_number, read_ledger
from movoice_box.simulator.scenario import SCENARIOS
from movoice_box.store import agents, batches, calls, owners, trunks

AGENT_ID = "agent_payment_collection"
LEDGER = "simulator-ledger.jsonl"
RECIPIENTS = """phone,name,amount_due,due_date
+919876543210,Rahul Sharma,₹2500,April 25
+919876543211,Priya Patel,₹1800,April 26
+919876543212,Amit Kumar,₹3200,April 27
"""
_SCENARIO = "payment-demo"
_READY_WITHIN_S = 30


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    about = "call three simulated people over real SIP and RTP on this machine, then keep serving"
    parser = add_command(commands, common, "demo", _demo, about)
    parser.add_argument(
        "--once", action="store_true", help="end after the batch; 0 if all is right"
    )


async def _demo(options: argparse.Namespace, settings: Settings) -> int:
    status = 0

    async def show() -> None:
        nonlocal status
        with tempfile.TemporaryDirectory(prefix="movoice-box-demo-") as scratch:
            data_dir = options.data_dir or Path(scratch)
            status = await _show(_on_loopback(settings, data_dir), options.once)

    await until_signalled(show())
    return status


async def _show(settings: Settings, once: bool) -> int:
    ledger = settings.data.dir / LEDGER
    async with _simulator(ledger) as gateway, running(settings) as box:
        print(f"the box is up at {box.web_address}, a simulated gateway at {gateway}\n")
        dialed_before = calls_by_number(read_ledger(ledger))
        batch = await _watch(box, await _launch(box, gateway))
        is_right = await _print_results(box, batch)
        is_right = _print_dials(calls_by_number(read_ledger(ledger)), dialed_before) and is_right
        token = await box.services.database.write(owners.setup_token)
        print(f"\nweb page:     {box.web_address}")
        if token:
            print(f"set-up link:  {setup_link(box.web_address or '', token)}  (works once)")
        if not once:
            print("\nserving until Ctrl-C", flush=True)
            await asyncio.Event().wait()
    return 0 if is_right else 1


def _on_loopback(settings: Settings, data_dir: Path) -> Settings:
    """The owner's settings, away from ports and data of a box that may be running here."""
    listen = Web().listen
    try:
        socket.create_server(parse_address(listen, "web.listen")).close()
    except OSError:
        listen = "127.0.0.1:0"
    return replace(
        settings, data=Data(dir=data_dir), web=Web(listen=listen), sip=Sip(listen="127.0.0.1:0")
    )


@asynccontextmanager
async def _simulator(ledger: Path) -> AsyncIterator[str]:
    """The simulated gateway as a process of its own; it ends with this one, however that ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "movoice_box", "simulate"),
        *("--port", "0", "--scenario", _SCENARIO, "--ledger", str(ledger), "--stop-with-stdin"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise TrunkError("the simulator cannot be talked to")
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            line = (await process.stdout.readline()).decode().strip()
        if not line.startswith(READY):
            raise TrunkError("the simulated gateway did not start: see the error above")
        yield line.removeprefix(READY)
    finally:
        process.stdin.close()
        await process.wait()


async def _launch(box: Box, gateway: str) -> BatchId:
    services = box.services
    host, port = parse_address(gateway, "gateway")
    now = services.clock.now()
    account = TrunkAccount(
        id=services.ids.trunk(), name=f"Simulator on port {port}", host=host, port=port
    )
    await services.database.write(lambda db: trunks.put(db, services.seal, account, now))
    await services.trunks.reload()
    file = RecipientFile.parse(RECIPIENTS.encode())
    request = BatchRequest(
        agent_id=AGENT_ID,
        rows=file.recipients({column: column for column in file.columns}),
        concurrency=2,
        name="Payment reminders (demo)",
        trunk_id=account.id,
    )
    return BatchId((await services.intake.accept(request))["batch_id"])


async def _watch(box: Box, batch_id: BatchId) -> Batch:
    """Draw the batch as it goes; return it when it is over."""
    shown: dict[int, str] = {}
    changes = box.services.broadcast.watch()
    while True:
        async with box.services.database.reading() as db:
            batch = await batches.get(db, batch_id)
            rows = (await batches.recipients(db, batch_id, limit=100)).items
        for row in rows:
            line = await _line(box, row)
            if shown.get(row.row) != line:
                print(f"{_bar(batch)}  {line}", flush=True)
                shown[row.row] = line
        if batch.state is BatchState.COMPLETED:
            print(f"{_bar(batch)}  completed\n")
            return batch
        await anext(changes)


def _bar(batch: Batch) -> str:
    done = batch.tally.total - sum(
        batch.tally.count(state) for state in (RecipientState.QUEUED, RecipientState.IN_PROGRESS)
    )
    filled = 20 * done // max(1, batch.tally.total)
    return f"[{'#' * filled}{'.' * (20 - filled)}] {done}/{batch.tally.total}"


async def _line(box: Box, row: Recipient) -> str:
    state = str(row.state)
    if row.state is RecipientState.IN_PROGRESS and row.call_id:
        async with box.services.database.reading() as db:
            call = await calls.get(db, row.call_id)
        state = "preparing" if call.state is CallState.QUEUED else str(call.state)
    return f"{row.variables['name']:<14} {row.phone}  {row.outcome or state}"


async def _print_results(box: Box, batch: Batch) -> bool:
    """Print the table; True when each row reached what its simulated callee implies."""
    scenario = SCENARIOS[_SCENARIO]
    is_right = True
    async with box.services.database.reading() as db:
        agent = (await agents.get(db, AGENT_ID)).agent
        rows = (await batches.recipients(db, batch.id, limit=100)).items
        records = [await calls.get(db, row.call_id or "") for row in rows]
    print(f"{'name':<14} {'phone':<14} {'outcome':<18} {'expected':<18} {'talk':>6}  summary")
    for row, call in zip(rows, records, strict=True):
        expected = expected_outcome(scenario.callee_for(row.phone), agent)
        is_right = is_right and row.outcome == expected
        talk = f"{call.talk_s:.1f} s" if call.talk_s is not None else "-"
        print(
            f"{row.variables['name']:<14} {row.phone:<14} {row.outcome or row.state:<18} "
            f"{expected:<18} {talk:>6}  {call.summary}"
        )
    rate = batch.tally.answer_rate
    print(f"\nanswered {batch.tally.answered} of {batch.tally.attempted} ({rate or 0:.0%})")
    return is_right


def _print_dials(dialed: dict[str, set[str]], before: dict[str, set[str]]) -> bool:
    """What the gateway saw, by its own ledger; True when it saw each number once."""
    counts = [len(calls - before.get(number, set())) for number, calls in dialed.items()]
    print(f"the gateway's ledger: {len(counts)} numbers, {sum(counts)} calls")
    return counts == [1] * (RECIPIENTS.count("\n") - 1)
