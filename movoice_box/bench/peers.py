"""The far end of a measurement: SIPp as gateway, and processes of our own, as the media sink is."""

import asyncio
import json
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from movoice_box.errors import TrunkError

LOOPBACK = "127.0.0.1"
_LINE_BYTES = 256 * 1024 * 1024
_SIPP_STARTS = 3
RINGING_S = 0.2  # of each call at the gateway
_SIPP_ENDS = "3600"  # seconds, should this process be killed before it can end SIPp
_SIPP_STARTS_TRIES = 100  # of 20 ms each

# Accepts any registration, rings for 200 ms, and answers with the last five digits of the number
# dialed as its RTP port.
_GATEWAY = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="a gateway that sends its callers' media elsewhere">
  <recv request="REGISTER" optional="true" next="register"/>
  <recv request="INVITE">
    <action>
      <ereg regexp="sip:[+0-9]*([0-9]{5})@" search_in="hdr" header="To:" check_it="true"
            assign_to="uri,port"/>
      <log message="[$uri]"/>
    </action>
  </recv>
  <send><![CDATA[
SIP/2.0 100 Trying
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=bench[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:gateway@[local_ip]:[local_port]>
Content-Length: 0

]]></send>
  <pause milliseconds="200"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=bench[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:gateway@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [$port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv

]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send next="end"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <label id="register"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=register[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Contact:]
Expires: 3600
Content-Length: 0

]]></send>
  <label id="end"/>
</scenario>
"""


@asynccontextmanager
async def sipp_gateway() -> AsyncIterator[tuple[int, Process]]:
    """SIPp on the port given; `+91` and any digits reach the RTP port of the last five.

    Raises `TrunkError` when it is not installed or does not start.
    """
    if (program := shutil.which("sipp")) is None:
        raise TrunkError("SIPp is missing: apt install sip-tester")
    with TemporaryDirectory(prefix="movoice-bench-") as folder:
        scenario = Path(folder) / "gateway.xml"
        scenario.write_text(_GATEWAY, encoding="utf-8")
        port, process = await _start_sipp(program, scenario)
        try:
            yield port, process
        finally:
            await kill(process)


async def _start_sipp(program: str, scenario: Path) -> tuple[int, Process]:
    """SIPp on free ports; again when another program was quicker to take one."""
    for _ in range(_SIPP_STARTS):
        port, media, control = (free_udp_port() for _ in range(3))
        process = await asyncio.create_subprocess_exec(
            *(program, "-i", LOOPBACK, "-p", str(port), "-mp", str(media), "-cp", str(control)),
            *("-sf", str(scenario), "-l", "5000", "-nostdin", "-timeout", _SIPP_ENDS),
            cwd=scenario.parent,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        for _ in range(_SIPP_STARTS_TRIES):
            if process.returncode is None and _is_bound(port):
                return port, process
            await asyncio.sleep(0.02)
        await kill(process)
    raise TrunkError(f"SIPp does not start (exit status {process.returncode})")


class LinePeer:
    """A process of this package that answers in JSON, a line for each line that it is told."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def ask(self, line: str) -> Any:
        """Raises `TrunkError` where the process has died."""
        if self.process.stdin is None:
            raise TrunkError("the far end has no input")
        self.process.stdin.write(line.encode() + b"\n")
        return await self.read()

    async def read(self) -> Any:
        """As `ask`, for what it says without being told anything."""
        if self.process.stdout is None:
            raise TrunkError("the far end has no output")
        if not (line := await self.process.stdout.readline()):
            raise TrunkError("the far end has died: see the error above")
        return json.loads(line)


@asynccontextmanager
async def line_peer(module: str, *arguments: str) -> AsyncIterator[LinePeer]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments), stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES
    )
    try:
        yield LinePeer(process)
    finally:
        await kill(process)


class Sink:
    """The process of `bench.sink`: `ports` echo, and tell when their packets arrived."""

    def __init__(self, peer: LinePeer, ports: list[int]) -> None:
        self.pid = peer.process.pid
        self.ports = ports
        self._peer = peer

    async def arrivals(self, start: float, end: float) -> list[list[float]]:
        """For each port the times from `start` to `end`, in seconds since the epoch."""
        arrivals: list[list[float]] = await self._peer.ask(f"{start} {end}")
        return arrivals


@asynccontextmanager
async def media_sink(ports: int) -> AsyncIterator[Sink]:
    async with line_peer("movoice_box.bench.sink", str(ports)) as peer:
        yield Sink(peer, await peer.read())


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_bound(port: int) -> bool:
    """Looked up: a datagram sent to find out would be a call to SIPp."""
    return f" 0100007F:{port:04X} " in Path("/proc/net/udp").read_text(encoding="ascii")


async def kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
