"""/v1/webhooks: CRUD, the secret told once, the delivery log with replay."""

from typing import Any

import pytest

from movoice_box.store import outbox
from movoice_box.store.outbox import DeliveryState
from tests.builders import a_result
from tests.web.sites import ON_SHARED_SITE, Site, error_of

URL = "http://127.0.0.1:9/hook"


async def test_a_webhook_tells_its_secret_once(site: Site) -> None:
    made = await site.api.post("/v1/webhooks", json={"url": URL})
    assert made.status_code == 201
    webhook = made.json()
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert webhook.pop("webhook_id").startswith("webhook_")
    assert webhook == {
        "url": URL,
        "events": ["call.completed", "batch.completed"],
        "is_enabled": True,
        "created_at": "2026-04-20T09:30:00Z",
    }
    listed = await site.api.get("/v1/webhooks")
    assert "secret" not in listed.text
    assert len(listed.json()["items"]) == 1


async def test_a_webhook_can_be_changed_and_deleted(site: Site) -> None:
    path = f"/v1/webhooks/{await _a_webhook(site)}"
    patched = (await site.api.patch(path, json={"events": ["batch.completed"]})).json()
    assert (patched["events"], patched["url"]) == (["batch.completed"], URL)
    put = (await site.api.put(path, json={"url": "https://x.test/y", "is_enabled": False})).json()
    assert (put["url"], put["is_enabled"]) == ("https://x.test/y", False)
    assert put["events"] == ["call.completed", "batch.completed"]
    assert "secret" not in put
    assert (await site.api.get(path)).json() == put
    assert (await site.api.delete(path)).status_code == 204
    assert (await site.api.get(path)).status_code == 404


async def test_deliveries_are_logged_and_can_be_replayed(site: Site) -> None:
    webhook_id = await _a_webhook(site)
    other_id = await _a_webhook(site, events=["batch.completed"])
    batch_id = await site.a_batch()
    call_id = await site.call_next(batch_id, a_result("BOOKED"))
    log = (await site.api.get("/v1/webhooks/deliveries")).json()["items"]
    of_one = (await site.api.get(f"/v1/webhooks/deliveries?webhook_id={webhook_id}")).json()
    assert [(one["webhook_id"], one["event_type"]) for one in log] == [
        (other_id, "batch.completed"),
        (webhook_id, "batch.completed"),
        (webhook_id, "call.completed"),
    ]
    first = of_one["items"][-1]
    assert first["body"]["call_id"] == call_id
    assert (first["state"], first["attempts"], first["status"]) == ("pending", 0, None)

    await _delivered(site, first["delivery_id"])
    replayed = await site.api.post(f"/v1/webhooks/deliveries/{first['delivery_id']}/replay")
    assert replayed.status_code == 202
    body = replayed.json()
    assert (body["delivery_id"], body["event_id"]) == (first["delivery_id"], first["event_id"])
    assert (body["state"], body["attempts"], body["status"]) == ("pending", 1, 200)


async def test_the_delivery_log_comes_page_by_page(site: Site) -> None:
    await _a_webhook(site)
    await site.call_next(await site.a_batch(), a_result())
    first = (await site.api.get("/v1/webhooks/deliveries?limit=1")).json()
    path = f"/v1/webhooks/deliveries?limit=1&cursor={first['next_cursor']}"
    rest = (await site.api.get(path)).json()
    types = [one["event_type"] for one in first["items"] + rest["items"]]
    assert (types, rest["next_cursor"]) == (["batch.completed", "call.completed"], None)


@ON_SHARED_SITE
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://x"}, "url"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "http://x:99999"}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["call.started"]}, "events[0]"),
        ({"url": URL, "secret": "mine"}, "secret"),
    ],
)
async def test_a_wrong_webhook_names_the_field(
    shared_site: Site, body: dict[str, Any], field: str
) -> None:
    response = await shared_site.api.post("/v1/webhooks", json=body)
    assert response.status_code == 422
    assert error_of(response)["field"] == field


@ON_SHARED_SITE
async def test_an_unknown_event_is_told_the_known_ones(shared_site: Site) -> None:
    body = {"url": URL, "events": ["call.completed", "call.started"]}
    response = await shared_site.api.post("/v1/webhooks", json=body)
    assert "call.completed, batch.completed" in error_of(response)["message"]


@ON_SHARED_SITE
@pytest.mark.parametrize("delivery_id", ["7", "0", "-1", "9" * 30, "x"])
async def test_an_unknown_delivery_cannot_be_replayed(shared_site: Site, delivery_id: str) -> None:
    response = await shared_site.api.post(f"/v1/webhooks/deliveries/{delivery_id}/replay")
    assert response.status_code in (404, 422)
    assert error_of(response)["code"] in ("not_found", "invalid")


async def _a_webhook(site: Site, **changes: Any) -> str:
    response = await site.api.post("/v1/webhooks", json={"url": URL, **changes})
    webhook_id: str = response.json()["webhook_id"]
    return webhook_id


async def _delivered(site: Site, delivery_id: int) -> None:
    await site.office.database.write(
        lambda db: outbox.record_attempt(
            db,
            delivery_id,
            state=DeliveryState.DELIVERED,
            status=200,
            detail="OK",
            due_at=None,
            now=site.office.clock.now(),
        )
    )
