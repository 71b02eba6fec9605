import re

import pytest

from movoice_box.store import outbox
from movoice_box.store.outbox import DeliveryState
from tests.builders import a_result
from tests.web.sites import Site
from tests.web.visitor import Visitor

URL = "http://192.168.1.20:9000/movoice"


async def _add(visitor: Visitor) -> str:
    added = await visitor.send("/webhooks", url=URL, events=["call.completed", "batch.completed"])
    found = re.search(r"/webhooks/(webhook_\w+)", added.source)
    assert found
    return found[1]


async def test_the_secret_is_shown_once(visitor: Visitor) -> None:
    added = await visitor.send("/webhooks", url=URL, events=["call.completed"])
    assert "whsec_" in added.words
    webhook_id = await _add(visitor)
    assert "whsec_" not in await visitor.source(f"/webhooks/{webhook_id}")
    assert "whsec_" not in await visitor.source("/webhooks")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"url": ""}, "The address is missing."),
        ({"url": "ftp://192.168.1.20"}, "must be like http://192.168.1.20:9000/movoice"),
        ({"events": ["call.exploded"]}, "Choose at least one event."),
    ],
)
async def test_what_is_wrong_is_told_and_stays_typed(
    visitor: Visitor, fields: dict[str, str | list[str]], told: str
) -> None:
    form: dict[str, str | list[str]] = {"url": URL, "events": ["call.completed"], **fields}
    answer = await visitor.send("/webhooks", **form)
    assert told in answer.words
    assert f'value="{form["url"]}"' in answer.source


async def test_a_delivery_that_failed_is_sent_again(site: Site, visitor: Visitor) -> None:
    webhook_id = await _add(visitor)
    await site.call_next(await site.office.a_batch(rows=2), a_result())
    now = site.office.clock.now()
    async with site.office.database.reading() as db:
        (delivery,) = (await outbox.deliveries(db, limit=10)).items
    await site.office.database.write(
        lambda db: outbox.record_attempt(
            db,
            delivery.id,
            state=DeliveryState.FAILED,
            status=503,
            detail="Service Unavailable",
            due_at=None,
            now=now,
        )
    )
    words = await visitor.read(f"/webhooks/{webhook_id}")
    assert "Failed 503 Service Unavailable" in words
    assert delivery.event_id in words
    again = await visitor.send(f"/webhooks/{webhook_id}/replay/{delivery.id}")
    assert "being sent again, with its old id" in again.words
    assert "Pending" in again.words


async def test_a_webhook_is_disabled_enabled_and_deleted(visitor: Visitor) -> None:
    webhook_id = await _add(visitor)
    assert "Disabled" in (await visitor.send(f"/webhooks/{webhook_id}/disable")).words
    assert "Enabled" in (await visitor.send(f"/webhooks/{webhook_id}/enable")).words
    assert "No webhook yet" in (await visitor.send(f"/webhooks/{webhook_id}/delete")).words
