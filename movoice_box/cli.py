"""The command line: `movoice-box serve | demo | check | call | ...`; one module a group."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from movoice_box.commands import agent, bench, call, check, demo, dnd, owner, serve, simulate, trunk
from movoice_box.errors import BoxError
from movoice_box.log import set_up_log
from movoice_box.settings import load_settings

INSTALLED_SETTINGS = Path("/etc/movoice-box/movoice-box.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 it failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings(options.config or _installed_settings(), options.data_dir)
        set_up_log(options.log_level or options.usual_log_level or settings.log.level)
        return int(asyncio.run(options.run(options, settings)))
    except KeyboardInterrupt:
        return 130
    except BoxError as error:
        return _fail(error)
    except BaseExceptionGroup as group:  # what a service of the box died of
        if isinstance(cause := _first(group), BoxError):
            return _fail(cause)
        raise


def _fail(error: BoxError) -> int:
    print(f"movoice-box: {error.message}", file=sys.stderr)
    return 1


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _installed_settings() -> Path | None:
    return INSTALLED_SETTINGS if INSTALLED_SETTINGS.exists() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="movoice-box",
        description="Batch calling by an AI voice agent, from one box in your own rack.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("every command")
    group.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"settings (default: {INSTALLED_SETTINGS}, else every default)",
    )
    group.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="the box's folder, instead of [data] dir"
    )
    group.add_argument(
        "--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), help="instead of [log] level"
    )
    for module in (serve, demo, check, call, owner, trunk, agent, dnd, simulate, bench):
        module.add_to(commands, common)
    return parser
