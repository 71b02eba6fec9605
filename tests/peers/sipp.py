"""SIPp as a carrier: a scenario of `sipp/` on a free port, judged by SIPp itself."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parent / "sipp"
USER, PASSWORD = "alice", "pass, word"
_WORDS = {"status": "486", "reason": "X-Nothing: 1", "user": USER, "password": PASSWORD}


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def sipp_carrier(
    workdir: Path,
    scenario: str,
    *,
    calls: int = 1,
    port: int | None = None,
    finish_s: float = 15.0,
    **words: str,
) -> AsyncIterator[tuple[str, int]]:
    """Play `scenario` for `calls` calls; at the end SIPp must have seen each of them succeed.

    `words` replace the scenario's `%word%`s; `contact_port` is where SIPp says that it is.
    """
    if (program := shutil.which("sipp")) is None:
        pytest.fail("SIPp is missing: apt install sip-tester, or deselect with -m 'not peer'")
    port = port or free_udp_port()
    played = workdir / f"{scenario}.xml"
    played.write_text(_filled(scenario, {**_WORDS, "contact_port": str(port), **words}))
    flags = f"-i 127.0.0.1 -p {port} -mp {free_udp_port()} -cp {free_udp_port()} -m {calls}".split()
    flags += ["-nostdin", "-sf", str(played)]
    flags += ["-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "sip.log"]
    process = await asyncio.create_subprocess_exec(
        program,
        *flags,
        cwd=workdir,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        while not _is_bound(port) and process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield "127.0.0.1", port
        try:
            status = await asyncio.wait_for(process.wait(), finish_s)
        except TimeoutError:
            pytest.fail(f"SIPp still waits for something in '{scenario}'\n{_logs(workdir)}")
        assert status == 0, f"SIPp saw a failed call in '{scenario}'\n{_logs(workdir)}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _filled(scenario: str, words: dict[str, str]) -> str:
    text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
    for name, value in words.items():
        text = text.replace(f"%{name}%", value)
    return text


def _is_bound(port: int) -> bool:
    """Whether some program holds 127.0.0.1:`port`; looked up, so that nobody is disturbed."""
    return f" 0100007F:{port:04X} " in Path("/proc/net/udp").read_text(encoding="ascii")


def _logs(workdir: Path) -> str:
    logs = (workdir / name for name in ("errors.log", "sip.log"))
    return "\n".join(log.read_text(errors="replace")[-6000:] for log in logs if log.exists())
