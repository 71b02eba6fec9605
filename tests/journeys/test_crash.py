"""The promise of the box under `kill -9`, checked against the ledger of the other side."""

import json
from collections import defaultdict
from pathlib import Path

from movoice_box.domain.agent import Agent
from movoice_box.settings import ready_agents
from movoice_box.simulator.expectation import expected_outcome
from movoice_box.simulator.ledger import calls_by_number, read_ledger
from movoice_box.simulator.scenario import load_scenario
from movoice_box.voice.agent_files import load_agents
from tests.builders import eventually
from tests.journeys.box import BoxProcess, a_box, a_simulator
from tests.peers.receiver import Receiver, a_receiver

ROWS, CONCURRENCY = 200, 20
AGENT_ID = "agent_payment_collection"


def _phone(row: int) -> str:
    return f"+9198100{row:05d}"


def _agent() -> Agent:
    return dict(load_agents(ready_agents()))[AGENT_ID]  # type: ignore[index]


async def _launch(box: BoxProcess, gateway_port: int, receiver: Receiver) -> str:
    await box.post("/v1/webhooks", {"url": receiver.url, "events": ["call.completed"]})
    trunk = {"name": "simulator", "host": "127.0.0.1", "port": gateway_port}
    await box.post("/v1/trunks", {**trunk, "channels": CONCURRENCY, "ring_timeout_s": 6})
    recipients = [
        {
            "phone": _phone(row),
            "variables": {"name": f"Row {row}", "amount_due": "₹2500", "due_date": "April 25"},
        }
        for row in range(1, ROWS + 1)
    ]
    body = {"agent_id": AGENT_ID, "recipients": recipients, "concurrency": CONCURRENCY}
    answer = await box.post("/v1/calls/batch", body)
    assert (answer["total"], answer["queued"], answer["skipped"]) == (ROWS, ROWS, [])
    return str(answer["batch_id"])


async def _is_half_done(box: BoxProcess, batch_id: str) -> bool:
    batch = await box.get(f"/v1/calls/batch/{batch_id}")
    return bool(batch["completed"] + batch["failed"] >= ROWS // 2)


async def test_a_box_killed_halfway_calls_nobody_twice_and_loses_nothing(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    async with (
        a_receiver() as receiver,
        a_simulator("mixed", ledger) as gateway_port,
        a_box(tmp_path) as box,
    ):
        batch_id = await _launch(box, gateway_port, receiver)
        await eventually(lambda: _is_half_done(box, batch_id), within_s=240)
        await box.kill()
        await box.start()
        await eventually(lambda: box.batch_is_over(batch_id), within_s=240)
        batch = await box.get(f"/v1/calls/batch/{batch_id}")
        calls = await box.calls_of(batch_id)
        await eventually(lambda: len(_ids_by_call(receiver)) == ROWS)

    assert batch["total"] == ROWS == batch["completed"] + batch["failed"]
    assert sum(batch["outcomes"].values()) == ROWS
    assert {call["phone"] for call in calls} == {_phone(row) for row in range(1, ROWS + 1)}

    dialed = calls_by_number(read_ledger(ledger))
    assert {len(sip_calls) for sip_calls in dialed.values()} == {1}

    unknown = {one["call_id"] for one in calls if one["outcome"] == "UNKNOWN_AFTER_RESTART"}
    assert 0 < len(unknown) <= CONCURRENCY
    scenario, agent = load_scenario("mixed"), _agent()
    for call in calls:
        if call["call_id"] not in unknown:
            expected = expected_outcome(scenario.callee_for(call["phone"]), agent)
            assert call["outcome"] == expected, call

    assert {len(ids) for ids in _ids_by_call(receiver).values()} == {1}
    assert set(_ids_by_call(receiver)) == {call["call_id"] for call in calls}


def _ids_by_call(receiver: Receiver) -> dict[str, set[str]]:
    """The distinct `webhook-id`s that arrived for each call."""
    ids: dict[str, set[str]] = defaultdict(set)
    for request in list(receiver.requests):
        ids[json.loads(request.body)["call_id"]].add(request.headers["webhook-id"])
    return ids
