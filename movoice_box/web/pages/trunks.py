"""Trunks: the gateways, PBXs and carriers that carry the calls."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import BoxError, ConflictError, InputError, TrunkError
from movoice_box.store import agents, calls, trunks
from movoice_box.web import trunk_book
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.trunk_form import (
    TrunkView,
    read_trunk,
    sections_of,
    with_labels,
    written_number,
)
from movoice_box.web.pages.view import PageRequest, moved, view
from movoice_box.web.services import Services

_LATELY = timedelta(days=1)
_FAILURES = 5


class TrunkController(Controller):
    path = "/trunks"

    @get("/")
    async def list_trunks(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        async with services.database.reading() as db:
            accounts = await trunks.every(db, services.seal)
        shown = [
            (account, services.trunks.status(account.id), services.channels.health(account.id))
            for account in accounts
        ]
        strangers = services.strangers()
        return view(request, "trunks/list.html", trunks=shown, strangers=strangers)

    @get("/new")
    async def show_new(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        return await _form_page(request, services, None)

    @post("/new")
    async def create(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        return await _save(request, services, None)

    @post("/written", status_code=200)
    async def show_written(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        """How the rules that are being typed write a number: a part of the form."""
        form = await Form.read(request)
        error, written = None, ""
        try:
            if form.text("try_number"):
                written = written_number(form, services.settings.default_country)
        except InputError as refusal:
            error = refusal
        told = with_labels(error)
        return view(request, "trunks/written.html", error=told, written=written)

    @get("/{trunk_id:str}")
    async def show_trunk(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        account = await trunk_book.load(services, trunk_id)
        return await _form_page(request, services, account)

    @get("/{trunk_id:str}/now")
    async def show_now(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        """How the trunk is now: a part of its page, fetched again and again."""
        account = await trunk_book.load(services, trunk_id)
        return view(request, "trunks/now.html", **await _now(services, account))

    @post("/{trunk_id:str}")
    async def change(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        return await _save(request, services, await trunk_book.load(services, trunk_id))

    @post("/{trunk_id:str}/test", status_code=200)
    async def test(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        """Ask the far end now: a part of the page."""
        account = await trunk_book.load(services, trunk_id)
        try:
            status = await services.trunks.test(account.id)
        except TrunkError:
            status = services.trunks.status(account.id)
        return view(request, "trunks/status.html", trunk=account, trunk_status=status)

    @post("/{trunk_id:str}/enable")
    async def enable(
        self, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        return await _switch(services, trunk_id, is_enabled=True)

    @post("/{trunk_id:str}/disable")
    async def disable(
        self, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        return await _switch(services, trunk_id, is_enabled=False)

    @post("/{trunk_id:str}/delete")
    async def delete(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        account = await trunk_book.load(services, trunk_id)
        try:
            await trunk_book.remove(services, account.id)
        except ConflictError as error:
            return await _form_page(request, services, account, error=error)
        return moved("/trunks", f"{account.name} is deleted.")


async def _switch(services: Services, trunk_id: str, *, is_enabled: bool) -> Response[Any]:
    before = await trunk_book.load(services, trunk_id)
    account = replace(before, is_enabled=is_enabled)
    await trunk_book.save(services, account, before)
    return moved("/trunks", f"{account.name} is {'enabled' if is_enabled else 'disabled'}.")


async def _save(
    request: PageRequest, services: Services, before: TrunkAccount | None
) -> Response[Any]:
    form = await Form.read(request)
    try:
        trunk_id = before.id if before else services.ids.trunk()
        saved = await read_trunk(form, trunk_id, before)
        await trunk_book.save(services, saved, before)
    except (InputError, ConflictError) as error:
        return await _form_page(request, services, before, TrunkView.again(form), error)
    return moved("/trunks", f"{saved.name} is saved.")


async def _now(services: Services, account: TrunkAccount) -> dict[str, Any]:
    """How a trunk is, and what it could not carry lately."""
    since = services.clock.now() - _LATELY
    async with services.database.reading() as db:
        failures = await calls.last_failures(db, account.id, since, _FAILURES)
    return {
        "trunk": account,
        "trunk_status": services.trunks.status(account.id),
        "health": services.channels.health(account.id),
        "failures": failures,
    }


async def _form_page(
    request: PageRequest,
    services: Services,
    account: TrunkAccount | None,
    shown: TrunkView | None = None,
    error: BoxError | None = None,
) -> Response[Any]:
    """The form; what was typed stands in it again beside `error`."""
    shown = shown or TrunkView.of(account)
    async with services.database.reading() as db:
        known = (await agents.page(db, limit=500)).items
    now = await _now(services, account) if account else {"trunk": None}
    return view(
        request,
        "trunks/form.html",
        error=with_labels(error),
        typed=shown.typed,
        shown=shown,
        sections=sections_of(account, error),
        agents=known,
        **now,
    )
