"""A network that loses messages, and a clock that is set: the batch goes on, nobody rings twice."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from movoice_box.app import Box, running
from movoice_box.clock import SystemClock
from movoice_box.dialer.intake import BatchRequest
from movoice_box.domain.batch import BatchState
from movoice_box.domain.call import Call
from movoice_box.ids import AgentId, BatchId
from movoice_box.settings import Data, Rtp, Settings, Sip, Web
from movoice_box.simulator.ledger import calls_by_number, read_ledger
from movoice_box.simulator.scenario import load_scenario
from movoice_box.store import agents, batches, calls, trunks
from tests.builders import a_trunk, an_agent, eventually, some_rows
from tests.journeys.box import a_box, a_simulator
from tests.peers.sipp import PASSWORD, USER, free_udp_port
from tests.simulator.gateways import a_gateway
from tests.sip.lossy import lossy_path

LOSSES = {"INVITE": 3, "SIP/2.0 180": 2, "SIP/2.0 200": 4, "ACK": 3, "BYE": 3}
ROWS = 10
AGENT_ID = "agent_payment"
SCENARIO = """
endings: {"1": interrupts_1, "3": interrupts_1, "5": interrupts_1}
mix: {hurries_1: 1}
"""


class SetClock(SystemClock):
    """The machine's clock, and somebody who sets it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def set_by(self, ahead: timedelta) -> None:
        self._ahead += ahead


def _scenario(folder: Path) -> str:
    file = folder / "scenario.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    return str(file)


async def test_a_network_that_loses_messages_of_every_kind_costs_no_row(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    async with (
        a_simulator(_scenario(tmp_path), ledger) as port,
        lossy_path(
            free_udp_port(),
            ("127.0.0.1", port),
            LOSSES,
            answers_options=True,
            renames_contact=True,
        ) as (host, front),
        a_box(tmp_path) as box,
    ):
        await box.post("/v1/agents", {"agent_id": AGENT_ID, **an_agent().to_document()})
        await box.post("/v1/trunks", {"name": "lossy", "host": host, "port": front})
        rows = [{"phone": row.phone, "variables": row.variables} for row in some_rows(ROWS)]
        body = {"agent_id": AGENT_ID, "recipients": rows, "concurrency": 5}
        batch_id = (await box.post("/v1/calls/batch", body))["batch_id"]
        await eventually(lambda: box.batch_is_over(batch_id), 60)
        calls_made = await box.calls_of(batch_id)
    entries = read_ledger(ledger)
    assert {call["outcome"] for call in calls_made} == {"BOOKED"}
    assert [len(ids) for ids in calls_by_number(entries).values()] == [1] * ROWS
    assert "Traceback" not in box.log


async def test_a_clock_that_is_set_again_and_again_is_noticed_by_no_call(tmp_path: Path) -> None:
    clock = SetClock()
    settings = Settings(
        data=Data(dir=tmp_path / "box"),
        web=Web(listen="127.0.0.1:0"),
        sip=Sip(listen="127.0.0.1:0"),
        rtp=Rtp(port_min=40_000, port_max=49_999),
    )
    async with (
        a_gateway(
            tmp_path, load_scenario(_scenario(tmp_path)), username=USER, password=PASSWORD
        ) as gateway,
        running(settings, clock=clock) as box,
    ):
        batch_id = await _launch(box, gateway.address)
        for days in (1, -1, -1 / 24, 1 / 24, -1, 1) * 3:
            clock.set_by(timedelta(days=days))
            await asyncio.sleep(0.2)
        await eventually(lambda: _is_over(box, batch_id), 60)
        made = await _calls_of(box, batch_id)
        (account,) = box.services.trunks.accounts()
        status = box.services.trunks.status(account.id)
    assert [call.outcome for call in made] == ["BOOKED"] * ROWS
    assert [len(ids) for ids in calls_by_number(read_ledger(gateway.ledger)).values()] == [1] * ROWS
    assert all(0 < (call.ring_s or 0) < 10 and 0 < (call.talk_s or 0) < 20 for call in made)
    assert status.is_up


async def _launch(box: Box, gateway: tuple[str, int]) -> BatchId:
    services = box.services
    account = a_trunk(
        host=gateway[0], port=gateway[1], username=USER, password=PASSWORD, register=True
    )
    now = services.clock.now()
    await services.database.write(lambda db: agents.put(db, AgentId(AGENT_ID), an_agent(), now))
    await services.database.write(lambda db: trunks.put(db, services.seal, account, now))
    await services.trunks.reload()
    request = BatchRequest(agent_id=AGENT_ID, rows=some_rows(ROWS), concurrency=4)
    return BatchId((await services.intake.accept(request))["batch_id"])


async def _is_over(box: Box, batch_id: BatchId) -> bool:
    async with box.services.database.reading() as db:
        return (await batches.get(db, batch_id)).state is BatchState.COMPLETED


async def _calls_of(box: Box, batch_id: BatchId) -> list[Call]:
    async with box.services.database.reading() as db:
        return (await calls.page(db, limit=100, batch_id=batch_id)).items
