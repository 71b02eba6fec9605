"""Deliveries to a real HTTP receiver."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from movoice_box.dialer.webhooks import check_url, is_allowed, new_secret
from movoice_box.domain.event import EventType
from movoice_box.errors import InputError
from movoice_box.ids import EventId, WebhookId
from movoice_box.store import outbox, webhooks
from movoice_box.store.outbox import DeliveryState
from movoice_box.store.webhooks import Webhook
from tests.builders import Office, eventually
from tests.peers.receiver import a_receiver

SECRET = new_secret()


async def _subscribe(office: Office, url: str, name: str = "webhook_1") -> WebhookId:
    webhook = Webhook(
        id=WebhookId(name),
        url=url,
        events=(EventType.CALL_COMPLETED,),
        is_enabled=True,
        created_at=office.clock.now(),
    )
    await office.database.write(lambda db: webhooks.put(db, office.seal, webhook, SECRET))
    return webhook.id


async def _report(
    office: Office, event_id: str = "evt_1", event_type: str = "call.completed"
) -> None:
    body = {"event_type": event_type, "call_id": "call_1", "summary": "₹2500"}
    now = office.clock.now()
    await office.database.write(lambda db: outbox.add(db, EventId(event_id), body, now))
    office.webhooks.wake()


async def _log(office: Office) -> list[outbox.Delivery]:
    async with office.database.reading() as db:
        return (await outbox.deliveries(db, limit=100)).items


@asynccontextmanager
async def _sending(office: Office) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(office.webhooks.run())
        yield
        task.cancel()


async def _until(office: Office, state: DeliveryState, attempts: int = 1) -> None:
    async def is_so() -> bool:
        log = await _log(office)
        return all(one.state is state and one.attempts >= attempts for one in log)

    await eventually(is_so)


async def test_an_event_arrives_signed(office: Office) -> None:
    async with a_receiver() as receiver, _sending(office):
        await _subscribe(office, receiver.url)
        await _report(office)
        await _until(office, DeliveryState.DELIVERED)
    (request,) = receiver.requests
    assert json.loads(request.body)["summary"] == "₹2500"
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, signed + request.body, hashlib.sha256)
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


async def test_a_failure_is_repeated_with_the_same_id(office: Office) -> None:
    async with a_receiver(statuses=[500, 200]) as receiver, _sending(office):
        await _subscribe(office, receiver.url)
        await _report(office)
        await _until(office, DeliveryState.PENDING)
        office.clock.pass_time(6)
        office.webhooks.wake()
        await _until(office, DeliveryState.DELIVERED, attempts=2)
    assert [one.headers["webhook-id"] for one in receiver.requests] == ["evt_1", "evt_1"]


async def test_after_a_day_it_is_given_up_and_can_be_replayed(office: Office) -> None:
    async with a_receiver(statuses=[*[500] * 7, 200]) as receiver, _sending(office):
        await _subscribe(office, receiver.url)
        await _report(office)
        for attempts in range(1, 7):
            await _until(office, DeliveryState.PENDING, attempts)
            office.clock.pass_time(timedelta(hours=4).total_seconds())
            office.webhooks.wake()
        await _until(office, DeliveryState.FAILED, attempts=7)
        (failed,) = await _log(office)
        await office.database.write(lambda db: outbox.replay(db, failed.id, office.clock.now()))
        office.webhooks.wake()
        await _until(office, DeliveryState.DELIVERED, attempts=8)
    assert {one.headers["webhook-id"] for one in receiver.requests} == {"evt_1"}


@pytest.mark.parametrize("days", [-1, 1, -1 / 24, 1 / 24])
async def test_a_clock_that_is_set_neither_holds_an_event_back_nor_gives_it_up(
    office: Office, days: float
) -> None:
    async with a_receiver(statuses=[500, 500, 200]) as receiver, _sending(office):
        await _subscribe(office, receiver.url)
        await _report(office)
        await _until(office, DeliveryState.PENDING)
        office.clock.set_right(days=days)
        office.clock.pass_time(6)
        office.webhooks.wake()
        await _until(office, DeliveryState.PENDING, attempts=2)
        office.clock.pass_time(31)
        office.webhooks.wake()
        await _until(office, DeliveryState.DELIVERED, attempts=3)
    assert len(receiver.requests) == 3


async def test_a_redirect_is_not_followed(office: Office) -> None:
    async with a_receiver(statuses=[307]) as receiver, _sending(office):
        await _subscribe(office, receiver.url)
        await _report(office)
        await _until(office, DeliveryState.PENDING)
    assert len(receiver.requests) == 1


async def test_a_dead_webhook_holds_up_none_but_itself(office: Office) -> None:
    async with a_receiver(hangs=True) as dead, a_receiver() as receiver, _sending(office):
        await _subscribe(office, dead.url, "webhook_1")
        await _subscribe(office, receiver.url, "webhook_2")
        for number in range(40):
            await _report(office, f"evt_{number}")
        await eventually(lambda: len(receiver.requests) == 40)


async def test_an_answer_without_end_counts_by_its_status(office: Office) -> None:
    async with a_receiver(babbles=True) as receiver, _sending(office):
        await _subscribe(office, receiver.url)
        await _report(office)
        await _until(office, DeliveryState.DELIVERED)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "nobody.invalid", "[::1]:1"])
async def test_a_host_that_is_not_there_is_tried_again_later(office: Office, host: str) -> None:
    async with _sending(office):
        await _subscribe(office, f"http://{host}/")
        await _report(office)
        await _until(office, DeliveryState.PENDING)
    (delivery,) = await _log(office)
    assert delivery.due_at is not None
    assert delivery.due_at > office.clock.now()


async def test_an_event_that_no_one_wants_is_not_sent(office: Office) -> None:
    await _subscribe(office, "http://192.168.1.20/")
    await _report(office, event_type="batch.completed")
    assert await _log(office) == []


async def test_a_forbidden_address_is_named_in_the_log(office: Office) -> None:
    async with _sending(office):
        await _subscribe(office, "http://169.254.169.254/latest/meta-data")
        await _report(office)
        await _until(office, DeliveryState.PENDING)
    (delivery,) = await _log(office)
    assert "webhooks.allow_networks" in delivery.detail


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.168.1.20", True),
        ("10.0.0.5", True),
        ("203.0.113.9", True),
        ("fd12::5", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
    ],
)
def test_where_a_webhook_may_go(address: str, allowed: bool) -> None:
    assert is_allowed(ipaddress.ip_address(address), []) is allowed


def test_the_owner_can_open_a_network() -> None:
    opened = [ipaddress.ip_network("127.0.0.0/8")]
    assert is_allowed(ipaddress.ip_address("127.0.0.1"), opened)
    assert is_allowed(ipaddress.ip_address("::ffff:127.0.0.1"), opened)


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http://", "192.168.1.20:9000", "http://u:p@a/", "http://a:99999/", "x"]
)
def test_a_url_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="must be like http"):
        check_url(url, [])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://localhost:9/", "http://[::1]/", "http://169.254.169.254/"]
)
def test_a_url_of_this_machine_is_refused_until_its_network_is_named(url: str) -> None:
    with pytest.raises(InputError, match=r"webhooks\.allow_networks"):
        check_url(url, [])
    check_url(url, [ipaddress.ip_network(one) for one in ("127.0.0.0/8", "::/0", "169.254.0.0/16")])
