"""Webhooks and the log of their deliveries: /v1/webhooks."""

from datetime import datetime
from typing import Annotated, Any, Self

import msgspec
from litestar import Controller, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from movoice_box.dialer.webhooks import check_url, new_secret
from movoice_box.domain.event import EventType
from movoice_box.ids import WebhookId
from movoice_box.store import outbox, webhooks
from movoice_box.store.outbox import Delivery, DeliveryState
from movoice_box.store.webhooks import Webhook
from movoice_box.web.api.shapes import (
    DEFAULT_LIMIT,
    Cursor,
    Given,
    Limit,
    Listed,
    listed,
    page_of_all,
)
from movoice_box.web.services import Services

_DeliveryId = Annotated[int, PathParameter(ge=1, le=2**62)]


class WebhookIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where events are sent. Loopback and link-local addresses must be allowed in the settings."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]
    events: Annotated[list[EventType], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: list(EventType)
    )
    is_enabled: bool = True

    def webhook(self, webhook_id: WebhookId, created_at: datetime) -> Webhook:
        return Webhook(
            id=webhook_id,
            url=self.url,
            events=tuple(dict.fromkeys(self.events)),
            is_enabled=self.is_enabled,
            created_at=created_at,
        )


class WebhookOut(msgspec.Struct, kw_only=True):
    webhook_id: str
    url: str
    events: list[EventType]
    is_enabled: bool
    created_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(
            webhook_id=webhook.id,
            url=webhook.url,
            events=list(webhook.events),
            is_enabled=webhook.is_enabled,
            created_at=webhook.created_at,
        )


class NewWebhookOut(WebhookOut, kw_only=True):
    """`secret` signs the deliveries (Standard Webhooks). It is told once, here."""

    secret: str


class DeliveryOut(msgspec.Struct, kw_only=True):
    """One event on its way to one webhook. `status` is the HTTP status of the last answer."""

    delivery_id: int
    webhook_id: str
    event_id: str
    event_type: str
    state: DeliveryState
    attempts: int
    status: int | None
    detail: str
    body: msgspec.Raw
    due_at: datetime | None
    give_up_at: datetime
    created_at: datetime
    delivered_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        same = {
            name: getattr(delivery, name)
            for name in cls.__struct_fields__
            if name not in ("delivery_id", "body")
        }
        return cls(**same, delivery_id=delivery.id, body=msgspec.Raw(delivery.body.encode()))


class WebhookController(Controller):
    path = "/webhooks"
    tags = ("webhooks",)

    @post("/")
    async def create_webhook(self, data: JSONBody[WebhookIn], services: Given) -> NewWebhookOut:
        """Add a webhook; keep its `secret`, it is not told again."""
        webhook = data.webhook(services.ids.webhook(), services.clock.now())
        secret = new_secret()
        stored = await _put(services, webhook, secret)
        return NewWebhookOut(**msgspec.structs.asdict(stored), secret=secret)

    @get("/")
    async def list_webhooks(
        self, services: Given, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Listed[WebhookOut]:
        """Webhooks, oldest first."""
        async with services.database.reading() as db:
            every = await webhooks.every(db)
        return listed(page_of_all(every, lambda one: one.id, limit, cursor), WebhookOut.of)

    @get("/{webhook_id:str}")
    async def get_webhook(self, webhook_id: FromPath[str], services: Given) -> WebhookOut:
        """A webhook without its secret."""
        return WebhookOut.of(await _get(services, webhook_id))

    @put("/{webhook_id:str}")
    async def replace_webhook(
        self, webhook_id: FromPath[str], data: JSONBody[WebhookIn], services: Given
    ) -> WebhookOut:
        """Replace a webhook; its secret stays."""
        old = await _get(services, webhook_id)
        return await _put(services, data.webhook(old.id, old.created_at))

    @patch("/{webhook_id:str}")
    async def change_webhook(
        self, webhook_id: FromPath[str], data: JSONBody[dict[str, Any]], services: Given
    ) -> WebhookOut:
        """Change the fields that are given."""
        old = await _get(services, webhook_id)
        current = {name: getattr(old, name) for name in WebhookIn.__struct_fields__}
        changed = msgspec.convert({**current, **data}, WebhookIn)
        return await _put(services, changed.webhook(old.id, old.created_at))

    @delete("/{webhook_id:str}")
    async def delete_webhook(self, webhook_id: FromPath[str], services: Given) -> None:
        """Delete a webhook with the log of its deliveries."""
        await services.database.write(lambda db: webhooks.remove(db, webhook_id))

    @get("/deliveries")
    async def list_deliveries(
        self,
        services: Given,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        webhook_id: Annotated[str | None, QueryParameter()] = None,
    ) -> Listed[DeliveryOut]:
        """The delivery log, newest first."""
        async with services.database.reading() as db:
            page = await outbox.deliveries(db, limit=limit, webhook_id=webhook_id, cursor=cursor)
        return listed(page, DeliveryOut.of)

    @post("/deliveries/{delivery_id:int}/replay", status_code=202)
    async def replay_delivery(self, delivery_id: _DeliveryId, services: Given) -> DeliveryOut:
        """Send a delivery again, with the `webhook-id` that it had."""

        async def replay(db: Any) -> Delivery:
            await outbox.replay(db, delivery_id, services.clock.now())
            cursor = str(delivery_id + 1)
            return (await outbox.deliveries(db, limit=1, cursor=cursor)).items[0]

        delivery = await services.database.write(replay)
        services.webhooks.wake()
        return DeliveryOut.of(delivery)


async def _get(services: Services, webhook_id: str) -> Webhook:
    async with services.database.reading() as db:
        return await webhooks.get(db, webhook_id)


async def _put(services: Services, webhook: Webhook, secret: str | None = None) -> WebhookOut:
    """Raises `InputError` for a URL that cannot be, or may not."""
    check_url(webhook.url, services.settings.allowed_networks)

    async def put_webhook(db: Any) -> Webhook:
        await webhooks.put(db, services.seal, webhook, secret)
        return await webhooks.get(db, webhook.id)

    return WebhookOut.of(await services.database.write(put_webhook))
