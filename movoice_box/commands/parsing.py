"""What the command modules share of argparse."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

from movoice_box.settings import Settings

Commands = Any  # argparse's sub-parser action, which has no public name
Run = Callable[[argparse.Namespace, Settings], Awaitable[int]]


def add_command(
    commands: Commands, common: argparse.ArgumentParser, name: str, run: Run, about: str
) -> argparse.ArgumentParser:
    """A command with the options that every command has; `run` is what it does."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, parents=[common], help=about, description=about
    )
    parser.set_defaults(run=run, usual_log_level="WARNING")
    return parser


def add_group(commands: Commands, name: str, about: str) -> Commands:
    """A command that has commands of its own."""
    parser = commands.add_parser(name, help=about, description=about)
    return parser.add_subparsers(metavar="COMMAND", required=True)
