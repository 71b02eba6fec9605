from pathlib import Path

import pytest

from movoice_box.domain.agent import Agent
from movoice_box.errors import InputError
from movoice_box.settings import ready_agents
from movoice_box.voice.agent_files import load_agent, load_agents

MINIMAL = "name: Note\ngreeting: Hello {{name}}.\n"


def a_file(folder: Path, text: str, name: str = "note.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_the_id_of_an_agent_is_its_file_or_the_one_it_gives(tmp_path: Path) -> None:
    a_file(tmp_path, MINIMAL)
    a_file(tmp_path, MINIMAL + "agent_id: agent_12345\n", "other.yml")
    a_file(tmp_path, "not an agent", "README.md")
    assert [agent_id for agent_id, _ in load_agents(tmp_path)] == ["agent_note", "agent_12345"]


@pytest.mark.parametrize(
    ("text", "message", "field"),
    [
        ("name: Note\n", "greeting is missing", "greeting"),
        ("- a list\n", "document must be a mapping of fields", "document"),
        ("", "document must be a mapping of fields", "document"),
        ("name: [1\n", "is not YAML: .*line 2", "file"),
        ("name: 2026-13-45\n", "is not YAML: month must be", "file"),
        ("name: no\ngreeting: x\n", "name must be text: put it in quotes", "name"),
        (MINIMAL + "agent_id: 'a b'\n", "agent_id 'a b' must be", "agent_id"),
        (MINIMAL + "questions: [{id: q, ask: x, answers: [{keys: a}]}]", "'a' must be", None),
        ("[" * 5000, "is not YAML", "file"),
    ],
)
def test_an_error_names_the_file_and_the_field(
    tmp_path: Path, text: str, message: str, field: str | None
) -> None:
    file = a_file(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        load_agent(file)
    assert str(file) in caught.value.message
    assert caught.value.field == (field or "questions[0].answers[0].keys")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "note.yaml"
    file.write_bytes(b"name: \xff\xfe")
    with pytest.raises(InputError, match="is not UTF-8"):
        load_agent(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.yaml"):
        load_agent(tmp_path / "none.yaml")


def test_two_files_cannot_share_an_id(tmp_path: Path) -> None:
    a_file(tmp_path, MINIMAL)
    a_file(tmp_path, MINIMAL + "agent_id: agent_note\n", "other.yaml")
    with pytest.raises(InputError, match="'agent_note' is taken"):
        load_agents(tmp_path)


READY = dict(load_agents(ready_agents()))


def test_five_agents_are_ready() -> None:
    assert {agent.name for agent in READY.values()} == {
        "Payment reminder",
        "Appointment reminder",
        "Lead follow-up",
        "Event confirmation",
        "Customer survey",
    }


@pytest.mark.parametrize("agent", READY.values(), ids=READY)
def test_a_ready_agent_tells_what_it_is_and_how_to_be_rid_of_it(agent: Agent) -> None:
    assert "automated call" in agent.greeting
    assert agent.opt_out is not None
    assert f"To stop these calls, press {agent.opt_out.key}" in agent.questions[0].ask
    assert "name" in agent.variables


@pytest.mark.parametrize("agent", READY.values(), ids=READY)
def test_a_ready_agent_names_each_key_it_takes_and_ends_with_an_outcome(agent: Agent) -> None:
    for question in agent.questions:
        single_keys = [answer.keys for answer in question.answers if len(answer.keys) == 1]
        assert all(f"press {key}" in question.ask for key in single_keys)
        assert all(answer.outcome in agent.outcomes for answer in question.answers)
        assert all(answer.summary and answer.reply for answer in question.answers)


def test_the_payment_reminder_needs_the_columns_of_its_example_file() -> None:
    assert READY["agent_payment_collection"].variables == ["name", "amount_due", "due_date"]  # type: ignore[index]
