"""Answers of page handlers: a page, a part of one, or the way to the next one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from litestar import Request
from litestar.datastructures import Cookie
from litestar.datastructures.multi_dicts import MultiDict
from litestar.response import Redirect, Template

from movoice_box.errors import BoxError
from movoice_box.web.auth import CSRF_FIELD, CSRF_HEADER, Caller

PageRequest = Request[Any, Caller | None, Any]

_NOTICE_COOKIE = "movoice_box_notice"
_NOTICE_S = 30


def view(
    request: PageRequest,
    template: str,
    *,
    status: int = 200,
    error: BoxError | None = None,
    typed: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Template:
    """Draw a page. `typed` is what stood in its form, shown again beside `error`.

    A form that is shown again is a good page (200): browsers log any other status as a failure.
    """
    caller: Caller | None = request.scope.get("auth")  # not there where no route was found
    notice = request.cookies.get(_NOTICE_COOKIE)
    return Template(
        template,
        status_code=status,
        context={
            **context,
            "error": error,
            "problems": {error.field: error.message} if error and error.field else {},
            "typed": typed or {},
            "user": caller.name if caller else None,
            "csrf": csrf_of(request),
            "notice": unquote(notice) if notice else None,
        },
        cookies=[_notice_cookie("", 0)] if notice else [],
        headers=dict(headers or {}),
    )


def csrf_of(request: PageRequest) -> dict[str, str]:
    """What a form and a script send, so that the box knows its own page."""
    caller: Caller | None = request.scope.get("auth")
    token = caller.csrf_token if caller else ""
    return {"field": CSRF_FIELD, "header": CSRF_HEADER, "token": token}


def user_of(request: PageRequest) -> str:
    """The name of the person on a page that needs a log-in."""
    assert request.auth is not None  # noqa: S101 - the guard let nobody else in
    return request.auth.name


def moved(path: str, notice: str | None = None, *, cookies: Sequence[Cookie] = ()) -> Redirect:
    """Lead the browser to `path` after a change, which says there what was done."""
    told = [_notice_cookie(quote(notice), _NOTICE_S)] if notice else []
    return Redirect(path, status_code=303, cookies=[*cookies, *told])


def _notice_cookie(value: str, max_age_s: int) -> Cookie:
    return Cookie(
        key=_NOTICE_COOKIE,
        value=value,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="strict",
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list page stands: the filters, and the cursor of every page from the second on.

    The trail in the address leads back page by page, which cursors alone can't.
    """

    path: str
    filters: Mapping[str, str]
    trail: tuple[str, ...]

    @classmethod
    def of(cls, path: str, query: MultiDict[Any], names: Sequence[str] = ()) -> "Place":
        filters = {name: str(query[name]).strip() for name in names if query.get(name)}
        return cls(path, filters, tuple(map(str, query.getall("cursor", []))))

    @property
    def cursor(self) -> str | None:
        return self.trail[-1] if self.trail else None

    @property
    def number(self) -> int:
        """Of this page, from 1."""
        return len(self.trail) + 1

    @property
    def here(self) -> str:
        return self._address(self.trail)

    @property
    def previous(self) -> str | None:
        return self._address(self.trail[:-1]) if self.trail else None

    def next(self, next_cursor: str | None) -> str | None:
        return self._address((*self.trail, next_cursor)) if next_cursor else None

    def part(self, part: str) -> str:
        """This page's address with `part` after the path, for a part of it that draws itself."""
        return Place(f"{self.path}{part}", self.filters, self.trail).here

    def filtered(self, **changes: str | None) -> str:
        """The first page with other filters; None drops one."""
        filters = {**self.filters, **changes}
        return Place(self.path, {k: v for k, v in filters.items() if v}, ()).here

    def _address(self, trail: tuple[str, ...]) -> str:
        query = urlencode([*self.filters.items(), *(("cursor", cursor) for cursor in trail)])
        return f"{self.path}?{query}" if query else self.path
