"""SIPp as a carrier: a scenario of `sipp_scenarios/` on a free port, judged by SIPp itself."""

import asyncio
import re
import shutil
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.peers.sockets import is_listening

SCENARIOS = Path(__file__).parent / "sipp_scenarios"
USER, PASSWORD = "alice", "pass, word"
_WORDS = {"status": "486", "reason": "X-Nothing: 1", "user": USER, "password": PASSWORD}

_FIRST_INVITE = re.compile(r'<recv request="INVITE"(/>|.*?</recv>)', re.DOTALL)
_RINGING = """
  <send><![CDATA[
SIP/2.0 100 Trying
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: [len]

]]></send>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=sipp[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: [len]

]]></send>
"""
_REGISTRAR = """
  <nop next="gone"/>
  <label id="here"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=sipp[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Contact:];expires=3600
Content-Length: [len]

]]></send>
  <label id="gone"/>
</scenario>
"""


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
    is_registrar: bool = False,
    rings: bool = False,
    is_judge: bool = True,
    host: str = "127.0.0.1",
    by_tcp: bool = False,
    **words: str,
) -> AsyncIterator[tuple[str, int]]:
    """Play `scenario` for `calls` calls; at the end SIPp must have seen each of them succeed.

    `words` replace the scenario's `%word%`s; `contact_port` is where SIPp says that it is. With
    `is_registrar` it also accepts, and waits for, a registration and its end; with `rings` it
    sends 100 and 180 before anything else. Unless it `is_judge`, nobody asks how it went.
    """
    if (program := shutil.which("sipp")) is None:
        pytest.fail("SIPp is missing: apt install sip-tester, or deselect with -m 'not peer'")
    played = workdir / f"{scenario}.xml"
    for _ in range(3):  # another program may take a free port before SIPp does
        at = port or free_udp_port()
        text = _filled(scenario, {**_WORDS, "contact_port": str(at), **words})
        if rings:
            text = _FIRST_INVITE.sub(lambda invite: invite[0] + _RINGING, text, count=1)
        played.write_text(_with_registrar(text) if is_registrar else text)
        all_calls = calls + 2 if is_registrar else calls
        process = await _started(program, played, (host, at), all_calls, by_tcp=by_tcp)
        if process.returncode is None:
            break
    try:
        yield host, at
        if not is_judge:
            return
        try:
            status = await asyncio.wait_for(process.wait(), finish_s)
        except TimeoutError:
            pytest.fail(f"SIPp still waits for something in '{scenario}'\n{_logs(workdir)}")
        assert status == 0, f"SIPp saw a failed call in '{scenario}'\n{_logs(workdir)}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _started(
    program: str, played: Path, address: tuple[str, int], calls: int, *, by_tcp: bool
) -> Process:
    """SIPp, once it listens; it has ended where it could not."""
    host, port = address
    flags = f"-i {host} -p {port} -mp {free_udp_port()} -cp {free_udp_port()} -m {calls}".split()
    flags += ["-t", "t1" if by_tcp else "u1"]
    flags += ["-nostdin", "-sf", str(played)]
    flags += ["-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "sip.log"]
    process = await asyncio.create_subprocess_exec(
        program,
        *flags,
        cwd=played.parent,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    is_bound = is_listening if by_tcp else _is_bound
    while not is_bound(port) and process.returncode is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)  # it takes its other ports after this one
    return process


def _filled(scenario: str, words: dict[str, str]) -> str:
    text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
    for name, value in words.items():
        text = text.replace(f"%{name}%", value)
    return text


def _with_registrar(scenario: str) -> str:
    """`scenario` for INVITE, 200 for REGISTER."""
    first = '<recv request="REGISTER" optional="true" next="here"/>'
    text = scenario.replace("<recv ", f"{first}<recv ", 1)
    return text.replace("</scenario>", _REGISTRAR)


def _is_bound(port: int) -> bool:
    """Whether some program holds UDP `port` of loopback; looked up, so that nobody is disturbed."""
    tables = (Path(f"/proc/net/{name}").read_text(encoding="ascii") for name in ("udp", "udp6"))
    hosts = ("0100007F", "00000000000000000000000001000000")
    return any(f" {host}:{port:04X} " in table for table in tables for host in hosts)


def _logs(workdir: Path) -> str:
    logs = (workdir / name for name in ("errors.log", "sip.log"))
    return "\n".join(log.read_text(errors="replace")[-6000:] for log in logs if log.exists())
