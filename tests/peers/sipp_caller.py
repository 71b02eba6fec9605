"""SIPp as a caller: scenarios put together from messages, judged by SIPp itself.

`[call_number]` and the other words in brackets are SIPp's. Messages of one dialog share From, To
and Call-ID; the ACK of a refusal and a CANCEL repeat the branch of their INVITE.
"""

import asyncio
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import pytest

SDP = """v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
"""
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="caller">\n'


def send(
    method: str,
    *,
    cseq: int = 1,
    branch: str = "[branch]",
    in_dialog: bool = False,
    headers: str = "",
    sdp: str = "",
    kind: str = "application/sdp",
    retransmits: bool = True,
) -> str:
    """A request; `headers` are whole lines. One `in_dialog` goes to the peer's Contact.

    `sdp` is its body; `kind` the type of one that is something else.
    """
    target = "[next_url]" if in_dialog else "sip:[service]@[remote_ip]:[remote_port]"
    to = "[last_To:]" if in_dialog else "To: <sip:[service]@[remote_ip]:[remote_port]>"
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/UDP [local_ip]:[local_port];rport;branch={branch}",
        "From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]t[call_number]",
        to,
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:caller@[local_ip]:[local_port]>",
        "Max-Forwards: 70",
        *headers.splitlines(),
        *([f"Content-Type: {kind}"] if sdp else []),
        "Content-Length: [len]",
        "",
        sdp,
    ]
    again = ' retrans="500"' if retransmits and method != "ACK" else ""
    return f"<send{again}><![CDATA[\n" + "\n".join(lines) + "\n]]></send>"


def receive(status: int, *, header: tuple[str, str] | None = None) -> str:
    """A response that must come; the named header must match the pattern."""
    attributes = {401: ' auth="true"', 407: ' auth="true"', 200: ' rrs="true"'}.get(status, "")
    if header is None:
        return f'<recv response="{status}"{attributes}/>'
    name, pattern = header
    return (
        f'<recv response="{status}"{attributes}><action><ereg regexp="{pattern}" '
        f'search_in="hdr" header="{name}:" check_it="true" assign_to="found"/>'
        '<log message="[$found]"/></action></recv>'
    )


def receive_request(method: str) -> str:
    """A request that must come; it is answered with 200."""
    answer = (
        "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n"
        "[last_CSeq:]\nContent-Length: 0\n\n]]></send>"
    )
    return f'<recv request="{method}"/>{answer}'


def maybe(status: int) -> str:
    """A response that may come before the next one that must."""
    return f'<recv response="{status}" optional="true"/>'


def pause(milliseconds: int) -> str:
    return f'<pause milliseconds="{milliseconds}"/>'


_TRIES = 5


async def call(
    workdir: Path,
    address: tuple[str, int],
    *messages: str,
    number: str = "+919876543210",
    credentials: tuple[str, str] = ("caller", "secret"),
    calls: int = 1,
) -> None:
    """Place `calls` calls one after the other; fails unless SIPp saw all of them succeed."""
    if (sipp := shutil.which("sipp")) is None:
        pytest.fail("SIPp is missing: apt install sip-tester, or deselect with -m 'not peer'")
    scenario = workdir / "caller.xml"
    scenario.write_text(_HEAD + "\n".join(messages) + "\n</scenario>\n")
    user, password = credentials
    flags = f"-i 127.0.0.1 -m {calls} -l 1 -nostdin -s {number} -au {user} -ap {password}".split()
    flags += ["-timeout", "30s", "-timeout_error", "-trace_err", "-error_file", "sipp.log"]
    flags += ["-sf", str(scenario), f"{address[0]}:{address[1]}"]
    log = workdir / "sipp.log"
    for _ in range(_TRIES):
        log.unlink(missing_ok=True)
        ports = ["-p", str(_free_port()), "-mp", str(_free_port())]
        status = await _run([sipp, *ports, *flags], workdir)
        told = log.read_text() if log.exists() else f"SIPp ended with {status}"
        if "Unable to bind" not in told:  # a port was taken meanwhile, before any call
            break
    assert status == 0, told


async def _run(command: list[str], workdir: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=workdir,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        return await asyncio.wait_for(process.wait(), timeout=40)
    finally:
        with suppress(ProcessLookupError):
            process.kill()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
