"""Webhooks: who is told when calls and batches end, and how the deliveries went."""

from dataclasses import replace
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.dialer.webhooks import check_url, new_secret
from movoice_box.domain.event import EventType
from movoice_box.errors import InputError
from movoice_box.store import outbox, webhooks
from movoice_box.store.webhooks import Webhook
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, Place, moved, view
from movoice_box.web.services import Services

_DELIVERIES_A_PAGE = 30


class WebhookController(Controller):
    path = "/webhooks"

    @get("/")
    async def list_webhooks(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        return await _list_page(request, services)

    @post("/")
    async def add(self, request: PageRequest, services: NamedDependency[Services]) -> Response[Any]:
        """Add a webhook; the page that answers is the only one that ever shows its secret."""
        form = await Form.read(request)
        try:
            url = form.needed("url", "the address")
            check_url(url, services.settings.allowed_networks)
            events = tuple(event for event in EventType if event in form.all("events"))
            if not events:
                raise InputError("choose at least one event", field="events")
        except InputError as error:
            return await _list_page(request, services, form.typed, error)
        webhook = Webhook(
            id=services.ids.webhook(),
            url=url,
            events=events,
            is_enabled=True,
            created_at=services.clock.now(),
        )
        secret = new_secret()
        await services.database.write(lambda db: webhooks.put(db, services.seal, webhook, secret))
        return view(request, "webhooks/added.html", webhook=webhook, secret=secret)

    @get("/{webhook_id:str}")
    async def show_webhook(
        self, request: PageRequest, services: NamedDependency[Services], webhook_id: FromPath[str]
    ) -> Response[Any]:
        """The webhook and its delivery log."""
        place = Place.of(f"/webhooks/{webhook_id}", request.query_params)
        async with services.database.reading() as db:
            webhook = await webhooks.get(db, webhook_id)
            page = await outbox.deliveries(
                db, limit=_DELIVERIES_A_PAGE, webhook_id=webhook.id, cursor=place.cursor
            )
        return view(request, "webhooks/show.html", webhook=webhook, page=page, place=place)

    @post("/{webhook_id:str}/enable")
    async def enable(
        self, services: NamedDependency[Services], webhook_id: FromPath[str]
    ) -> Response[Any]:
        return await _switch(services, webhook_id, is_enabled=True)

    @post("/{webhook_id:str}/disable")
    async def disable(
        self, services: NamedDependency[Services], webhook_id: FromPath[str]
    ) -> Response[Any]:
        return await _switch(services, webhook_id, is_enabled=False)

    @post("/{webhook_id:str}/delete")
    async def delete(
        self, services: NamedDependency[Services], webhook_id: FromPath[str]
    ) -> Response[Any]:
        await services.database.write(lambda db: webhooks.remove(db, webhook_id))
        return moved("/webhooks", "The webhook is deleted.")

    @post("/{webhook_id:str}/replay/{delivery_id:int}")
    async def replay(
        self,
        services: NamedDependency[Services],
        webhook_id: FromPath[str],
        delivery_id: FromPath[int],
    ) -> Response[Any]:
        now = services.clock.now()
        await services.database.write(lambda db: outbox.replay(db, delivery_id, now))
        services.webhooks.wake()
        return moved(f"/webhooks/{webhook_id}", "The event is being sent again, with its old id.")


async def _switch(services: Services, webhook_id: str, *, is_enabled: bool) -> Response[Any]:
    async with services.database.reading() as db:
        webhook = replace(await webhooks.get(db, webhook_id), is_enabled=is_enabled)
    await services.database.write(lambda db: webhooks.put(db, services.seal, webhook))
    services.webhooks.wake()
    word = "enabled" if is_enabled else "disabled: its deliveries wait"
    return moved(f"/webhooks/{webhook_id}", f"The webhook is {word}.")


async def _list_page(
    request: PageRequest,
    services: Services,
    typed: dict[str, str] | None = None,
    error: InputError | None = None,
) -> Response[Any]:
    async with services.database.reading() as db:
        known = await webhooks.every(db)
    return view(
        request,
        "webhooks/list.html",
        error=error,
        typed=typed,
        webhooks=known,
        events=list(EventType),
    )
