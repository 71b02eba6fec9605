"""What the service manager hears, on a real AF_UNIX datagram socket."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from movoice_box.notify import ServiceManager

PID = 4711


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@movoice-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind(name.replace("@", "\0"))
        unix.setblocking(False)
        yield unix, name


async def _heard(unix: socket.socket) -> str:
    return (await asyncio.get_running_loop().sock_recv(unix, 4096)).decode()


async def test_ready_and_stopping_are_told(systemd: tuple[socket.socket, str]) -> None:
    unix, name = systemd
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": name}, PID)

    manager.ready("Serving on 127.0.0.1:8080")
    manager.stopping()

    assert await _heard(unix) == "READY=1\nSTATUS=Serving on 127.0.0.1:8080"
    assert (await _heard(unix)).startswith("STOPPING=1\n")


async def test_the_watchdog_is_fed_again_and_again(systemd: tuple[socket.socket, str]) -> None:
    unix, name = systemd
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(PID)}
    manager = ServiceManager.from_environment(environment, PID)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(manager.run())
        heard = [await _heard(unix) for _ in range(3)]
        task.cancel()

    assert heard == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
    ],
)
async def test_without_a_watchdog_of_ours_nothing_is_sent(
    environment: dict[str, str], systemd: tuple[socket.socket, str]
) -> None:
    unix, name = systemd
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": name, **environment}, PID)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await manager.run()

    with pytest.raises(BlockingIOError):
        unix.recv(4096)


def test_a_service_manager_that_is_gone_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = {"NOTIFY_SOCKET": str(tmp_path / "gone")}
    ServiceManager.from_environment(gone, PID).ready("Serving")
    assert "systemd cannot be told" in caplog.text


def test_started_by_hand_there_is_no_one_to_tell() -> None:
    manager = ServiceManager.from_environment({}, PID)
    manager.ready("Serving")
    manager.stopping()
