"""The pages of the site: their controllers, their templates, and how they show an error."""

from typing import Any
from urllib.parse import quote

from litestar import MediaType, Request, Response
from litestar.response import Redirect

from movoice_box.web.errors import Problem

PAGE_CONTROLLERS: list[Any] = []
"""Guarded by `Access.require_user`, but for handlers with `opt={PUBLIC: True}`."""


def answer_page(request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
    """Show `problem` to a person; whoever must log in first is led there and back."""
    if problem.code == "login_required":
        login = f"/login?next={quote(request.url.path)}"
        if request.headers.get("HX-Request"):
            return Response(b"", status_code=problem.status, headers={"HX-Redirect": login})
        return Redirect(login)
    return Response(
        problem.message,
        status_code=problem.status,
        headers=problem.headers,
        media_type=MediaType.TEXT,
    )
