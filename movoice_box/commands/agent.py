"""`movoice-box agent`: agents from files."""

import argparse
from pathlib import Path

from movoice_box.app import stored
from movoice_box.clock import SystemClock
from movoice_box.commands.parsing import Commands, add_command, add_group
from movoice_box.settings import Settings
from movoice_box.store import agents
from movoice_box.voice.agent_files import load_agent


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(commands, "agent", "agents")
    about = "add the agent of a YAML file, or bring the one with its id up to date"
    add_command(group, common, "import", _import, about).add_argument("file", type=Path)


async def _import(options: argparse.Namespace, settings: Settings) -> int:
    agent_id, agent = load_agent(options.file)
    now = SystemClock().now()
    async with stored(settings) as database:
        await database.write(lambda db: agents.put(db, agent_id, agent, now))
    print(f"{agent_id}: {agent.name}; needs {', '.join(agent.variables) or 'no variables'}")
    return 0
