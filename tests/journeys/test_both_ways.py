"""Calls that come back, are handed over, are announced to, or lose their gateway."""

import asyncio
import socket
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import eventually
from tests.journeys.box import BoxProcess, a_box, a_simulator, start_simulator
from tests.peers import sipp_caller
from tests.peers.baresip import baresip_phone
from tests.peers.sipp import free_udp_port, sipp_carrier
from tests.peers.sipp_callee import notify, say, wait_for
from tests.peers.sipp_caller import SDP, maybe, pause, receive, receive_request, send
from tests.peers.test_baresip_media import REPLY, find
from tests.sip.lossy import lossy_path

pytestmark = pytest.mark.peer

DESK = "+919800000000"
AGENT: dict[str, Any] = {
    "agent_id": "agent_desk",
    "name": "Desk",
    "greeting": "Hello {{name}}.",
    "questions": [
        {
            "id": "come",
            "ask": "Press 1 to confirm, or 0 for a person.",
            "answers": [
                {"keys": "1", "outcome": "BOOKED", "reply": "Thank you."},
                {"keys": "0", "reply": "One moment.", "transfer": DESK},
            ],
        }
    ],
    "outcomes": ["BOOKED"],
    "no_input": {"wait_s": 60, "reprompts": 0},
    "record": True,
}
SCENARIO = """
endings: {"1": announced_off, "2": silent, "3": no_answer, "4": wants_a_person}
callees:
  wants_a_person:
    steps:
      - {press: "0", speech_ms: 400, silence_ms: 0, at_least_ms: 700}
      - {say: "Hello, is there anybody who can help me?", at_least_ms: 3500, at_most_ms: 3500}
      - {hangs_up: true, at_least_ms: 3500, at_most_ms: 3500}
"""


async def _a_trunk(box: BoxProcess, name: str, port: int) -> str:
    """A trunk of one channel; gives its id."""
    trunk = {"name": name, "host": "127.0.0.1", "port": port, "channels": 1}
    return str((await box.post("/v1/trunks", trunk))["trunk_id"])


async def _launch(box: BoxProcess, phone: str, **options: object) -> str:
    recipients = [{"phone": phone, "variables": {"name": "Asha"}}]
    body = {"agent_id": "agent_desk", "recipients": recipients, **options}
    return str((await box.post("/v1/calls/batch", body))["batch_id"])


async def _call_of(box: BoxProcess, batch_id: str) -> dict[str, Any]:
    """The newest call of the batch, whole."""
    newest = (await box.calls_of(batch_id))[0]
    return dict(await box.get(f"/v1/calls/{newest['call_id']}"))


async def _end_of(box: BoxProcess, batch_id: str) -> dict[str, Any]:
    await eventually(lambda: box.batch_is_over(batch_id), 60)
    return await _call_of(box, batch_id)


def _sides(box: BoxProcess, call: dict[str, Any]) -> tuple[bytes, bytes]:
    """The recording of a call: what the callee said, and what the callee heard."""
    with wave.open(str(box.folder / "recordings" / f"{call['call_id']}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return samples[:, 0].tobytes(), samples[:, 1].tobytes()


def _seconds_of_sound(pcm: bytes) -> float:
    frames = np.frombuffer(pcm[: len(pcm) // 320 * 320], "<i2").reshape(-1, 160)
    return float(np.sum(np.abs(frames.astype(np.int32)).max(axis=1) > 500)) * 0.02


async def test_an_announcement_is_recorded_and_a_dead_gateway_ends_its_call(
    tmp_path: Path,
) -> None:
    scenario = tmp_path / "scenario.yaml"
    await asyncio.to_thread(scenario.write_text, SCENARIO)
    async with a_box(tmp_path) as box:
        await box.post("/v1/agents", AGENT)
        gateway, port = await start_simulator(str(scenario), tmp_path / "lost.jsonl")
        try:
            trunk_id = await _a_trunk(box, "lost", port)
            talking = await _launch(box, "9876500002", trunk_id=trunk_id)
            await eventually(lambda: _is_talking(box, talking))
        finally:
            gateway.kill()  # it says BYE to nobody
            await gateway.wait()
        async with a_simulator(str(scenario), tmp_path / "ledger.jsonl") as port:
            trunk_id = await _a_trunk(box, "GSM", port)
            unanswered = await _end_of(box, await _launch(box, "9876500001", trunk_id=trunk_id))
        lost = await _end_of(box, talking)

    assert (unanswered["disposition"], unanswered["outcome"]) == ("no_answer", "NO_ANSWER")
    assert unanswered["early_media"]["sounds"][0] == "speech"
    assert unanswered["recording_url"]
    said, _ = _sides(box, unanswered)
    assert _seconds_of_sound(said) > 2
    assert (lost["disposition"], lost["outcome"], lost["ended_by"]) == (
        "answered",
        "HUNG_UP",
        "network",
    )
    assert "Traceback" not in box.log


async def test_a_missed_call_that_is_returned_gets_its_agent_and_strangers_get_nothing(
    tmp_path: Path,
) -> None:
    scenario = tmp_path / "scenario.yaml"
    await asyncio.to_thread(scenario.write_text, SCENARIO)
    async with (
        a_simulator(str(scenario), tmp_path / "ledger.jsonl") as port,
        a_box(tmp_path) as box,
    ):
        await box.post("/v1/agents", AGENT)
        await _a_trunk(box, "GSM", port)
        batch_id = await _launch(box, "9876500003")
        missed = await _end_of(box, batch_id)
        stranger = await asyncio.to_thread(_answer_to_a_stranger, box.sip_address)
        await sipp_caller.call(
            tmp_path,
            box.sip_address,
            send("INVITE", sdp=SDP, headers="P-Asserted-Identity: <sip:+14155550123@gw>"),
            *(maybe(100), maybe(180), receive(486), send("ACK", branch="[branch-1]")),
        )
        await sipp_caller.call(
            tmp_path,
            box.sip_address,
            send("INVITE", sdp=SDP, headers="P-Asserted-Identity: <sip:09876500003@gw>"),
            *(maybe(100), maybe(180), receive(200), send("ACK", in_dialog=True), pause(1500)),
            send("INFO", cseq=2, in_dialog=True, sdp="Signal=1", kind="application/dtmf-relay"),
            *(receive(200), receive_request("BYE")),
        )
        await eventually(lambda: _is_ended(box, batch_id, calls=2))
        returned = await _call_of(box, batch_id)
        (row,) = await box.recipients_of(batch_id)
        batch = await box.get(f"/v1/calls/batch/{batch_id}")

    assert (missed["outcome"], missed["direction"]) == ("NO_ANSWER", "outbound")
    assert stranger is None
    assert (returned["direction"], returned["phone"]) == ("inbound", "+919876500003")
    assert (returned["outcome"], returned["variables"]) == ("BOOKED", {"name": "Asha"})
    assert returned["transcript"][0]["text"] == "Hello Asha."
    assert (row["outcome"], row["call_id"]) == ("BOOKED", returned["call_id"])
    assert batch["outcomes"] == {"BOOKED": 1}
    assert "Traceback" not in box.log


async def _is_ended(box: BoxProcess, batch_id: str, calls: int) -> bool:
    states = [call["state"] for call in await box.calls_of(batch_id)]
    return states == ["ended"] * calls


def _answer_to_a_stranger(box: tuple[str, int]) -> bytes | None:
    """What the box sends to an address that belongs to no trunk, within a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.settimeout(1)
        port = stranger.getsockname()[1]
        invite = (
            "INVITE sip:box@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.2:{port};branch=z9hG4bKstranger\r\n"
            "From: <sip:+919876500003@127.0.0.2>;tag=1\r\nTo: <sip:box@127.0.0.1>\r\n"
            "Call-ID: stranger\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        stranger.sendto(invite.encode(), box)
        try:
            return stranger.recv(2000)
        except TimeoutError:
            return None


async def test_a_person_takes_over_by_refer_or_by_a_second_call_that_the_box_joins(
    tmp_path: Path,
) -> None:
    scenario = tmp_path / "scenario.yaml"
    await asyncio.to_thread(scenario.write_text, SCENARIO)
    phone_folder, sipp_folder = tmp_path / "desk", tmp_path / "sipp"
    await asyncio.to_thread(phone_folder.mkdir)
    await asyncio.to_thread(sipp_folder.mkdir)
    refer = wait_for("REFER", ("Refer-To", "sip:.919800000000@127.0.0.1")) + say(202)
    refer += notify(1, "200 OK", "terminated;reason=noresource") + wait_for("BYE") + say(200)
    front = free_udp_port()
    async with (
        a_box(tmp_path) as box,
        a_simulator(str(scenario), tmp_path / "ledger.jsonl") as port,
        baresip_phone(phone_folder, DESK, REPLY) as desk,
        sipp_carrier(
            sipp_folder,
            "answer_then",
            contact_port=str(front),
            headers="Allow: REFER",
            check="",
            then=refer,
        ) as carrier,
        lossy_path(front, carrier, {}, answers_options=True) as (_, sipp_port),
    ):
        await box.post("/v1/agents", AGENT)
        pbx = await _a_trunk(box, "PBX", sipp_port)
        referred = await _launch(box, "9876500005", trunk_id=pbx)
        await eventually(lambda: _is_talking(box, referred))
        call_id = (await _call_of(box, referred))["call_id"]
        await box.post(f"/v1/calls/{call_id}/transfer", {"to": DESK})
        by_refer = await _end_of(box, referred)

        await box.api.delete(f"/v1/trunks/{pbx}")
        gsm = await _a_trunk(box, "GSM", port)
        await _a_trunk(box, "desk", desk.address[1])
        by_bridge = await _end_of(box, await _launch(box, "9876500004", trunk_id=gsm))

    assert by_refer["outcome"] == "TRANSFERRED"
    assert by_bridge["outcome"] == "TRANSFERRED"
    assert by_bridge["summary"] == f"Asha was handed over to {DESK}."
    quality = by_bridge["quality"]
    assert (quality["codec"], quality["is_srtp"]) == ("PCMU", False)
    assert min(quality["packets_sent"], quality["packets_heard"]) > 100
    assert quality["mos"] > 3
    _, heard = _sides(box, by_bridge)
    assert find(REPLY, heard).likeness > 0.9
    assert _seconds_of_sound(desk.heard()) > 1
    assert "Traceback" not in box.log


async def _is_talking(box: BoxProcess, batch_id: str) -> bool:
    return any(call["state"] == "talking" for call in await box.calls_of(batch_id))
