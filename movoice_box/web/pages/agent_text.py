"""Agents as text that a person edits: YAML, of which JSON is a part."""

from typing import Any

import yaml

from movoice_box.domain.agent import Agent
from movoice_box.errors import InputError

_UNBROKEN = 10_000  # characters: the editor wraps lines by itself


def to_text(agent: Agent, *, name: str | None = None) -> str:
    """The agent as YAML, without what was left empty; `name` replaces its name."""
    document = agent.to_document()
    document["name"] = name or agent.name
    text: str = yaml.safe_dump(
        _without_empty(document), sort_keys=False, allow_unicode=True, width=_UNBROKEN
    )
    return text


def from_text(text: str) -> Agent:
    """Read and check an agent. Raises `InputError` naming the field, or the line that is no YAML.

    `agent_id`, which agent files may have, is not part of the agent.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{where}{error.problem}: this is not YAML", field="text") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no such date
        raise InputError(f"this is not YAML: {error}", field="text") from None
    if isinstance(document, dict):
        document.pop("agent_id", None)
    return Agent.from_document(document)


def _without_empty(value: Any) -> Any:
    """Drop what says nothing: null, "" and {}; `false` and 0 say something."""
    if isinstance(value, dict):
        kept = {name: _without_empty(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in (None, "", {})}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
