"""The pages of the site: their controllers, and how they show an error."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.response import Redirect

from movoice_box.web.errors import Problem
from movoice_box.web.pages.account import AccountController
from movoice_box.web.pages.agents import AgentController
from movoice_box.web.pages.api_keys import ApiKeyController
from movoice_box.web.pages.batches import BatchController
from movoice_box.web.pages.calls import CallController
from movoice_box.web.pages.dnd import DndController
from movoice_box.web.pages.entry import EntryController
from movoice_box.web.pages.launch import LaunchController
from movoice_box.web.pages.new_batch import NewBatchController
from movoice_box.web.pages.trunks import TrunkController
from movoice_box.web.pages.view import view
from movoice_box.web.pages.webhooks import WebhookController

PAGE_CONTROLLERS: list[Any] = [
    EntryController,
    BatchController,
    NewBatchController,
    LaunchController,
    CallController,
    AgentController,
    TrunkController,
    DndController,
    WebhookController,
    ApiKeyController,
    AccountController,
]
"""Guarded by `Access.require_user`, but for handlers with `opt={PUBLIC: True}`."""

_TITLES = {
    401: "Log in first",
    403: "This is not open",
    404: "There is nothing here",
    409: "Not possible now",
    413: "That is too large",
    422: "Something is not right",
    429: "Too many attempts",
}


def answer_page(request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
    """Show `problem` to a person; whoever must log in first is led there and back."""
    if problem.code == "login_required":
        login = f"/login?next={quote(request.url.path)}"
        if request.headers.get("HX-Request"):
            return Response(b"", status_code=problem.status, headers={"HX-Redirect": login})
        return Redirect(login)
    return view(
        request,
        "error.html",
        status=problem.status,
        problem=problem,
        title=_TITLES.get(problem.status, "This did not work"),
        headers=problem.headers,
    )
