"""`movoice-box simulate`: the gateway simulator alone, to point a trunk at."""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path

from movoice_box.clock import SystemClock
from movoice_box.commands.parsing import Commands, add_command
from movoice_box.commands.serve import until_signalled
from movoice_box.settings import Settings
from movoice_box.simulator.gateway import GatewayOptions
from movoice_box.simulator.scenario import SCENARIOS, load_scenario
from movoice_box.simulator.simulate import SimulatorOptions, simulate
from movoice_box.sip.transport import Address

READY = "simulator ready on "


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    about = (
        "run a simulated SIP/GSM gateway on loopback, with people who answer, refuse, press keys"
    )
    parser = add_command(commands, common, "simulate", _simulate, about)
    parser.add_argument("--port", type=int, default=5070, help="UDP port (default: %(default)s)")
    parser.add_argument(
        "--scenario",
        default="mixed",
        help=f"a YAML file or one of: {', '.join(SCENARIOS)} (default: %(default)s)",
    )
    parser.add_argument("--ledger", type=Path, help="write every message and digit to this file")
    parser.add_argument("--channels", type=int, help="refuse more calls at once than this")
    parser.add_argument("--username", help="challenge INVITE and REGISTER; needs --password")
    parser.add_argument("--password")
    parser.add_argument(
        "--stop-with-stdin", action="store_true", help="stop when standard input ends"
    )


async def _simulate(options: argparse.Namespace, _: Settings) -> int:
    simulator = SimulatorOptions(
        gateway=GatewayOptions(
            listen=("127.0.0.1", options.port),
            username=options.username,
            password=options.password,
            channels=options.channels,
        ),
        ledger=options.ledger,
    )
    scenario = load_scenario(options.scenario)
    work = simulate(simulator, scenario, SystemClock(), _say_ready)
    await until_signalled(_until_stdin_ends(work) if options.stop_with_stdin else work)
    return 0


def _say_ready(address: Address) -> None:
    print(f"{READY}{address[0]}:{address[1]}", flush=True)


async def _until_stdin_ends(work: Coroutine[None, None, None]) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name="simulator")
        await reader.read()
        task.cancel()
