"""`movoice-box call`: one call, with its transcript on the terminal."""

import argparse
import asyncio
from collections.abc import AsyncIterator

from movoice_box.app import Box, running, stored
from movoice_box.clock import SystemClock
from movoice_box.commands.parsing import Commands, add_command
from movoice_box.dialer.broadcast import Broadcast, Change
from movoice_box.dialer.intake import BatchRequest, Intake
from movoice_box.dialer.recipient_file import RecipientRow
from movoice_box.domain.call import Call, CallState, Disposition
from movoice_box.errors import InputError, SettingsError
from movoice_box.ids import IdFactory
from movoice_box.settings import Settings
from movoice_box.store import calls
from movoice_box.store.database import Database
from movoice_box.store.sealing import Seal

_POLL_S = 0.5


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    call = add_command(commands, common, "call", _call, "call one number and show the transcript")
    call.add_argument("number")
    call.add_argument("--agent", required=True, metavar="ID", help="such as agent_survey")
    call.add_argument("--trunk", metavar="ID", help="instead of the box's choice")
    call.add_argument("--caller-id", help="the number that the callee sees, if not the trunk's own")
    call.add_argument(
        "--var", action="append", default=[], metavar="NAME=VALUE", help="a variable of the agent"
    )


async def _call(options: argparse.Namespace, settings: Settings) -> int:
    request = BatchRequest(
        agent_id=options.agent,
        rows=[RecipientRow(options.number, _variables(options.var))],
        trunk_id=options.trunk,
        caller_id=options.caller_id,
    )
    try:
        async with running(settings, for_one_call=True) as box:
            call = await _follow_here(box, request)
    except SettingsError as error:
        if error.code != "data_dir_in_use":
            raise
        call = await _follow_elsewhere(settings, request)
    print(f"{call.disposition}, {call.outcome}: {call.summary} {call.sip_reason}".rstrip())
    return 0 if call.disposition is Disposition.ANSWERED else 1


async def _follow_here(box: Box, request: BatchRequest) -> Call:
    """Place the call in this process; every sentence is shown as it is spoken."""
    services = box.services
    changes = services.broadcast.watch()
    call_id = (await services.intake.accept_call(request))["call_id"]
    shown: CallState | None = None
    async for change in _of_call(changes, call_id):
        call = await _read(services.database, call_id)
        if call.state is not shown:
            print(call.state)
        shown = call.state
        if change:
            print(f"  {change}", flush=True)
        if call.state is CallState.ENDED:
            return call
    raise InputError("the box stopped before the call ended")


async def _of_call(changes: AsyncIterator[Change], call_id: str) -> AsyncIterator[str | None]:
    async for change in changes:
        if change.call_id == call_id:
            yield change.detail


async def _follow_elsewhere(settings: Settings, request: BatchRequest) -> Call:
    """Hand the call to the box that runs on this data folder; the transcript comes at its end."""
    clock = SystemClock()
    async with stored(settings) as database:
        seal = Seal.from_files(settings.data.dir)
        intake = Intake(
            database, seal, settings, clock, IdFactory(clock), Broadcast(), wake=lambda: None
        )
        call_id = (await intake.accept_call(request))["call_id"]
        print(f"{call_id}: the running box takes it within 3 s")
        shown: CallState | None = None
        while True:
            call = await _read(database, call_id)
            if call.state is not shown:
                print(call.state)
            shown = call.state
            if call.state is CallState.ENDED:
                for line in call.transcript:
                    print(f"  {line.speaker}: {line.text}")
                return call
            await asyncio.sleep(_POLL_S)


async def _read(database: Database, call_id: str) -> Call:
    async with database.reading() as db:
        return await calls.get(db, call_id)


def _variables(pairs: list[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"--var '{pair}' must be NAME=VALUE", field="var")
    return dict(pair.split("=", 1) for pair in pairs)
