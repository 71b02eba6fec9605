"""Tells systemd how the service is doing (sd_notify(3)); says nothing where no one listens."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from typing import Self

logger = logging.getLogger(__name__)


class ServiceManager:
    """The service manager that started this process, if there is one.

    `address` is the AF_UNIX datagram socket it listens on: a path, or `@` and an abstract name.
    `watchdog_s` is the longest silence it accepts, in seconds; None where it does not watch.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self._watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int) -> Self:
        """Read what systemd.exec(5) sets. A watchdog meant for another process is not ours."""
        watched_pid = environment.get("WATCHDOG_PID", str(pid))
        interval_us = environment.get("WATCHDOG_USEC", "0") if watched_pid == str(pid) else "0"
        watchdog_s = int(interval_us) / 1_000_000 if interval_us.isdecimal() else 0.0
        return cls(environment.get("NOTIFY_SOCKET"), watchdog_s or None)

    def ready(self, status: str) -> None:
        """Start-up is complete; `status` is the line that `systemctl status` shows."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._send("STOPPING=1\nSTATUS=Ending live calls")

    async def run(self) -> None:
        """Show twice in every watchdog interval that the event loop turns, until cancelled."""
        if self._watchdog_s is None:
            await asyncio.Event().wait()
        else:
            while True:
                self._send("WATCHDOG=1")
                await asyncio.sleep(self._watchdog_s / 2)

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as unix:
            unix.setblocking(False)
            try:
                unix.sendto(message.encode(), address)
            except OSError:  # it decides what silence means; calls go on meanwhile
                logger.warning("systemd cannot be told", exc_info=True)
