"""The commands as an owner types them, each in a process of its own."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.journeys.box import REPOSITORY, a_box, a_simulator

PASSWORD = "correct horse battery"


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dnd", "check", "0415 555"), "'0415 555' is not a phone number: write it like +91"),
        (("trunk", "test", "none"), "there is no trunk 'none': see movoice-box trunk list"),
        (("trunk", "add", "--name", "a", "--host", "b c"), "host ('b c') must be an address"),
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
