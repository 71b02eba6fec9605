"""A running simulator for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from movoice_box.clock import SystemClock
from movoice_box.simulator.callees import Callee
from movoice_box.simulator.gateway import GatewayOptions
from movoice_box.simulator.ledger import Entry, read_ledger
from movoice_box.simulator.scenario import Scenario
from movoice_box.simulator.simulate import SimulatorOptions, simulate
from movoice_box.sip.transport import Address
from tests.builders import eventually


@dataclass(frozen=True)
class RunningGateway:
    address: Address
    ledger: Path

    def entries(self, event: str, **facts: Any) -> list[Entry]:
        """The ledger's entries of an event that have these facts."""
        return [
            entry
            for entry in read_ledger(self.ledger)
            if entry.event == event and facts.items() <= entry.facts.items()
        ]

    async def ended(self) -> dict[str, Any]:
        """How its one call ended, as soon as it did."""
        await eventually(lambda: bool(self.entries("ended")))
        (entry,) = self.entries("ended")
        return dict(entry.facts)

    async def ending(self) -> tuple[str, str]:
        """Who ended its one call, and by what."""
        ended = await self.ended()
        return ended["by"], ended["how"]


def everyone(callee: Callee) -> Scenario:
    """A scenario in which all numbers belong to `callee`."""
    return Scenario(mix={"everyone": 1}, callees={"everyone": callee})


@asynccontextmanager
async def a_gateway(
    folder: Path, scenario: Scenario, **options: Any
) -> AsyncIterator[RunningGateway]:
    ledger = folder / "ledger.jsonl"
    ready: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
    simulator = SimulatorOptions(gateway=GatewayOptions(**options), ledger=ledger)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(simulate(simulator, scenario, SystemClock(), ready.set_result))
        yield RunningGateway(await ready, ledger)
        task.cancel()
