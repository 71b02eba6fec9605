"""`movoice-box serve`: the service."""

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine

from movoice_box import app
from movoice_box.commands.parsing import Commands, add_command
from movoice_box.settings import Settings


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    add_command(commands, common, "serve", _serve, "run the box until it is told to stop")


async def _serve(_: argparse.Namespace, settings: Settings) -> int:
    await until_signalled(app.serve(settings))
    return 0


async def until_signalled(
    work: Coroutine[None, None, None], stop_when: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Run `work` until it ends, or cancel it in good order: on SIGTERM, on Ctrl-C, or when
    `stop_when` returns.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name="work")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        watch = group.create_task(_cancel_after(stop_when, task), name="stop when")
        await asyncio.wait([task])
        watch.cancel()


async def _cancel_after(
    stop_when: Callable[[], Awaitable[None]] | None, task: asyncio.Task[None]
) -> None:
    if stop_when is not None:
        await stop_when()
        task.cancel()
