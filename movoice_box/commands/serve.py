"""`movoice-box serve`: the service."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Awaitable

from movoice_box import app
from movoice_box.commands.parsing import Commands, add_command
from movoice_box.settings import Settings


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    serve = add_command(commands, common, "serve", _serve, "run the box until it is told to stop")
    serve.set_defaults(usual_log_level=None)  # the one that is set


async def _serve(_: argparse.Namespace, settings: Settings) -> int:
    await until_signalled(app.serve(settings))
    return 0


async def until_signalled(work: Awaitable[None]) -> None:
    """Wait for `work`; SIGTERM and Ctrl-C cancel it in good order."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
