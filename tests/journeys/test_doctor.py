"""`movoice-box trunk doctor` as an owner in trouble runs it."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from movoice_box.simulator.callees import CALLEES, Callee, Step
from movoice_box.simulator.scenario import Scenario
from tests.doctor.captures import dissected, faults
from tests.journeys.box import REPOSITORY
from tests.simulator.gateways import a_gateway

pytestmark = pytest.mark.peer

HELPFUL = Callee(
    ring_ms=200,
    steps=(
        Step(say="Hello, I can hear you well", speech_ms=0, silence_ms=0, at_least_ms=200),
        Step(press="5", speech_ms=0, silence_ms=0, at_least_ms=1_800),
    ),
)
SCENARIO = Scenario(
    numbers={"+919876543210": "helpful", "+919876543211": "announced_off"},
    callees={"helpful": HELPFUL, **CALLEES},
)


async def box(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command on the folder; its exit status and all that it printed."""
    config = folder / "movoice-box.toml"
    config.write_text(f'[data]\ndir = "{folder}"\n[sip]\nlisten = "127.0.0.1:0"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "movoice_box", *arguments, "--config", str(config)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=REPOSITORY,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, (output + errors).decode()


async def test_an_owner_reads_what_works_and_what_does_not(tmp_path: Path) -> None:
    capture = tmp_path / "attempt.pcap"
    async with a_gateway(tmp_path, SCENARIO, username="box", password="right") as gateway:
        host, port = gateway.address
        for name, password in (("Good", "right"), ("Bad", "wrong")):
            await box(
                tmp_path,
                *("trunk", "add", "--name", name, "--host", host, "--port", str(port)),
                *("--register", "--username", "box", "--password", password),
            )
        doctor = ("trunk", "doctor", "Good", "--pcap", str(capture))
        hello = await box(tmp_path, *doctor, "--number", "9876543210", "--yes", "--seconds", "4")
        seen = await dissected(capture, "sip.Method", "sip.Status-Code", only="sip")
        wrong = await faults(capture)
        other = ("--pcap", str(tmp_path / "other.pcap"))
        off, refused, unasked = await asyncio.gather(
            box(tmp_path, *doctor, "--number", "9876543211", "--yes", "--json"),
            box(tmp_path, "trunk", "doctor", "Bad", *other),
            box(tmp_path, *doctor, "--number", "9876543210"),
        )
        await box(tmp_path, "dnd", "add", "9876543210")
        listed = await box(tmp_path, *doctor, "--number", "9876543210", "--yes")

    status, text = hello
    assert status == 0, text
    assert "[ ok ] REGISTER: registered for 300 s, after a digest challenge" in text
    assert "[ ok ] codec: PCMU, 20 ms a packet" in text
    assert "dBm0 (speech)" in text
    assert "[ ok ] keys: heard '5' as telephone-event" in text
    assert "[ ok ] BYE: answered 200" in text
    assert "0 failed, " in text
    assert f"Capture for your provider or Wireshark: {capture}" in text
    assert ["REGISTER", ""] in seen
    assert ["", "407"] in seen
    assert ["BYE", ""] in seen
    assert wrong == []

    found = json.JSONDecoder().raw_decode(off[1])[0]["findings"]
    assert ["early media", "speech"] in [[f["topic"], f["text"].split()[-1]] for f in found]
    assert "such a call counts as 'no_answer'" in [finding["text"] for finding in found]

    assert refused[0] == 1
    assert "[FAIL] REGISTER" in refused[1]
    assert "-> check the trunk's user name and password" in refused[1]
    assert unasked[0] == listed[0] == 1
    assert "say --yes to go on" in unasked[1]
    assert "do-not-disturb list" in listed[1]
    assert len(gateway.entries("received", method="INVITE")) == 4  # each once more for its 407
