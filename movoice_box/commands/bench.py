"""`movoice-box bench`: measurements of this machine, beside a baseline in the same run."""

import argparse

from movoice_box.bench.trunk import bench_trunk, table
from movoice_box.commands.parsing import Commands, add_command, add_group
from movoice_box.settings import Settings


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "bench", "measure this machine")
    about = "calls with two-way RTP against SIPp: the native driver beside pyVoIP"
    trunk = add_command(group, common, "trunk", _trunk, about)
    trunk.add_argument("--calls", type=int, default=200, help="at once (default: %(default)s)")
    trunk.add_argument(
        "--seconds", type=float, default=10.0, help="of talk a run (default: %(default)s)"
    )


async def _trunk(options: argparse.Namespace, _: Settings) -> int:
    print(table(await bench_trunk(options.calls, options.seconds)))
    return 0
