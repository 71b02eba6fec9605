"""Batches through SIPp as the gateway: what it saw, and what the box made of it."""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.builders import eventually
from tests.journeys.box import BoxProcess, a_box
from tests.peers.sipp import PASSWORD, USER, free_udp_port, sipp_carrier
from tests.sip.lossy import lossy_path

pytestmark = pytest.mark.peer

AGENT = {
    "name": "Appointment",
    "greeting": "Hello {{name}}.",
    "questions": [
        {
            "id": "come",
            "ask": "Your appointment is on {{day}}. Press 1 to confirm it, or 2 to refuse it.",
            "answers": [
                {
                    "keys": "1",
                    "outcome": "BOOKED",
                    "summary": "{{name}} confirmed the appointment for {{day}}.",
                    "reply": "Thank you.",
                },
                {"keys": "2", "outcome": "REFUSED"},
            ],
        }
    ],
    "outcomes": ["BOOKED", "REFUSED"],
    "no_input": {"wait_s": 1, "reprompts": 0},
    "record": True,
}


@dataclass
class Gateway:
    """A SIPp scenario, the trunk that leads to it, and what the call must come to."""

    scenario: str
    outcome: str
    keys: dict[str, Any] = field(default_factory=dict)
    trunk: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, int] = field(default_factory=dict)


_CHALLENGE: dict[str, Any] = {
    "status": "407",
    "challenge": "Proxy-Authenticate",
    "options": 'qop="auth"',
}
GATEWAYS = {
    "answers and presses 1": Gateway("answer_and_key", "BOOKED"),
    "answers and says nothing": Gateway("ring_then_answer", "NO_INPUT"),
    "asks for the password": Gateway(
        "challenge", "NO_INPUT", _CHALLENGE, {"username": USER, "password": PASSWORD}
    ),
    "sends early media": Gateway("early_media", "NO_INPUT"),
    "is busy": Gateway("refuse", "BUSY", {"status": "486"}),
    "declines": Gateway("refuse", "REJECTED", {"status": "603"}),
    "rings out": Gateway("no_answer", "NO_ANSWER", trunk={"ring_timeout_s": 3}),
    "200 lost and repeated": Gateway("answer", "NO_INPUT", losses={"SIP/2.0 200": 1, "ACK": 1}),
}


async def _launch(box: BoxProcess, stack: AsyncExitStack, name: str, folder: Path) -> str:
    """Start the gateway, lead a trunk to it, and launch a batch of one row; gives its id."""
    gateway = GATEWAYS[name]
    await asyncio.to_thread(folder.mkdir)
    front = free_udp_port()
    keys = {"contact_port": str(front), **gateway.keys}
    carrier = await stack.enter_async_context(
        sipp_carrier(folder, gateway.scenario, **{"finish_s": 60, **keys})
    )
    path = lossy_path(front, carrier, gateway.losses, answers_options=True)
    host, port = await stack.enter_async_context(path)
    trunk = await box.post("/v1/trunks", {"name": name, "host": host, "port": port} | gateway.trunk)
    row = list(GATEWAYS).index(name)
    answer = await box.post(
        "/v1/calls/batch",
        {
            "agent_id": "agent_appointment",
            "trunk_id": trunk["trunk_id"],
            "recipients": [
                {"phone": f"98765432{row:02d}", "variables": {"name": "Asha", "day": "Friday"}}
            ],
        },
    )
    return str(answer["batch_id"])


async def test_what_a_gateway_does_is_what_the_batch_shows(tmp_path: Path) -> None:
    assert os.geteuid() == 0, "SIPp plays its key presses through a raw socket: run this as root"
    async with a_box(tmp_path) as box, AsyncExitStack() as stack:
        await box.post("/v1/agents", {"agent_id": "agent_appointment", **AGENT})
        ids = {
            name: await _launch(box, stack, name, tmp_path / f"gateway {number}")
            for number, name in enumerate(GATEWAYS)
        }
        for batch_id in ids.values():
            await eventually(partial(box.batch_is_over, batch_id), 60)
        calls = {name: (await box.calls_of(batch_id))[0] for name, batch_id in ids.items()}
        ends = {
            name: (await box.get(f"/v1/calls/{call['call_id']}"))["sip_status"]
            for name, call in calls.items()
        }

    assert {name: call["outcome"] for name, call in calls.items()} == {
        name: gateway.outcome for name, gateway in GATEWAYS.items()
    }
    assert (ends["is busy"], ends["declines"], ends["sends early media"]) == (486, 603, 200)
    booked = calls["answers and presses 1"]
    assert booked["summary"] == "Asha confirmed the appointment for Friday."
    assert "Traceback" not in box.log
