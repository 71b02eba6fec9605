"""The account of whoever is logged in, and what this box may do."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from movoice_box.errors import AccessError, BoxError, InputError
from movoice_box.store import owners
from movoice_box.web.auth import Access
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, moved, user_of, view


class AccountController(Controller):
    path = "/account"

    @get("/")
    async def show_account(self, request: PageRequest) -> Response[Any]:
        return _page(request)

    @post("/password")
    async def change_password(
        self, request: PageRequest, access: NamedDependency[Access]
    ) -> Response[Any]:
        form = await Form.read(request)
        new = form.typed.get("password", "")
        try:
            if new != form.typed.get("again"):
                raise InputError("the two new passwords are not the same", field="again")
            old = form.typed.get("old", "")
            cookie = await access.change_password(request, user_of(request), old, new)
        except InputError as error:
            return _page(request, error)
        except AccessError as error:
            return _page(request, InputError(error.message, code=error.code, field="old"))
        told = "Your password is changed; you are logged out everywhere else."
        return moved("/account", told, cookies=[cookie])


def _page(request: PageRequest, error: BoxError | None = None) -> Response[Any]:
    return view(request, "account.html", error=error, password_min=owners.PASSWORD_MIN)
