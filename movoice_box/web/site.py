"""The web application of the box: the API under /v1, the pages, and what both share."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler, Message, Scope

from movoice_box.web.api.agents import AgentController
from movoice_box.web.api.batch_files import BatchFileController
from movoice_box.web.api.batches import BatchController
from movoice_box.web.api.calls import CallController
from movoice_box.web.api.description import describe_api
from movoice_box.web.api.dnd import DndController
from movoice_box.web.api.events import EventController
from movoice_box.web.api.health import healthz, readyz
from movoice_box.web.api.trunks import TrunkController
from movoice_box.web.api.webhooks import WebhookController
from movoice_box.web.auth import Access, Caller
from movoice_box.web.errors import answer_json, problem_of
from movoice_box.web.pages.routes import PAGE_CONTROLLERS, answer_page
from movoice_box.web.pages.templating import template_config
from movoice_box.web.services import Services
from movoice_box.web.validation import check_query

STATIC = Path(__file__).parent / "static"
API_CONTROLLERS: list[ControllerRouterHandler] = [
    BatchController,
    BatchFileController,
    CallController,
    AgentController,
    TrunkController,
    WebhookController,
    DndController,
    EventController,
]

_JSON_MAX_BYTES = 16 * 2**20
_API_PATHS = ("/v1", "/docs/openapi.json", "/healthz", "/readyz")
_CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def create_site(services: Services) -> Litestar:
    """The ASGI application. Handlers take `services`, `access` and `caller` as dependencies."""
    access = Access(services)
    api = Router(
        "/v1",
        route_handlers=API_CONTROLLERS,
        guards=[_uncopied(access.require_caller), check_query],
        after_response=_uncopied(access.note_key_use),
        request_max_body_size=_JSON_MAX_BYTES,
    )
    pages = Router(
        "/",
        route_handlers=PAGE_CONTROLLERS,
        guards=[_uncopied(access.require_user)],
        include_in_schema=False,
    )
    static = create_static_files_router("/static", [STATIC], include_in_schema=False)
    return Litestar(
        [api, healthz, readyz, pages, static],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "access": Provide(lambda: access, sync_to_thread=False),
            "caller": Provide(_caller, sync_to_thread=False),
        },
        exception_handlers={Exception: _answer_error},
        before_send=[_add_headers],
        openapi_config=describe_api(),
        template_config=template_config(services.settings),
        logging_config=None,
    )


def _uncopied(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """`method` as a function: Litestar copies its routers deeply, and a method with its object."""

    async def call(*arguments: Any) -> None:
        await method(*arguments)

    return call


def _caller(request: Request[Any, Any, Any]) -> Caller | None:
    """Who asks; None on a public page for someone who is not logged in."""
    caller: Caller | None = request.auth
    return caller


def _answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    problem = problem_of(request, error)
    if request.url.path.startswith(_API_PATHS):
        return answer_json(problem)
    return answer_page(request, problem)


def _add_headers(message: Message, scope: Scope) -> None:
    """Headers of every response, errors and files included."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = _CONTENT_POLICY
    if not scope["path"].startswith("/static/"):
        headers["Cache-Control"] = "no-store"
    elif b"v=" in scope["query_string"]:  # the address of this very version of the file
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        headers["Cache-Control"] = "no-cache"
