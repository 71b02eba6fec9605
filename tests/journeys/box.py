"""The whole box as its owner runs it: `movoice-box serve` in a process of its own."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.builders import eventually

REPOSITORY = Path(__file__).parent.parent.parent
_STARTS_WITHIN_S = 60.0


def a_free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def run_command(*arguments: str, data_dir: Path | None = None) -> str:
    """Run `movoice-box ARGUMENTS` to its end and return what it printed."""
    options = ("--data-dir", str(data_dir)) if data_dir else ()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "movoice_box", *arguments, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode() + output.decode()
    return output.decode()


class BoxProcess:
    """A box that can be killed and started again on the same folder and ports."""

    def __init__(self, folder: Path, **extra: str) -> None:
        self.folder = folder
        self.port = a_free_port()
        self._extra = "\n".join(f"{name} = {value}" for name, value in extra.items())
        self._sip_port = a_free_port(socket.SOCK_DGRAM)
        self._process: asyncio.subprocess.Process | None = None
        self._log = folder / "box.log"
        self.api = httpx.AsyncClient(base_url=self.address, timeout=30, trust_env=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sip_address(self) -> tuple[str, int]:
        return "127.0.0.1", self._sip_port

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    async def start(self) -> None:
        """Start and wait until it is ready."""
        config = self.folder / "movoice-box.toml"
        config.write_text(
            f'{self._extra}\n[web]\nlisten = "127.0.0.1:{self.port}"\n'
            f'[data]\ndir = "{self.folder}"\n[sip]\nlisten = "127.0.0.1:{self._sip_port}"\n'
            '[webhooks]\nallow_networks = ["127.0.0.0/8"]\n',
            encoding="utf-8",
        )
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "movoice_box", "serve", "--config", str(config)),
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
            )
        await eventually(self._is_ready, _STARTS_WITHIN_S)

    async def authorize(self) -> None:
        key = await run_command("apikey", "create", "--name", "journey", data_dir=self.folder)
        self.api.headers["Authorization"] = f"Bearer {key.strip()}"

    async def kill(self) -> None:
        """kill -9, as the mains does it."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM, as systemd does it. Returns the exit status."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self._process.wait(), 30)

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.api.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: object = None) -> Any:
        response = await self.api.post(path, json=body)
        assert response.is_success, response.text
        return response.json()

    async def batch_is_over(self, batch_id: str) -> bool:
        batch = await self.get(f"/v1/calls/batch/{batch_id}")
        return batch["state"] in ("completed", "canceled") and batch["in_progress"] == 0

    async def calls_of(self, batch_id: str) -> list[dict[str, Any]]:
        return await self._items("/v1/calls", batch_id=batch_id)

    async def recipients_of(self, batch_id: str) -> list[dict[str, Any]]:
        return await self._items(f"/v1/calls/batch/{batch_id}/recipients")

    async def _items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self.get(
                path, limit=100, **query, **({"cursor": cursor} if cursor else {})
            )
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.log
        try:
            return (await self.api.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False


@asynccontextmanager
async def a_box(folder: Path, **settings: str) -> AsyncIterator[BoxProcess]:
    """A box with an API key in its client; `settings` are top-level lines of its TOML."""
    box = BoxProcess(folder, **settings)
    await box.start()
    try:
        await box.authorize()
        yield box
    finally:
        await box.stop()
        await box.api.aclose()


async def start_simulator(
    scenario: str, ledger: Path, *options: str
) -> tuple[asyncio.subprocess.Process, int]:
    """The gateway simulator in a process of its own, which ends when its input does; its SIP
    port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "movoice_box", "simulate", "--port", "0", "--stop-with-stdin"),
        *("--scenario", scenario, "--ledger", str(ledger), *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    assert "ready on" in line, line
    return process, int(line.rpartition(":")[2])


@asynccontextmanager
async def a_simulator(scenario: str, ledger: Path, *options: str) -> AsyncIterator[int]:
    """A simulator until the block ends; gives its SIP port."""
    process, port = await start_simulator(scenario, ledger, *options)
    assert process.stdin is not None
    try:
        yield port
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 30)
