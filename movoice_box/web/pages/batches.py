"""Calls > Batch Calls: the list of batches, and the page of one while it lives and after."""

from collections.abc import AsyncIterator
from typing import Any

import aiosqlite
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.domain.batch import Batch, BatchState, Recipient, RecipientState
from movoice_box.domain.call import RESERVED_OUTCOMES
from movoice_box.errors import ConflictError, NotFoundError
from movoice_box.ids import BatchId
from movoice_box.store import agents, batches, calls, trunks
from movoice_box.web.pages import live
from movoice_box.web.pages.batch_view import BatchView, RowView
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, Place, moved, view
from movoice_box.web.services import Services
from movoice_box.web.waiting import waiting_reason

_BATCHES_A_PAGE = 20
_ROWS_A_PAGE = 50
_SHOWN_LIVE = 9


class BatchController(Controller):
    path = "/calls/batches"

    @get("/")
    async def list_batches(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        place = Place.of("/calls/batches", request.query_params, ["state"])
        async with services.database.reading() as db:
            page = await batches.page(
                db, limit=_BATCHES_A_PAGE, cursor=place.cursor, state=place.filters.get("state")
            )
            accounts = await trunks.every(db, services.seal)
            names = await _agent_names(db)
        return view(
            request,
            "batches/list.html",
            place=place,
            page=page,
            batches=[BatchView(batch) for batch in page.items],
            agent_names=names,
            states=list(BatchState),
            has_trunk=any(account.is_enabled for account in accounts),
        )

    @get("/live")
    async def watch_batches(self, services: NamedDependency[Services]) -> Response[Any]:
        """Says when the list has changed."""

        async def messages() -> AsyncIterator[live.Message]:
            async for changes in services.broadcast.gathered(live.PAUSE_S, live.QUIET_S):
                yield live.signal("batches") if changes else live.still_here()

        return live.stream(messages())

    @get("/{batch_id:str}")
    async def show_batch(
        self, request: PageRequest, services: NamedDependency[Services], batch_id: FromPath[str]
    ) -> Response[Any]:
        return await _batch_page(request, services, batch_id)

    @get("/{batch_id:str}/live")
    async def watch_batch(
        self, request: PageRequest, services: NamedDependency[Services], batch_id: FromPath[str]
    ) -> Response[Any]:
        """Draws the counts anew, and says when rows have changed, until nothing can change.

        `?shown=` is the state that the page shows; with another one the page's head changes too.
        """
        await _context(services, batch_id)  # so that a stranger is told before the stream begins
        return live.stream(_messages(request, services, batch_id))

    @get("/{batch_id:str}/rows")
    async def show_rows(
        self, request: PageRequest, services: NamedDependency[Services], batch_id: FromPath[str]
    ) -> Response[Any]:
        """The table of rows alone, with the filters and the page of the address."""
        async with services.database.reading() as db:
            batch = await batches.get(db, batch_id)
            context = await _rows(db, request, batch)
        was_filtered = request.headers.get("HX-Trigger") == "filter"
        return view(
            request,
            "batches/rows.html",
            headers={"HX-Push-Url": context["place"].here} if was_filtered else None,
            shown=BatchView(batch),
            **context,
        )

    @post("/{batch_id:str}/{action:str}")
    async def act(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        batch_id: FromPath[str],
        action: FromPath[str],
    ) -> Response[Any]:
        """Pause, resume or cancel."""
        try:
            match action:
                case "pause":
                    await services.control.pause(batch_id)
                case "resume":
                    await services.control.resume(batch_id)
                case "cancel":
                    form = await Form.read(request)
                    ends_talking = form.text("live") == "end"
                    await services.control.cancel(batch_id, end_talking=ends_talking)
                case _:
                    raise NotFoundError(f"there is nothing at {request.url.path}")
        except ConflictError as error:  # it ended while the button was still there
            return await _batch_page(request, services, batch_id, error)
        return moved(f"/calls/batches/{batch_id}")


async def _messages(
    request: PageRequest, services: Services, batch_id: str
) -> AsyncIterator[live.Message]:
    announced = ""
    shown_state = str(request.query_params.get("shown", ""))
    async for changes in services.broadcast.gathered(live.PAUSE_S, live.QUIET_S):
        if changes and all(change.batch_id != batch_id for change in changes):
            continue
        context = await _context(services, batch_id)
        shown: BatchView = context["shown"]
        template = "batches/summary.html"
        if shown.batch.state != shown_state:
            shown_state, template = shown.batch.state, "batches/moved.html"
        yield live.part(request, "summary", template, **context)
        yield live.signal("rows")
        if shown.announcement != announced:
            announced = shown.announcement
            yield live.Message(data=announced, event="announcement")
        if not shown.is_live:
            yield live.signal("over")
            return


async def _batch_page(
    request: PageRequest,
    services: Services,
    batch_id: str,
    error: ConflictError | None = None,
) -> Response[Any]:
    context = await _context(services, batch_id)
    async with services.database.reading() as db:
        rows = await _rows(db, request, context["shown"].batch)
    if error:  # it is about the whole batch
        error = ConflictError(error.message, code=error.code)
    return view(request, "batches/show.html", error=error, **context, **rows)


async def _context(services: Services, batch_id: str) -> dict[str, Any]:
    """What the head and the summary of a batch show. Raises `NotFoundError`."""
    async with services.database.reading() as db:
        batch = await batches.get(db, batch_id)
        agent = await batches.get_agent(db, batch.id)
        try:
            trunk = await trunks.get(db, services.seal, batch.trunk_id or "")
        except NotFoundError:  # deleted since
            trunk = None
        on_the_phone = await _on_the_phone(db, batch.id)
    return {
        "shown": BatchView(batch),
        "agent": agent,
        "trunk": trunk,
        "waiting": waiting_reason(batch, services.channels),
        "on_the_phone": on_the_phone,
        "possible_outcomes": [*agent.outcomes, *sorted(RESERVED_OUTCOMES)],
        "swaps": False,
    }


async def _rows(db: aiosqlite.Connection, request: PageRequest, batch: Batch) -> dict[str, Any]:
    path = f"/calls/batches/{batch.id}"
    place = Place.of(path, request.query_params, ["state", "outcome"])
    page = await batches.recipients(
        db, batch.id, limit=_ROWS_A_PAGE, cursor=place.cursor, **place.filters
    )
    rows = await _with_calls(db, page.items)
    return {"place": place, "page": page, "rows": rows, "states": list(RecipientState)}


async def _on_the_phone(db: aiosqlite.Connection, batch_id: BatchId) -> list[RowView]:
    """The first few rows whose call is up."""
    page = await batches.recipients(
        db, batch_id, limit=_SHOWN_LIVE, state=RecipientState.IN_PROGRESS
    )
    return [row for row in await _with_calls(db, page.items) if row.call]


async def _with_calls(db: aiosqlite.Connection, recipients: list[Recipient]) -> list[RowView]:
    by_id = await calls.among(db, [one.call_id for one in recipients if one.call_id])
    return [RowView(one, by_id.get(one.call_id) if one.call_id else None) for one in recipients]


async def _agent_names(db: aiosqlite.Connection) -> dict[str, str]:
    page = await agents.page(db, limit=500)
    return {stored.id: stored.agent.name for stored in page.items}
