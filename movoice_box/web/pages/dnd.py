"""The do-not-disturb list: numbers that are never called."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from movoice_box.dialer.do_not_disturb import Imported
from movoice_box.dialer.recipient_file import MAX_BYTES
from movoice_box.errors import InputError, NotFoundError
from movoice_box.store import dnd
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, Place, moved, view
from movoice_box.web.services import Services

_ENTRIES_A_PAGE = 50
_UPLOAD_BYTES = MAX_BYTES + 2**20  # and the other fields
_INVALID_LISTED = 20


class DndController(Controller):
    path = "/dnd"

    @get("/")
    async def list_entries(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        """The list; `?check=` says whether one number may be called."""
        number = str(request.query_params.get("check", "")).strip()
        if not number:
            return await _page(request, services)
        try:
            entry = await services.dnd.check(number)
        except InputError as error:
            return await _page(request, services, {"check": number}, _in(error, "check"))
        return await _page(request, services, {"check": number}, checked=(number, entry))

    @post("/add")
    async def add(self, request: PageRequest, services: NamedDependency[Services]) -> Response[Any]:
        form = await Form.read(request)
        try:
            number = form.needed("add", "the number")
            entry = await services.dnd.add(number, form.text("note"))
        except InputError as error:
            return await _page(request, services, form.typed, _in(error, "add"))
        return moved("/dnd", f"{entry.phone} is on the list and will not be called.")

    @post("/remove")
    async def remove(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        form = await Form.read(request)
        number = form.text("phone")
        try:
            await services.dnd.remove(number)
        except NotFoundError:
            return moved("/dnd", f"{number} was not on the list any more.")
        return moved("/dnd", f"{number} may be called again.")

    @post("/import", request_max_body_size=_UPLOAD_BYTES)
    async def import_list(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        form = await Form.read(request)
        try:
            if (file := form.files.get("file")) is None:
                raise InputError("choose a CSV file", field="file")
            imported = await services.dnd.import_csv(await file.read())
        except InputError as error:
            return await _page(request, services, form.typed, _in(error, "file"))
        return await _page(request, services, imported=imported)


async def _page(
    request: PageRequest,
    services: Services,
    typed: dict[str, str] | None = None,
    error: InputError | None = None,
    *,
    checked: tuple[str, Any] | None = None,
    imported: Imported | None = None,
) -> Response[Any]:
    place = Place.of("/dnd", request.query_params, ["search"])
    search = "".join(filter(str.isdigit, place.filters.get("search", "")))
    async with services.database.reading() as db:
        page = await dnd.page(db, limit=_ENTRIES_A_PAGE, cursor=place.cursor, search=search)
        entries = await dnd.count(db)
    return view(
        request,
        "dnd.html",
        error=error,
        typed=typed,
        place=place,
        page=page,
        entries=entries,
        checked=checked,
        imported=imported,
        invalid_listed=_INVALID_LISTED,
    )


def _in(error: InputError, field: str) -> InputError:
    """The same error, shown at the form that it came from."""
    return InputError(error.message, code=error.code, field=field)
