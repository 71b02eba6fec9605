"""/v1/calls: one call, and what came of it."""

import asyncio
from typing import Any

import pytest

from movoice_box.dialer.live import LiveCall
from movoice_box.domain.call import CallState, Disposition, TranscriptLine
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.ids import BatchId, CallId
from tests.builders import A_QUALITY, AGENT_ID, a_result
from tests.web.sites import Site, a_recipient, error_of

RAHUL, PRIYA = "+919876543210", "+919876543211"


async def test_one_call_is_queued_and_can_be_asked_for_at_once(site: Site) -> None:
    response = await _call(site, "098765 43210")
    assert response.status_code == 202
    body = response.json()
    assert list(body) == ["call_id", "state", "phone"]
    assert (body["state"], body["phone"]) == ("queued", RAHUL)
    call = (await site.api.get(f"/v1/calls/{body['call_id']}")).json()
    assert (call["call_id"], call["batch_id"], call["row"]) == (body["call_id"], None, None)
    assert (call["state"], call["agent_id"]) == ("queued", AGENT_ID)
    assert (await site.api.get("/v1/calls/batch")).json()["items"] == []


async def test_an_ended_call_tells_everything(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL)
    call_id = await site.call_next(
        batch_id,
        a_result(
            "BOOKED",
            transcript=(
                TranscriptLine(0, "agent", "Hello Rahul, you owe ₹2500."),
                TranscriptLine(5_200, "callee", "1"),
            ),
            collected={"day": "Friday"},
            sip_call_id="abc@box",
            sip_reason="OK",
            ended_by="box",
            recording="call.wav",
            quality=A_QUALITY,
            early_media=EarlyMediaVerdict(sounds=(EarlySound.RINGBACK,), heard_s=3.0),
        ),
    )
    assert (await site.api.get(f"/v1/calls/{call_id}")).json() == {
        "call_id": call_id,
        "batch_id": batch_id,
        "row": 1,
        "agent_id": AGENT_ID,
        "trunk_id": "trunk_gateway",
        "phone": RAHUL,
        "variables": {"name": "Rahul", "amount_due": "₹2500"},
        "state": "ended",
        "disposition": "answered",
        "outcome": "BOOKED",
        "summary": "Rahul confirmed.",
        "transcript": [
            {"at_ms": 0, "speaker": "agent", "text": "Hello Rahul, you owe ₹2500."},
            {"at_ms": 5_200, "speaker": "callee", "text": "1"},
        ],
        "collected": {"day": "Friday"},
        "sip_call_id": "abc@box",
        "sip_status": 200,
        "sip_reason": "OK",
        "q850_cause": None,
        "ended_by": "box",
        "direction": "outbound",
        "channel": None,
        "quality": {
            "codec": "PCMA",
            "is_srtp": False,
            "packets_sent": 500,
            "packets_heard": 490,
            "loss_heard": 0.02,
            "loss_sent": None,
            "jitter_heard_ms": 3.5,
            "jitter_sent_ms": None,
            "round_trip_ms": None,
            "late": 0,
            "strangers": 0,
            "mos": 4.2,
        },
        "early_media": {"sounds": ["ringback"], "heard_s": 3.0},
        "ring_s": 4.0,
        "talk_s": 10.0,
        "recording_url": f"/v1/calls/{call_id}/recording.wav",
        "created_at": "2026-04-20T09:30:00Z",
        "dialed_at": "2026-04-20T09:30:00Z",
        "ringing_at": "2026-04-20T09:30:00Z",
        "answered_at": "2026-04-20T09:30:04Z",
        "ended_at": "2026-04-20T09:30:14Z",
    }


async def test_a_busy_call_has_no_talk_and_its_sip_status(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL)
    busy = a_result("BUSY", disposition=Disposition.BUSY, sip_status=486, q850_cause=17)
    call = (await site.api.get(f"/v1/calls/{await site.call_next(batch_id, busy)}")).json()
    assert (call["disposition"], call["sip_status"], call["q850_cause"]) == ("busy", 486, 17)
    assert (call["ring_s"], call["talk_s"], call["recording_url"]) == (4.0, None, None)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"phone": "123"}, "invalid_number", "phone"),
        ({"phone": PRIYA}, "dnd", "phone"),
        ({"variables": {}}, "missing_variable", "variables"),
        ({"phon": "x"}, "invalid", "phon"),
    ],
)
async def test_a_number_that_may_not_be_called_is_refused(
    site: Site, body: dict[str, Any], code: str, field: str
) -> None:
    await site.services.dnd.add(PRIYA)
    response = await site.api.post(
        "/v1/calls", json={"agent_id": AGENT_ID, **a_recipient(), **body}
    )
    assert response.status_code == 422
    assert (error_of(response)["code"], error_of(response)["field"]) == (code, field)


async def test_a_repeated_call_request_rings_nobody_twice(site: Site) -> None:
    first = await _call(site, RAHUL, key="call-1")
    again = await _call(site, RAHUL, key="call-1")
    other = await _call(site, PRIYA, key="call-1")
    assert again.json() == first.json()
    assert (other.status_code, error_of(other)["code"]) == (409, "idempotency_key_reused")
    assert len((await site.api.get("/v1/calls")).json()["items"]) == 1


async def test_calls_are_listed_newest_first_and_filtered(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL, PRIYA)
    first = await site.call_next(batch_id, a_result("BOOKED"))
    second = await site.call_next(batch_id, a_result("REFUSED"))
    single = (await _call(site, RAHUL)).json()["call_id"]
    assert await _listed(site, "") == [single, second, first]
    assert await _listed(site, f"?batch_id={batch_id}") == [second, first]
    assert await _listed(site, "?outcome=BOOKED") == [first]
    assert await _listed(site, "?state=queued") == [single]
    assert await _listed(site, "?phone=98765 43210") == [single, first]
    back = (await site.office.call_back(RAHUL)).id
    assert await _listed(site, "?direction=inbound") == [back]
    assert await _listed(site, "?direction=outbound") == [single, second, first]
    page = (await site.api.get("/v1/calls?limit=3")).json()
    assert await _listed(site, f"?limit=3&cursor={page['next_cursor']}") == [first]


async def test_a_call_that_is_up_can_be_ended(site: Site) -> None:
    call_id = CallId((await _call(site, RAHUL)).json()["call_id"])
    live = LiveCall(call_id, BatchId("batch_1"), CallState.TALKING)
    with site.office.live.holding(live):
        response = await site.api.post(f"/v1/calls/{call_id}/end")
    assert (response.status_code, response.json()["call_id"]) == (202, call_id)
    assert live.end.is_set()


async def test_a_call_that_waits_is_not_placed_and_ends_once(site: Site) -> None:
    call_id = (await _call(site, RAHUL)).json()["call_id"]
    ended = (await site.api.post(f"/v1/calls/{call_id}/end")).json()
    assert (ended["state"], ended["outcome"], ended["dialed_at"]) == ("ended", "CANCELED", None)
    response = await site.api.post(f"/v1/calls/{call_id}/end")
    assert response.status_code == 409
    assert error_of(response)["code"] == "call_state"
    assert "is ended" in error_of(response)["message"]


async def test_a_talking_call_can_be_handed_over_once(site: Site) -> None:
    call_id = CallId((await _call(site, RAHUL)).json()["call_id"])
    live = LiveCall(call_id, BatchId("batch_1"), CallState.TALKING)
    with site.office.live.holding(live):
        to = {"to": "98000 00000"}
        response = await site.api.post(f"/v1/calls/{call_id}/transfer", json=to)
        again = await site.api.post(f"/v1/calls/{call_id}/transfer", json=to)
    assert (response.status_code, response.json()["call_id"]) == (202, call_id)
    assert str(live.transfer_to) == "+919800000000"
    assert (again.status_code, error_of(again)["code"]) == (409, "call_state")


@pytest.mark.parametrize("to", ["the desk", RAHUL, ""])
async def test_a_transfer_needs_the_number_of_somebody_else(site: Site, to: str) -> None:
    call_id = CallId((await _call(site, RAHUL)).json()["call_id"])
    with site.office.live.holding(LiveCall(call_id, BatchId("batch_1"), CallState.TALKING)):
        response = await site.api.post(f"/v1/calls/{call_id}/transfer", json={"to": to})
    assert (response.status_code, error_of(response)["field"]) == (422, "to")


async def test_a_call_in_which_nobody_talks_is_not_handed_over(site: Site) -> None:
    call_id = CallId((await _call(site, RAHUL)).json()["call_id"])
    with site.office.live.holding(LiveCall(call_id, BatchId("batch_1"), CallState.RINGING)):
        response = await site.api.post(f"/v1/calls/{call_id}/transfer", json={"to": "201"})
    assert (response.status_code, error_of(response)["code"]) == (409, "call_state")


@pytest.mark.parametrize("tail", ["", "/recording.wav"])
async def test_an_unknown_call_is_not_found(site: Site, tail: str) -> None:
    response = await site.api.get(f"/v1/calls/call_nothing{tail}")
    assert response.status_code == 404
    assert error_of(response)["field"] == "call_id"


@pytest.mark.parametrize(
    ("wanted", "status", "content", "content_range"),
    [
        (None, 200, bytes(range(100)), None),
        ("bytes=0-9", 206, bytes(range(10)), "bytes 0-9/100"),
        ("bytes=90-", 206, bytes(range(90, 100)), "bytes 90-99/100"),
        ("bytes=90-500", 206, bytes(range(90, 100)), "bytes 90-99/100"),
        ("bytes=-5", 206, bytes(range(95, 100)), "bytes 95-99/100"),
        ("bytes=0-", 200, bytes(range(100)), None),
        ("bytes=100-", 200, bytes(range(100)), None),
        ("bytes=9-3", 200, bytes(range(100)), None),
        ("bytes=0-1,5-6", 200, bytes(range(100)), None),
        ("bytes=-", 200, bytes(range(100)), None),
        ("pages=1-2", 200, bytes(range(100)), None),
    ],
)
async def test_a_recording_is_sent_whole_or_in_part(
    site: Site, wanted: str | None, status: int, content: bytes, content_range: str | None
) -> None:
    call_id = await _recorded(site, bytes(range(100)))
    response = await site.api.get(
        f"/v1/calls/{call_id}/recording.wav", headers={"Range": wanted} if wanted else {}
    )
    assert (response.status_code, response.content) == (status, content)
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-length"] == str(len(content))
    assert response.headers.get("content-range") == content_range


@pytest.mark.parametrize("recording", [None, "gone.wav", "../box.db", "/etc/passwd"])
async def test_a_call_without_its_recording_says_so(site: Site, recording: str | None) -> None:
    batch_id = await site.a_batch(RAHUL)
    call_id = await site.call_next(batch_id, a_result(recording=recording))
    response = await site.api.get(f"/v1/calls/{call_id}/recording.wav")
    assert response.status_code == 404
    assert error_of(response)["code"] == "no_recording"


async def _recorded(site: Site, content: bytes) -> CallId:
    batch_id = await site.a_batch(RAHUL)
    call_id = await site.call_next(batch_id, a_result(recording="one.wav"))
    file = site.services.settings.recordings / "one.wav"
    await asyncio.to_thread(file.write_bytes, content)
    return call_id


async def _call(site: Site, phone: str, key: str | None = None) -> Any:
    return await site.api.post(
        "/v1/calls",
        json={"agent_id": AGENT_ID, **a_recipient(phone)},
        headers={"Idempotency-Key": key} if key else {},
    )


async def _listed(site: Site, query: str) -> list[str]:
    return [one["call_id"] for one in (await site.api.get(f"/v1/calls{query}")).json()["items"]]
