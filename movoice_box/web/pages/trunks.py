"""Trunks: the gateways, PBXs and carriers that carry the calls."""

from dataclasses import replace
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.domain.phone import NumberFormat
from movoice_box.domain.trunk import TrunkAccount, TrunkDriver
from movoice_box.errors import BoxError, ConflictError, InputError, TrunkError
from movoice_box.ids import TrunkId
from movoice_box.store import trunks
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, moved, view
from movoice_box.web.services import Services


class TrunkController(Controller):
    path = "/trunks"

    @get("/")
    async def list_trunks(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        async with services.database.reading() as db:
            accounts = await trunks.every(db, services.seal)
        shown = [(account, services.trunks.status(account.id)) for account in accounts]
        return view(request, "trunks/list.html", trunks=shown)

    @get("/new")
    async def show_new(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        blank = TrunkAccount(id=TrunkId(""), name="new", host="gateway")
        return _form_page(request, blank, is_new=True)

    @post("/new")
    async def create(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        return await _save(request, services, None)

    @get("/{trunk_id:str}")
    async def show_trunk(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        account = await _account(services, trunk_id)
        return _form_page(request, account, status=services.trunks.status(account.id))

    @post("/{trunk_id:str}")
    async def change(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        return await _save(request, services, await _account(services, trunk_id))

    @post("/{trunk_id:str}/test", status_code=200)
    async def test(
        self, request: PageRequest, services: NamedDependency[Services], trunk_id: FromPath[str]
    ) -> Response[Any]:
        """Ask the far end now: a part of the page."""
        account = await _account(services, trunk_id)
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
        account = await _account(services, trunk_id)
        try:
            await services.database.write(lambda db: trunks.remove(db, account.id))
        except ConflictError as error:
            return _form_page(
                request, account, status=services.trunks.status(account.id), error=error
            )
        await services.trunks.reload()
        return moved("/trunks", f"{account.name} is deleted.")


async def _switch(services: Services, trunk_id: str, *, is_enabled: bool) -> Response[Any]:
    account = replace(await _account(services, trunk_id), is_enabled=is_enabled)
    await _store(services, account)
    return moved("/trunks", f"{account.name} is {'enabled' if is_enabled else 'disabled'}.")


async def _save(
    request: PageRequest, services: Services, account: TrunkAccount | None
) -> Response[Any]:
    form = await Form.read(request)
    try:
        saved = _read(form, services.ids.trunk() if account is None else account.id, account)
        await _store(services, saved)
    except (InputError, ConflictError) as error:
        shown = account or TrunkAccount(id=TrunkId(""), name="new", host="gateway")
        return _form_page(request, shown, is_new=account is None, error=error, typed=form.typed)
    return moved("/trunks", f"{saved.name} is saved.")


def _read(form: Form, trunk_id: TrunkId, before: TrunkAccount | None) -> TrunkAccount:
    """The trunk as typed; a password that was left empty stays what it was."""
    password = form.typed.get("password") or (before.password if before else None)
    if form.is_checked("forget_password"):
        password = None
    return TrunkAccount(
        id=trunk_id,
        name=form.needed("name", "the name"),
        host=form.needed("host", "the address"),
        port=form.number("port", "the port", 1, 65_535),
        username=form.text("username") or None,
        password=password,
        register=form.is_checked("register"),
        channels=form.number("channels", "channels", 1, 1_000),
        caller_id=form.text("caller_id") or None,
        ring_timeout_s=form.number("ring_timeout_s", "the ring time", 1, 180),
        driver=form.choice("driver", "the driver", TrunkDriver),
        number_format=form.choice("number_format", "the number format", NumberFormat),
        is_enabled=before.is_enabled if before else True,
    )


async def _store(services: Services, account: TrunkAccount) -> None:
    now = services.clock.now()
    await services.database.write(lambda db: trunks.put(db, services.seal, account, now))
    await services.trunks.reload()


async def _account(services: Services, trunk_id: str) -> TrunkAccount:
    """Raises `NotFoundError`."""
    async with services.database.reading() as db:
        return await trunks.get(db, services.seal, trunk_id)


def _form_page(
    request: PageRequest,
    account: TrunkAccount,
    *,
    is_new: bool = False,
    status: Any = None,
    error: BoxError | None = None,
    typed: dict[str, str] | None = None,
) -> Response[Any]:
    """The form; what was `typed` stands in it again beside `error`."""
    values = {
        name: getattr(account, name)
        for name in ("port", "channels", "ring_timeout_s", "driver", "number_format")
    }
    if not is_new:
        names = ("name", "host", "username", "caller_id")
        values |= {name: getattr(account, name) or "" for name in names}
    return view(
        request,
        "trunks/form.html",
        error=error,
        typed=typed or {name: str(value) for name, value in values.items()},
        register=typed is not None and "register" in typed if typed else account.register,
        trunk=None if is_new else account,
        trunk_status=status,
    )
