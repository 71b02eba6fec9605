"""The box's end of the pipe to the process that hosts pyVoIP."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from movoice_box.sip.pyvoip.wire import HEADER_BYTES, Message, parse_header

_STOP_S = 4.0


class HostLink:
    """A running host: orders in, reports out."""

    def __init__(self, reports: asyncio.StreamReader, orders: asyncio.StreamWriter) -> None:
        self._reports = reports
        self._orders = orders

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[Self]:
        """A new host; it has hung up and is gone when the block ends."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "movoice_box.sip.pyvoip.host"),
            stdin=PIPE,
            stdout=PIPE,
        )
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("a process with pipes has none")
        try:
            yield cls(process.stdout, process.stdin)
        finally:
            process.stdin.close()
            await _wait_or_kill(process)

    def order(self, message: Message) -> None:
        """Send `message`; lost when the host is gone."""
        self._orders.write(message.pack())

    async def reports(self) -> AsyncIterator[Message]:
        """What the host says, until it is gone."""
        try:
            while True:
                kind, call, length = parse_header(await self._reports.readexactly(HEADER_BYTES))
                yield Message(kind, call, await self._reports.readexactly(length))
        except asyncio.IncompleteReadError:
            return


async def _wait_or_kill(process: Process) -> None:
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
