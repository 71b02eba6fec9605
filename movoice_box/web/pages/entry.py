"""The door of the box: the first owner's set-up, log-in and log-out."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from movoice_box.errors import AccessError, InputError
from movoice_box.store import owners
from movoice_box.web.auth import PUBLIC, Access
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, moved, view
from movoice_box.web.services import Services

_HOME = "/calls/batches"
_OPEN: dict[str, Any] = {PUBLIC: True}


class EntryController(Controller):
    @get("/", opt=_OPEN)
    async def home(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        """The batches; for a stranger the log-in page, or how to set the box up."""
        return moved(_HOME if request.auth else "/login")

    @get("/setup", opt=_OPEN)
    async def show_setup(
        self, request: PageRequest, access: NamedDependency[Access]
    ) -> Response[Any]:
        """The first owner's page. Raises `AccessError` without the newest link's token."""
        token = str(request.query_params.get("token", ""))
        await access.check_setup_token(token)
        return view(request, "setup.html", token=token, password_min=owners.PASSWORD_MIN)

    @post("/setup", opt=_OPEN)
    async def set_up(self, request: PageRequest, access: NamedDependency[Access]) -> Response[Any]:
        form = await Form.read(request)
        token = form.text("token")
        try:
            name = form.needed("name", "your name")
            password = form.typed.get("password", "")
            if password != form.typed.get("again"):
                raise InputError("the two passwords are not the same", field="again")
            cookie = await access.set_up(request, token, name, password)
        except InputError as error:
            return view(
                request,
                "setup.html",
                error=error,
                typed=form.typed,
                token=token,
                password_min=owners.PASSWORD_MIN,
            )
        return moved(_HOME, f"Welcome, {name}. This box is yours.", cookies=[cookie])

    @get("/login", opt=_OPEN)
    async def show_login(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        if request.auth:
            return moved(_next(str(request.query_params.get("next", ""))))
        return await _login_page(request, services)

    @post("/login", opt=_OPEN)
    async def log_in(
        self,
        request: PageRequest,
        access: NamedDependency[Access],
        services: NamedDependency[Services],
    ) -> Response[Any]:
        form = await Form.read(request)
        try:
            name = form.needed("name", "your name")
            cookie = await access.log_in(request, name, form.typed.get("password", ""))
        except (AccessError, InputError) as error:
            return await _login_page(request, services, form=form, error=error)
        return moved(_next(form.text("next")), cookies=[cookie])

    @post("/logout")
    async def log_out(self, request: PageRequest, access: NamedDependency[Access]) -> Response[Any]:
        return moved("/login", "You are logged out.", cookies=[await access.log_out(request)])


async def _login_page(
    request: PageRequest,
    services: Services,
    *,
    form: Form | None = None,
    error: AccessError | InputError | None = None,
) -> Response[Any]:
    async with services.database.reading() as db:
        has_owner = await owners.has_owner(db)
    next_path = form.text("next") if form else str(request.query_params.get("next", ""))
    return view(
        request,
        "login.html",
        has_owner=has_owner,
        next=next_path,
        error=error,
        typed=form.typed if form else None,
    )


def _next(path: str) -> str:
    """Where to go after logging in: never to another site."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_ours else _HOME
