"""Agents as YAML files, one agent a file."""

from pathlib import Path

import yaml

from movoice_box.domain.agent import Agent, check_agent_id
from movoice_box.errors import InputError
from movoice_box.ids import AgentId

_SUFFIXES = {".yaml", ".yml"}


def load_agents(folder: Path) -> list[tuple[AgentId, Agent]]:
    """Every agent of `folder`, by file name. Raises `InputError` naming the file and the field."""
    files = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    agents: dict[AgentId, Agent] = {}
    for file in files:
        agent_id, agent = load_agent(file)
        if agent_id in agents:
            raise InputError(f"{file}: agent_id '{agent_id}' is taken", field="agent_id")
        agents[agent_id] = agent
    return list(agents.items())


def load_agent(file: Path) -> tuple[AgentId, Agent]:
    """Read one agent; its id is `agent_` and the file's stem unless it has an `agent_id`.

    Raises `InputError` naming the file, and the field or the line.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", field="file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text: {error}", field="file") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no such date
        raise InputError(f"{file} is not YAML: {_one_line(error)}", field="file") from error
    agent_id = f"agent_{file.stem}"
    if isinstance(document, dict):
        agent_id = str(document.pop("agent_id", agent_id))
    try:
        return AgentId(check_agent_id(agent_id)), Agent.from_document(document)
    except InputError as error:
        raise InputError(f"{file}: {error.message}", field=error.field) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
