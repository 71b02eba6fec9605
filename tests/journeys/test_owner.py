"""An owner at work through the API, on a box with a simulated gateway."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from movoice_box.clock import SystemClock
from movoice_box.simulator.ledger import calls_by_number, read_ledger
from tests.builders import eventually
from tests.journeys.box import BoxProcess, a_box, a_simulator

AGENT_ID = "agent_payment_collection"
SCENARIO = """
mix: {interrupts_1: 1}
endings: {"9": interrupts_9, "8": rings_out, "7": silent}
"""


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[BoxProcess]:
    """A box with one trunk of ten channels to people who know what they want."""
    scenario = tmp_path / "scenario.yaml"
    await asyncio.to_thread(scenario.write_text, SCENARIO)
    async with (
        a_simulator(str(scenario), tmp_path / "ledger.jsonl") as port,
        a_box(tmp_path) as box,
    ):
        trunk = {"name": "GSM", "host": "127.0.0.1", "port": port, "channels": 10}
        await box.post("/v1/trunks", trunk)
        yield box


def _body(*endings: int, **options: object) -> dict[str, object]:
    """A batch of one number for each ending."""
    recipients = [
        {
            "phone": f"98765{place:04d}{ending}",
            "variables": {"name": "Asha", "amount_due": 2500, "due_date": "April 25"},
        }
        for place, ending in enumerate(endings)
    ]
    return {"agent_id": AGENT_ID, "recipients": recipients, **options}


async def _launch(box: BoxProcess, *endings: int, **options: object) -> str:
    return str((await box.post("/v1/calls/batch", _body(*endings, **options)))["batch_id"])


async def _outcomes(box: BoxProcess, batch_id: str) -> dict[str, int]:
    await eventually(lambda: box.batch_is_over(batch_id), 90)
    return dict((await box.get(f"/v1/calls/batch/{batch_id}"))["outcomes"])


async def _has_call_in(box: BoxProcess, batch_id: str, state: str) -> bool:
    return any(call["state"] == state for call in await box.calls_of(batch_id))


def _dialed(box: BoxProcess) -> dict[str, set[str]]:
    return calls_by_number(read_ledger(box.folder / "ledger.jsonl"))


async def test_who_opts_out_is_never_called_again(box: BoxProcess) -> None:
    first = await _launch(box, 9, 1)
    assert await _outcomes(box, first) == {"OPTED_OUT": 1, "PAYMENT_CONFIRMED": 1}
    answer = await box.post("/v1/calls/batch", _body(9))
    assert (answer["queued"], answer["skipped"][0]["reason"]) == (0, "dnd")
    assert "opted out in a call" in answer["skipped"][0]["message"]
    assert len(_dialed(box)["+919876500009"]) == 1


async def test_a_batch_pauses_goes_on_and_is_canceled(box: BoxProcess) -> None:
    batch_id = await _launch(box, 8, 8, 1, concurrency=1)
    await eventually(lambda: _has_call_in(box, batch_id, "ringing"))
    await box.post(f"/v1/calls/batch/{batch_id}/pause")
    refused = await box.api.post(f"/v1/calls/batch/{batch_id}/pause")
    assert refused.status_code == 409
    assert "paused" in refused.json()["error"]["message"]
    await box.post(f"/v1/calls/batch/{batch_id}/resume")
    await box.post(f"/v1/calls/batch/{batch_id}/cancel")
    assert await _outcomes(box, batch_id) == {"CANCELED": 1}
    batch = await box.get(f"/v1/calls/batch/{batch_id}")
    assert (batch["state"], batch["total"], batch["completed"]) == ("canceled", 3, 0)
    ledger = read_ledger(box.folder / "ledger.jsonl")
    assert "CANCEL" in {entry.facts.get("method") for entry in ledger}
    assert len(_dialed(box)) == 1


async def test_cancel_ends_a_talking_call_where_told(box: BoxProcess) -> None:
    batch_id = await _launch(box, 7)
    await eventually(lambda: _has_call_in(box, batch_id, "talking"))
    await box.post(f"/v1/calls/batch/{batch_id}/cancel", {"live": "end"})
    assert await _outcomes(box, batch_id) == {"CANCELED": 1}
    (call,) = await box.calls_of(batch_id)
    assert (call["disposition"], call["ended_by"]) == ("answered", "box")


async def test_a_batch_waits_for_its_time(box: BoxProcess) -> None:
    start = SystemClock().now() + timedelta(seconds=4)
    batch_id = await _launch(box, 1, schedule_at=start.timestamp())
    assert (await box.get(f"/v1/calls/batch/{batch_id}"))["state"] == "scheduled"
    assert _dialed(box) == {}
    assert await _outcomes(box, batch_id) == {"PAYMENT_CONFIRMED": 1}
    batch = await box.get(f"/v1/calls/batch/{batch_id}")
    assert datetime.fromisoformat(batch["started_at"]) >= start - timedelta(milliseconds=1)


async def test_a_recorded_call_can_be_heard(box: BoxProcess) -> None:
    agent = await box.get(f"/v1/agents/{AGENT_ID}")
    body = {name: agent[name] for name in ("name", "greeting", "questions", "outcomes")}
    recorded = await box.post("/v1/agents", {**body, "record": True})
    call = await box.post(
        "/v1/calls",
        {
            "agent_id": recorded["agent_id"],
            "phone": "9876500001",
            "variables": {"name": "Asha", "amount_due": "₹2500", "due_date": "April 25"},
        },
    )
    await eventually(lambda: _is_ended(box, call["call_id"]), 60)
    record = await box.get(f"/v1/calls/{call['call_id']}")
    heard = await box.api.get(f"/v1/calls/{call['call_id']}/recording.wav")
    assert record["outcome"] == "PAYMENT_CONFIRMED"
    assert heard.headers["content-type"] in ("audio/wav", "audio/x-wav")
    seconds = (len(heard.content) - 44) / 32_000
    assert abs(seconds - record["talk_s"]) < 1.5


async def _is_ended(box: BoxProcess, call_id: str) -> bool:
    record: dict[str, Any] = await box.get(f"/v1/calls/{call_id}")
    return bool(record["state"] == "ended")


async def test_a_box_that_is_told_to_stop_ends_its_calls(box: BoxProcess) -> None:
    batch_id = await _launch(box, 7, 8)
    await eventually(lambda: _has_call_in(box, batch_id, "talking"))
    assert await box.stop() == 0
    methods = [entry.facts.get("method") for entry in read_ledger(box.folder / "ledger.jsonl")]
    assert {"BYE", "CANCEL"} <= set(methods)
    await box.start()
    batch = await box.get(f"/v1/calls/batch/{batch_id}")
    assert batch["outcomes"] == {"CANCELED": 2}
