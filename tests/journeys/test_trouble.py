"""Kills, outages and haste, checked against the ledger of the other side."""

import asyncio
import json
import socket
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from movoice_box.simulator.ledger import RECEIVED, calls_by_number, read_ledger
from tests.builders import eventually
from tests.journeys.box import BoxProcess, a_box, a_free_port, a_simulator
from tests.peers.receiver import a_receiver

AGENT = {
    "name": "Appointment",
    "greeting": "Hello {{name}}.",
    "questions": [
        {
            "id": "come",
            "ask": "Press 1 to confirm your appointment, or 9 if we shall not call you again.",
            "answers": [{"keys": "1", "outcome": "BOOKED"}],
        }
    ],
    "outcomes": ["BOOKED"],
    "no_input": {"wait_s": 1, "reprompts": 0},
}
EAGER = """
mix: {interrupts_1: 1}
endings: {"9": interrupts_9, "8": rings_out, "7": silent}
"""


def _rows(prefix: str, endings: str) -> list[dict[str, Any]]:
    """One callee for each ending."""
    return [
        {"phone": f"{prefix}{place:04d}{ending}", "variables": {"name": "Asha"}}
        for place, ending in enumerate(endings)
    ]


async def _launch(box: BoxProcess, prefix: str, endings: str, **options: object) -> str:
    body = {"agent_id": "agent_appointment", "recipients": _rows(prefix, endings), **options}
    return str((await box.post("/v1/calls/batch", body))["batch_id"])


@asynccontextmanager
async def _gateway(folder: Path, port: int) -> AsyncIterator[None]:
    scenario = folder / "scenario.yaml"
    await asyncio.to_thread(scenario.write_text, EAGER)
    options = ("--port", str(port))
    async with a_simulator(str(scenario), folder / "ledger.jsonl", *options):
        yield


async def _set_up(box: BoxProcess, port: int) -> None:
    await box.post("/v1/agents", {"agent_id": "agent_appointment", **AGENT})
    trunk = {"name": "GSM", "host": "127.0.0.1", "port": port, "channels": 10}
    await box.post("/v1/trunks", {**trunk, "ring_timeout_s": 5})


async def _has_ended(box: BoxProcess, batch_id: str, calls: int) -> bool:
    batch = await box.get(f"/v1/calls/batch/{batch_id}")
    return bool(batch["completed"] + batch["failed"] >= calls)


async def _waits(box: BoxProcess, batch_id: str) -> bool:
    (trunk,) = (await box.get("/v1/trunks"))["items"]
    batch = await box.get(f"/v1/calls/batch/{batch_id}")
    assert batch["state"] == "running"
    return trunk["status"]["is_up"] is False and batch["in_progress"] == 0


async def test_a_box_killed_again_and_again_calls_nobody_twice(tmp_path: Path) -> None:
    port = a_free_port(socket.SOCK_DGRAM)
    async with (
        a_receiver() as receiver,
        _gateway(tmp_path, port),
        a_box(tmp_path) as box,
    ):
        events = ["call.completed", "batch.completed"]
        await box.post("/v1/webhooks", {"url": receiver.url, "events": events})
        await _set_up(box, port)
        first = await _launch(box, "98100", "19" * 15, concurrency=5)
        second = await _launch(box, "98200", "1" * 30, concurrency=5)
        for done in (0, 2):
            await eventually(partial(_has_ended, box, first, done))
            await box.kill()
            await box.start()
        await box.post(f"/v1/calls/batch/{second}/cancel", {"live": "end"})
        for done in (2, 10):
            await eventually(partial(_has_ended, box, first, done))
            await box.kill()
            await box.start()
        for batch_id in (first, second):
            await eventually(partial(box.batch_is_over, batch_id), 60)
        ended = {call["call_id"] for call in await box.calls_of(first)}
        opted_out = [row for row in await box.recipients_of(first) if row["outcome"] == "OPTED_OUT"]
        await eventually(lambda: ended <= set(_ids(receiver.requests)))
        batches = [await box.get(f"/v1/calls/batch/{one}") for one in (first, second)]
        listed = (await box.get("/v1/dnd", limit=100))["items"]

    states = ("completed", "failed", "canceled")
    assert [sum(batch[state] for state in states) for batch in batches] == [30, 30]
    assert {len(calls) for calls in _dialed(tmp_path).values()} == {1}
    assert {len(ids) for ids in _ids(receiver.requests).values()} == {1}
    assert {first, second} <= set(_ids(receiver.requests))
    assert {row["phone"] for row in opted_out} <= {entry["phone"] for entry in listed}


async def test_a_gateway_that_dies_does_not_use_up_the_list(tmp_path: Path) -> None:
    port = a_free_port(socket.SOCK_DGRAM)
    async with a_box(tmp_path) as box:
        await _set_up(box, port)
        async with _gateway(tmp_path, port):
            batch_id = await _launch(box, "98300", "1" * 30, concurrency=3)
            await eventually(lambda: _has_ended(box, batch_id, 3))
        await eventually(lambda: _waits(box, batch_id), 60)
        batch = await box.get(f"/v1/calls/batch/{batch_id}")
        assert batch["queued"] >= 20
        async with _gateway(tmp_path, port):  # the box finds out by itself
            await eventually(lambda: box.batch_is_over(batch_id), 60)
        batch = await box.get(f"/v1/calls/batch/{batch_id}")
    assert batch["completed"] + batch["failed"] == 30
    assert {len(calls) for calls in _dialed(tmp_path).values()} == {1}


async def test_nobody_is_rung_after_a_cancel_whenever_it_comes(tmp_path: Path) -> None:
    port = a_free_port(socket.SOCK_DGRAM)
    canceled: dict[str, Any] = {}
    async with _gateway(tmp_path, port), a_box(tmp_path) as box:
        await _set_up(box, port)
        for number, wait_s in enumerate((0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1)):
            prefix = f"9840{number}"
            batch_id = await _launch(box, prefix, "7781", concurrency=4)
            await asyncio.sleep(wait_s)
            await box.post(f"/v1/calls/batch/{batch_id}/cancel", {"live": "end"})
            await asyncio.sleep(0.2)  # the gateway writes down what was on its way
            dialed = set(_dialed(tmp_path))
            await eventually(partial(box.batch_is_over, batch_id))
            canceled[prefix] = {one for one in set(_dialed(tmp_path)) - dialed if prefix in one}
    assert {prefix: late for prefix, late in canceled.items() if late} == {}
    entries = read_ledger(tmp_path / "ledger.jsonl")
    ended = {entry.call_id for entry in entries if entry.event == "ended"}
    assert {entry.call_id for entry in entries if entry.event == RECEIVED} == ended


def _dialed(folder: Path) -> dict[str, set[str]]:
    return calls_by_number(read_ledger(folder / "ledger.jsonl"))


def _ids(requests: list[Any]) -> dict[str, set[str]]:
    """The distinct `webhook-id`s that arrived for each call and each batch."""
    ids: dict[str, set[str]] = defaultdict(set)
    for request in list(requests):
        body = json.loads(request.body)
        ids[body.get("call_id") or body["batch_id"]].add(request.headers["webhook-id"])
    return ids
