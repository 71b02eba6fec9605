"""`movoice-box bench`: measurements of this machine, beside a baseline in the same run."""

import argparse
import os
from pathlib import Path

from movoice_box.bench.callers import DRIVERS, MOST_CALLS
from movoice_box.bench.chart import chart
from movoice_box.bench.cpu import take_precedence
from movoice_box.bench.fuzz import fuzz
from movoice_box.bench.report import calls_table, fuzz_table, ratios, setups_table
from movoice_box.bench.setups import measure_setups
from movoice_box.bench.trunk import TrunkMeasure, bench_trunk, measure_calls
from movoice_box.clock import SystemClock
from movoice_box.commands.parsing import Commands, add_command, add_group
from movoice_box.settings import Settings

_CHARTED_CALLS = (1, 10, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000)
_ERRORS_SHOWN = 5


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "bench", "measure this machine")
    about = "calls with two-way RTP against SIPp: the native driver beside pyVoIP and SIPp's own"
    trunk = add_command(group, common, "trunk", _trunk, about)
    trunk.add_argument("--calls", type=int, default=500, help="at once (default: %(default)s)")
    trunk.add_argument(
        "--seconds", type=float, default=10.0, help="of talk a run (default: %(default)s)"
    )
    trunk.add_argument("--runs", type=int, default=5, help="of each driver (default: %(default)s)")
    trunk.add_argument(
        "--setups", type=float, default=50.0, help="calls dialed a second (default: %(default)s)"
    )
    trunk.add_argument(
        "--setup-seconds",
        type=float,
        default=60.0,
        help="of dialing, 0 for none (default: %(default)s)",
    )
    trunk.add_argument(
        "--drivers", nargs="+", choices=DRIVERS, default=DRIVERS, help="(default: all)"
    )
    trunk.add_argument(
        "--chart",
        type=Path,
        metavar="SVG",
        help="draw the cost from 1 to 1,000 calls; takes some six minutes more",
    )
    about = "a running box with calls up, under random and mutated datagrams at its ports"
    fuzzing = add_command(group, common, "fuzz", _fuzz, about)
    fuzzing.add_argument(
        "--datagrams", type=int, default=1_000_000, help="in all (default: %(default)s)"
    )
    fuzzing.add_argument("--calls", type=int, default=20, help="up (default: %(default)s)")
    fuzzing.add_argument("--seed", type=int, default=1, help="of chance (default: %(default)s)")


async def _trunk(options: argparse.Namespace, _: Settings) -> int:
    clock = SystemClock()
    priority = "that of the service" if take_precedence() else "an ordinary one (not root)"
    print(f"priority: {priority}; load of the machine before: {_load()}")
    measures = await bench_trunk(options.calls, options.seconds, options.drivers, options.runs)
    print(calls_table(measures), *ratios(measures), sep="\n")
    if options.setup_seconds:
        setups = [
            await measure_setups(driver, options.setups, options.setup_seconds, clock)
            for driver in options.drivers
        ]
        print("", setups_table(setups), sep="\n")
    if options.chart:
        _draw(options.chart, await _charted(options.drivers, options.seconds), options.seconds)
    print(f"load of the machine after: {_load()}")
    return 0


async def _fuzz(options: argparse.Namespace, _: Settings) -> int:
    report = await fuzz(options.datagrams, options.seed, calls=options.calls)
    print(fuzz_table(report), *report.errors[:_ERRORS_SHOWN], sep="\n")
    for failure in report.failures:
        print(f"not withstood: {failure}")
    return 1 if report.failures else 0


async def _charted(drivers: list[str], seconds: float) -> list[TrunkMeasure]:
    clock = SystemClock()
    return [
        await measure_calls(driver, calls, seconds, clock)
        for calls in _CHARTED_CALLS
        for driver in drivers
        if calls <= MOST_CALLS.get(driver, calls)
    ]


def _draw(path: Path, measures: list[TrunkMeasure], seconds: float) -> None:
    path.write_text(chart(measures, f"one run of {seconds:g} s each"), encoding="utf-8")
    print("", calls_table(measures), sep="\n")


def _load() -> str:
    return ", ".join(f"{load:.1f}" for load in os.getloadavg())
