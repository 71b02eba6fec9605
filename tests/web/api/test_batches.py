"""/v1/calls/batch: every shape that clients and scripts rely on."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from movoice_box.dialer.live import LiveCall
from movoice_box.domain.call import CallState, Disposition
from movoice_box.sip.trunk import TrunkStatus
from movoice_box.store import trunks
from tests.builders import AGENT_ID, START, a_result
from tests.web.sites import QuietTrunk, Site, a_recipient, a_site, error_of

RAHUL, PRIYA, AMIT = "+919876543210", "+919876543211", "+919876543212"


async def test_a_batch_is_accepted_with_a_verdict_for_each_row(site: Site) -> None:
    await site.services.dnd.add(AMIT)
    recipients = [
        a_recipient(RAHUL),
        a_recipient("98765 43210"),
        a_recipient("12345"),
        a_recipient(AMIT),
        {"phone": PRIYA, "variables": {"name": "Priya"}},
        a_recipient("09876543213"),
    ]
    response = await site.api.post(
        "/v1/calls/batch",
        json={"agent_id": AGENT_ID, "recipients": recipients, "concurrency": 5},
    )
    assert response.status_code == 202
    body = response.json()
    assert list(body) == ["batch_id", "state", "total", "queued", "skipped"]
    assert body["batch_id"].startswith("batch_")
    assert (body["state"], body["total"], body["queued"]) == ("running", 6, 2)
    assert [(one["row"], one["phone"], one["reason"]) for one in body["skipped"]] == [
        (2, RAHUL, "duplicate"),
        (3, "12345", "invalid_number"),
        (4, AMIT, "dnd"),
        (5, PRIYA, "missing_variable"),
    ]
    assert all(f"row {one['row']}" in one["message"] for one in body["skipped"])


async def test_a_fresh_batch_reads_back_with_its_counts(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL, "12", concurrency=3, name="April dues")
    body = (await site.api.get(f"/v1/calls/batch/{batch_id}")).json()
    assert body == {
        "batch_id": batch_id,
        "name": "April dues",
        "agent_id": AGENT_ID,
        "trunk_id": None,
        "caller_id": None,
        "state": "running",
        "concurrency": 3,
        "total": 2,
        "queued": 1,
        "in_progress": 0,
        "completed": 0,
        "failed": 0,
        "skipped": 1,
        "canceled": 0,
        "attempted": 0,
        "answered": 0,
        "answer_rate": None,
        "outcomes": {},
        "pause_reason": None,
        "waiting_reason": None,
        "schedule_at": None,
        "created_at": "2026-04-20T09:30:00Z",
        "started_at": "2026-04-20T09:30:00Z",
        "ended_at": None,
    }


async def test_a_batch_has_a_trunk_and_a_caller_id_or_leaves_them_to_the_box(site: Site) -> None:
    for choice, trunk_id in ((None, None), ("trunk_gateway", "trunk_gateway")):
        batch_id = await site.a_batch(RAHUL, trunk_id=choice, caller_id="+912240005678")
        body = (await site.api.get(f"/v1/calls/batch/{batch_id}")).json()
        assert (body["trunk_id"], body["caller_id"]) == (trunk_id, "+912240005678")
    refused = await site.post_batch(RAHUL, caller_id="Bob <x>")
    assert (refused.status_code, error_of(refused)["field"]) == (422, "caller_id")


async def test_what_a_running_batch_waits_for_is_told(site: Site) -> None:
    (batch_id, paused) = (await site.a_batch(RAHUL), await site.a_batch(PRIYA))
    await site.services.control.pause(paused)
    (account,) = site.services.trunks.accounts()
    trunk = site.services.trunks.get(account.id)
    assert isinstance(trunk, QuietTrunk)
    trunk.status = TrunkStatus(is_up=False, detail="no answer")
    listed = (await site.api.get("/v1/calls/batch")).json()["items"]
    reasons = {one["batch_id"]: one["waiting_reason"] for one in listed}
    assert reasons == {batch_id: "trunk 'gateway' is down: no answer", paused: None}


async def test_counts_follow_the_calls_to_the_end_of_the_batch(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL, PRIYA, AMIT)
    await site.call_next(batch_id, a_result("BOOKED"))
    await site.call_next(batch_id, a_result("BUSY", disposition=Disposition.BUSY, sip_status=486))
    await site.call_next(
        batch_id, a_result("INVALID_NUMBER", disposition=Disposition.INVALID_NUMBER)
    )
    body = (await site.api.get(f"/v1/calls/batch/{batch_id}")).json()
    assert (body["state"], body["completed"], body["failed"]) == ("completed", 2, 1)
    assert (body["attempted"], body["answered"], body["answer_rate"]) == (3, 1, 0.3333)
    assert body["outcomes"] == {"BOOKED": 1, "BUSY": 1, "INVALID_NUMBER": 1}
    assert body["ended_at"] is not None


@pytest.mark.parametrize(
    ("schedule_at", "state", "read_back"),
    [
        (1714000000, "running", None),
        (START.timestamp() + 3600, "scheduled", "2026-04-20T10:30:00Z"),
        ("2026-04-20T16:00:00+05:30", "scheduled", "2026-04-20T10:30:00Z"),
        ("2026-04-20T10:30:00Z", "scheduled", "2026-04-20T10:30:00Z"),
        ("1714000000", "running", None),
        (None, "running", None),
    ],
)
async def test_schedule_at_is_epoch_seconds_or_iso_8601_and_the_past_means_now(
    site: Site, schedule_at: Any, state: str, read_back: str | None
) -> None:
    batch_id = await site.a_batch(schedule_at=schedule_at)
    body = (await site.api.get(f"/v1/calls/batch/{batch_id}")).json()
    assert (body["state"], body["schedule_at"]) == (state, read_back)


async def test_numbers_among_the_variables_become_text(site: Site) -> None:
    variables = {
        "name": "Rahul",
        "amount_due": 2500,
        "rate": 12.5,
        "whole": 3.0,
        "account": 9007199254740993,
        "is_new": True,
        "note": None,
    }
    recipient = {"phone": RAHUL, "variables": variables}
    response = await site.api.post(
        "/v1/calls/batch", json={"agent_id": AGENT_ID, "recipients": [recipient]}
    )
    batch_id = response.json()["batch_id"]
    rows = (await site.api.get(f"/v1/calls/batch/{batch_id}/recipients")).json()["items"]
    assert rows[0]["variables"] == {
        "name": "Rahul",
        "amount_due": "2500",
        "rate": "12.5",
        "whole": "3",
        "account": "9007199254740993",
        "is_new": "true",
        "note": "",
    }


async def test_default_country_reads_numbers_without_a_plus(site: Site) -> None:
    response = await site.post_batch("(415) 555-2671", default_country="US")
    batch_id = response.json()["batch_id"]
    rows = (await site.api.get(f"/v1/calls/batch/{batch_id}/recipients")).json()["items"]
    assert rows[0]["phone"] == "+14155552671"


async def test_a_box_without_a_trunk_says_so(site: Site) -> None:
    await site.office.database.write(lambda db: trunks.remove(db, "trunk_gateway"))
    response = await site.post_batch(RAHUL)
    assert response.status_code == 422
    assert error_of(response)["code"] == "no_trunk"
    assert "no trunk is enabled" in error_of(response)["message"]


async def test_a_batch_larger_than_the_plan_is_refused_whole(tmp_path: Path) -> None:
    async with a_site(tmp_path, plan="starter") as site:
        phones = [f"+9198765{number:05d}" for number in range(51)]
        response = await site.post_batch(*phones)
        listed = (await site.api.get("/v1/calls/batch")).json()
        at_the_limit = await site.post_batch(*phones[:50])
    assert response.status_code == 422
    assert error_of(response)["code"] == "plan_limit"
    assert "51 recipients, the plan 'starter' allows 50" in error_of(response)["message"]
    assert listed["items"] == []
    assert at_the_limit.status_code == 202


async def test_a_repeated_idempotency_key_gives_the_first_answer_again(site: Site) -> None:
    first = await site.post_batch(RAHUL, "12", key="order-1")
    await site.api.post(f"/v1/calls/batch/{first.json()['batch_id']}/pause")
    again = await site.post_batch(RAHUL, "12", key="order-1")
    assert (again.status_code, again.json()) == (202, first.json())
    assert len((await site.api.get("/v1/calls/batch")).json()["items"]) == 1


async def test_an_idempotency_key_with_another_body_is_a_conflict(site: Site) -> None:
    await site.post_batch(RAHUL, key="order-1")
    other = await site.post_batch(PRIYA, key="order-1")
    other_kind = await site.api.post(
        "/v1/calls",
        json={"agent_id": AGENT_ID, **a_recipient()},
        headers={"Idempotency-Key": "order-1"},
    )
    for response in (other, other_kind):
        assert response.status_code == 409
        error = error_of(response)
        assert (error["code"], error["field"]) == ("idempotency_key_reused", "Idempotency-Key")


async def test_a_refused_request_does_not_use_its_idempotency_key_up(site: Site) -> None:
    refused = await site.post_batch(RAHUL, key="order-1", agent_id="agent_nobody")
    accepted = await site.post_batch(RAHUL, key="order-1")
    assert (refused.status_code, accepted.status_code) == (404, 202)


async def test_two_requests_at_once_with_one_key_make_one_batch(site: Site) -> None:
    answers = await asyncio.gather(*(site.post_batch(RAHUL, key="order-1") for _ in range(8)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.json()["batch_id"] for one in answers}) == 1
    assert len((await site.api.get("/v1/calls/batch")).json()["items"]) == 1


async def test_without_a_key_every_request_is_a_batch_of_its_own(site: Site) -> None:
    assert await site.a_batch() != await site.a_batch()


async def test_batches_are_listed_newest_first_and_page_by_page(site: Site) -> None:
    made = [await site.a_batch() for _ in range(5)]
    pages = await _all_pages(site, "/v1/calls/batch?limit=2")
    assert [[one["batch_id"] for one in page] for page in pages] == [
        [made[4], made[3]],
        [made[2], made[1]],
        [made[0]],
    ]


async def test_batches_can_be_filtered_by_state(site: Site) -> None:
    paused = await site.a_batch()
    await site.a_batch()
    await site.api.post(f"/v1/calls/batch/{paused}/pause")
    listed = (await site.api.get("/v1/calls/batch?state=paused")).json()["items"]
    assert [one["batch_id"] for one in listed] == [paused]


async def test_pause_resume_and_cancel_answer_with_the_batch(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL, PRIYA)
    states = []
    for action in ("pause", "resume", "cancel"):
        response = await site.api.post(f"/v1/calls/batch/{batch_id}/{action}")
        states.append((response.status_code, response.json()["state"]))
    assert states == [(200, "paused"), (200, "running"), (200, "canceled")]
    body = (await site.api.get(f"/v1/calls/batch/{batch_id}")).json()
    assert (body["canceled"], body["queued"]) == (2, 0)


async def test_a_wrong_state_is_a_conflict_that_names_it(site: Site) -> None:
    batch_id = await site.a_batch()
    running = await site.api.post(f"/v1/calls/batch/{batch_id}/resume")
    await site.api.post(f"/v1/calls/batch/{batch_id}/cancel")
    canceled = await site.api.post(f"/v1/calls/batch/{batch_id}/pause")
    assert (running.status_code, canceled.status_code) == (409, 409)
    assert error_of(running)["code"] == "batch_state"
    assert "running" in error_of(running)["message"]
    assert "canceled" in error_of(canceled)["message"]


@pytest.mark.parametrize(
    ("body", "talking_ends"),
    [(None, False), ({"live": "finish"}, False), ({"live": "end"}, True), ({}, False)],
)
async def test_cancel_ends_talking_calls_only_when_asked(
    site: Site, body: dict[str, str] | None, talking_ends: bool
) -> None:
    batch_id = await site.a_batch(RAHUL, PRIYA)
    ringing, talking = (
        LiveCall(call.id, batch_id, state)
        for call, state in zip(
            await site.office.claim(batch_id, 2),
            (CallState.RINGING, CallState.TALKING),
            strict=True,
        )
    )
    with site.office.live.holding(ringing), site.office.live.holding(talking):
        response = await site.api.post(f"/v1/calls/batch/{batch_id}/cancel", json=body)
    assert response.status_code == 200
    assert (ringing.end.is_set(), talking.end.is_set()) == (True, talking_ends)


async def test_cancel_refuses_a_word_it_does_not_know(site: Site) -> None:
    batch_id = await site.a_batch()
    response = await site.api.post(f"/v1/calls/batch/{batch_id}/cancel", json={"live": "kill"})
    assert response.status_code == 422
    assert error_of(response)["message"] == "live ('kill') must be one of finish, end"


async def test_recipients_come_in_the_order_of_the_list(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL, "12", PRIYA, AMIT)
    call_id = await site.call_next(batch_id, a_result("BOOKED"))
    pages = await _all_pages(site, f"/v1/calls/batch/{batch_id}/recipients?limit=3")
    assert [[one["row"] for one in page] for page in pages] == [[1, 2, 3], [4]]
    assert pages[0][0] == {
        "row": 1,
        "phone": RAHUL,
        "variables": {"name": "Rahul", "amount_due": "₹2500"},
        "state": "completed",
        "skip_reason": None,
        "skip_message": None,
        "disposition": "answered",
        "outcome": "BOOKED",
        "call_id": call_id,
    }
    assert (pages[0][1]["phone"], pages[0][1]["skip_reason"]) == ("12", "invalid_number")


async def test_recipients_can_be_filtered_by_state_and_outcome(site: Site) -> None:
    batch_id = await site.a_batch(RAHUL, PRIYA, "12")
    await site.call_next(batch_id, a_result("BOOKED"))
    await site.call_next(batch_id, a_result("REFUSED"))
    path = f"/v1/calls/batch/{batch_id}/recipients"
    assert await _rows(site, f"{path}?outcome=REFUSED") == [2]
    assert await _rows(site, f"{path}?state=completed") == [1, 2]
    assert await _rows(site, f"{path}?state=completed&outcome=BOOKED") == [1]
    assert await _rows(site, f"{path}?state=skipped") == [3]
    assert await _rows(site, f"{path}?outcome=NOTHING") == []


async def test_five_thousand_rows_are_taken_in_one_request(site: Site) -> None:
    phones = [f"+9198765{number:05d}" for number in range(5_000)]
    response = await site.post_batch(*phones)
    assert (response.json()["total"], response.json()["queued"]) == (5_000, 5_000)


async def _all_pages(site: Site, path: str) -> list[list[dict[str, Any]]]:
    pages, cursor = [], ""
    while True:
        response: httpx.Response = await site.api.get(f"{path}{cursor}")
        body = response.json()
        assert list(body) == ["items", "next_cursor"], body
        pages.append(body["items"])
        if body["next_cursor"] is None:
            return pages
        cursor = f"&cursor={body['next_cursor']}"


async def _rows(site: Site, path: str) -> list[int]:
    return [one["row"] for one in (await site.api.get(path)).json()["items"]]
