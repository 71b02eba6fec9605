"""The commands as an owner types them, each in a process of its own."""

import asyncio
import sys
from pathlib import Path
from unittest.mock import ANY

import msgspec
import pytest

from movoice_box.store import trunks
from tests.builders import AGENT_ID, an_office
from tests.journeys.box import REPOSITORY, a_box, a_simulator
from tests.web.api.test_trunks import FULL

PASSWORD = "correct horse battery"
_PLAIN = (
    *("name", "host", "port", "transport", "outbound_proxy", "username", "password", "channels"),
    *("priority", "weight", "ring_timeout_s", "number_format", "number_prefix", "number_pattern"),
    *("number_replacement", "caller_id", "caller_id_header", "call_id_header", "ptime_ms", "dtmf"),
)


async def _run(data_dir: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    """The exit status and all that was printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "movoice_box", *arguments, "--data-dir", str(data_dir)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=REPOSITORY,
    )
    output, _ = await process.communicate(typed.encode())
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_the_set_up_link_works_until_there_is_a_user(tmp_path: Path) -> None:
    _, link = await _run(tmp_path, "setup-link")
    assert link.startswith("http://127.0.0.1:8080/setup?token=")
    added, _ = await _run(tmp_path, "user", "add", "asha", "--password-stdin", typed=PASSWORD)
    _, after = await _run(tmp_path, "setup-link")
    assert added == 0
    assert "an owner exists already" in after


async def test_numbers_are_listed_imported_and_checked(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("Mobile\n98765 43210\nnobody\n", encoding="utf-8")
    assert (await _run(tmp_path, "dnd", "add", "98765 43211", "--note", "by letter"))[0] == 0
    _, imported = await _run(tmp_path, "dnd", "import", str(numbers))
    assert "1 added" in imported
    assert "row 2: 'nobody' is not a phone number" in imported
    assert (await _run(tmp_path, "dnd", "check", "09876543210"))[0] == 1
    assert await _run(tmp_path, "dnd", "check", "9876543212") == (
        0,
        "not listed: it may be called\n",
    )


async def test_a_trunk_is_added_listed_and_tested(tmp_path: Path) -> None:
    async with a_simulator("busy", tmp_path / "ledger") as port:
        options = ("--name", "GSM", "--host", "127.0.0.1", "--port", str(port))
        assert (await _run(tmp_path, "trunk", "add", *options))[0] == 0
        _, trunks = await _run(tmp_path, "trunk", "list")
        tested, answer = await _run(tmp_path, "trunk", "test", "GSM")
    assert f"GSM  127.0.0.1:{port}  by address  4 channels  enabled" in trunks
    assert tested == 0, answer
    gone, answer = await _run(tmp_path, "trunk", "test", "GSM")
    assert gone == 1, answer


async def test_every_field_of_a_trunk_is_an_option(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(FULL["tls_ca"], encoding="ascii")
    options = {
        **{f"--{name.replace('_', '-')}": FULL[name] for name in _PLAIN},
        "--tls-ca": tmp_path / "ca.pem",
        "--cps": 0.5,
        "--inbound-agent": AGENT_ID,
        "--answer": "503,20,speech=unreachable",
        "--port-calls-per-day": 80,
        "--port-minutes-per-day": 90,
        "--port-gap-s": 15,
        "--port-rest-after-calls": 6,
        "--port-rest-minutes": 45,
    }
    arguments = [str(word) for pair in options.items() for word in pair]
    arguments += ["--register", "--srtp", "--follows-redirects", "--allows-extensions"]
    arguments += ["--withhold-caller-id", "--disabled", "--answer", "busy=rejected"]
    arguments += ["--codec", "G722", "--codec", "PCMA", "--gsm-port", "sim1:1#"]
    async with an_office(tmp_path):
        pass  # an agent for callers
    assert await _run(tmp_path, "trunk", "add", *arguments) == (0, ANY)
    async with an_office(tmp_path) as office, office.database.reading() as db:
        account = (await trunks.every(db, office.seal))[-1]
    told = msgspec.json.decode(msgspec.json.encode(account))
    expected = {**FULL, "ports": FULL["ports"][:1], "is_enabled": False}
    assert told == {**expected, "id": account.id}
    _, listed = await _run(tmp_path, "trunk", "list")
    assert "GSM gateway  gsm.example.net:5071  tls with srtp  registers  GSM ports sim1" in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dnd", "check", "0415 555"), "'0415 555' is not a phone number: write it like +91"),
        (("trunk", "test", "none"), "there is no trunk 'none': see movoice-box trunk list"),
        (("trunk", "add", "--name", "a", "--host", "b c"), "host ('b c') must be an address"),
        (
            ("trunk", "add", "--name", "a", "--host", "b", "--answer", "503,jazz=busy"),
            "--answer '503,jazz=busy' must be such as 503,speech=unreachable",
        ),
        (
            ("trunk", "add", "--name", "a", "--host", "b", "--tls-ca", "/nowhere.pem"),
            "--tls-ca /nowhere.pem cannot be read: No such file or directory",
        ),
        (
            ("trunk", "add", "--name", "a", "--host", "b", "--inbound-agent", "agent_gone"),
            "there is no agent 'agent_gone'",
        ),
        (("agent", "import", "none.yaml"), "cannot read none.yaml: No such file"),
        (("serve", "--config", "none.toml"), "cannot read none.toml: No such file"),
        (("call", "9876543210", "--agent", "x", "--var", "name"), "must be NAME=VALUE"),
        (("simulate", "--scenario", "none"), "'none' is neither a file nor one of"),
    ],
)
async def test_a_mistake_is_told_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    status, output = await _run(tmp_path, *arguments)
    assert status == 1
    assert output.startswith("movoice-box: ")
    assert message in output
    assert output.count("\n") == 1


async def test_check_says_what_is_missing(tmp_path: Path) -> None:
    status, output = await _run(tmp_path, "check")
    assert status == 1
    assert "FAIL trunks: none: add one with 'movoice-box trunk add'" in output
    assert "ok   speech: espeak-ng" in output
    assert "ok   codecs: PCMU, PCMA, G722" in output


async def test_check_says_which_trunk_wants_the_codec_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    (tmp_path / "libopus.so.0").write_bytes(b"no library")
    trunk = ("--name", "hd", "--host", "127.0.0.1", "--port", "9", "--codec", "opus")
    await _run(tmp_path, "trunk", "add", *trunk)
    _, output = await _run(tmp_path, "check")
    assert "FAIL codecs: hd may speak Opus, but libopus is missing" in output


async def test_two_boxes_never_run_on_one_folder(tmp_path: Path) -> None:
    async with a_box(tmp_path) as box:
        other = tmp_path / "other.toml"
        other.write_text('[web]\nlisten = "127.0.0.1:0"\n[sip]\nlisten = "127.0.0.1:0"\n')
        status, output = await _run(tmp_path, "serve", "--config", str(other))
        _, checked = await _run(tmp_path, "check", "--config", str(box.folder / "movoice-box.toml"))
    assert status == 1
    assert "another box runs on" in output
    assert "service: running" in checked


async def test_a_call_shows_what_was_said(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("mix: {interrupts_1: 1}\n")
    variables = ("--var", "name=Asha", "--var", "amount_due=₹2,500", "--var", "due_date=April 25")
    async with a_simulator(str(scenario), tmp_path / "ledger") as port:
        await _run(
            tmp_path, "trunk", "add", "--name", "GSM", "--host", "127.0.0.1", "--port", str(port)
        )
        settings = tmp_path / "box.toml"
        settings.write_text('[sip]\nlisten = "127.0.0.1:0"\n')
        status, output = await _run(
            tmp_path,
            *("call", "9876543210", "--agent", "agent_payment_collection", *variables),
            *("--config", str(settings)),
        )
    assert status == 0, output
    assert "  agent: Hello Asha." in output
    assert "  callee: Pressed 1" in output
    assert "answered, PAYMENT_CONFIRMED: Asha confirmed payment of ₹2,500 by April 25." in output


async def test_a_call_is_handed_to_the_box_that_runs(tmp_path: Path) -> None:
    async with a_simulator("busy", tmp_path / "ledger") as port, a_box(tmp_path) as box:
        await box.post("/v1/trunks", {"name": "GSM", "host": "127.0.0.1", "port": port})
        status, output = await _run(
            tmp_path,
            *("call", "9876543210", "--agent", "agent_survey"),
            *("--var", "name=Asha", "--var", "service=the service centre"),
        )
    assert status == 1
    assert "the running box takes it" in output
    assert "busy, BUSY: The line of Asha was busy." in output
