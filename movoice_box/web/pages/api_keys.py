"""API keys: made here, shown once, revoked here."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.errors import InputError
from movoice_box.store import owners
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, moved, view
from movoice_box.web.services import Services


class ApiKeyController(Controller):
    path = "/api-keys"

    @get("/")
    async def list_keys(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        return await _page(request, services)

    @post("/")
    async def create(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        """Make a key; the page that answers is the only one that ever shows it."""
        form = await Form.read(request)
        try:
            name = form.needed("name", "the name")
        except InputError as error:
            return await _page(request, services, form.typed, error)
        now = services.clock.now()
        key = await services.database.write(lambda db: owners.create_api_key(db, name, now))
        return await _page(request, services, made=(name, key))

    @post("/{key_id:int}/revoke")
    async def revoke(
        self, services: NamedDependency[Services], key_id: FromPath[int]
    ) -> Response[Any]:
        await services.database.write(lambda db: owners.remove_api_key(db, key_id))
        return moved("/api-keys", "The key is revoked.")


async def _page(
    request: PageRequest,
    services: Services,
    typed: dict[str, str] | None = None,
    error: InputError | None = None,
    made: tuple[str, str] | None = None,
) -> Response[Any]:
    async with services.database.reading() as db:
        keys = await owners.api_keys(db)
    return view(
        request,
        "api_keys.html",
        error=error,
        typed=typed,
        keys=keys,
        made=made,
        address=str(request.base_url).rstrip("/"),
    )
