"""New Batch, first half: which agent calls whom, and which column is which variable.

The second half (launch.py) asks when, shows what would happen, and launches.
"""

from typing import Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.dialer.recipient_file import MAX_BYTES, PHONE, RecipientFile
from movoice_box.domain.agent import Agent
from movoice_box.errors import InputError
from movoice_box.store import agents, trunks
from movoice_box.web.pages.drafts import Draft, Drafts, provide_drafts
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.recipient_table import pasted, preselect, read_mapping
from movoice_box.web.pages.view import PageRequest, moved, user_of, view
from movoice_box.web.services import Services

_UPLOAD_BYTES = MAX_BYTES + 2**20  # and the other fields
_PREVIEW_ROWS = 3


class NewBatchController(Controller):
    path = "/calls/batches/new"
    dependencies = {"drafts": provide_drafts}  # noqa: RUF012 - the framework reads it

    @get("/")
    async def show_list(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
    ) -> Response[Any]:
        """Agent and list; `?draft=` comes back to them from a later step."""
        draft_id = request.query_params.get("draft")
        draft = await drafts.get(str(draft_id), user_of(request)) if draft_id else None
        if draft and draft.batch_id:
            return moved(f"/calls/batches/{draft.batch_id}")
        typed = {"agent_id": draft.agent_id, "name": draft.name} if draft else {}
        if agent_id := request.query_params.get("agent"):
            typed["agent_id"] = str(agent_id)
        return await _list_page(request, services, draft, typed)

    @post("/", request_max_body_size=_UPLOAD_BYTES)
    async def take_list(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
    ) -> Response[Any]:
        form = await Form.read(request)
        earlier = None
        if draft_id := form.text("draft"):
            earlier = await drafts.get(draft_id, user_of(request))
        try:
            agent_id = form.needed("agent_id", "the agent")
            source, data = await _list_of(form, drafts, earlier)
            draft = await drafts.create(user_of(request), agent_id, form.text("name"), source, data)
        except InputError as error:
            return await _list_page(request, services, earlier, form.typed, error)
        return moved(f"/calls/batches/new/{draft.id}/columns")

    @get("/{draft_id:str}/columns")
    async def show_columns(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
        draft_id: FromPath[str],
    ) -> Response[Any]:
        draft = await drafts.get(draft_id, user_of(request))
        if draft.batch_id:
            return moved(f"/calls/batches/{draft.batch_id}")
        agent, table = await _agent_and_table(services, drafts, draft)
        mapping = draft.mapping or preselect(table, agent.variables)
        chosen = [mapping.get(column, "") for column in table.columns]
        return _columns_page(request, draft, agent, table, chosen)

    @post("/{draft_id:str}/columns")
    async def take_columns(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
        draft_id: FromPath[str],
    ) -> Response[Any]:
        draft = await drafts.get(draft_id, user_of(request))
        agent, table = await _agent_and_table(services, drafts, draft)
        form = await Form.read(request)
        chosen = [form.text(f"column-{place}") for place in range(len(table.columns))]
        try:
            mapping = read_mapping(table, chosen, agent.variables)
        except InputError as error:
            return _columns_page(request, draft, agent, table, chosen, error)
        await drafts.save(msgspec.structs.replace(draft, mapping=mapping))
        return moved(f"/calls/batches/new/{draft.id}/start")


async def _list_of(form: Form, drafts: Drafts, earlier: Draft | None) -> tuple[str, bytes]:
    """Where the list is from, and the list: a file, pasted text, or the one of `earlier`.

    Raises `InputError` when there is none.
    """
    if form.text("from") == "paste":
        return "pasted numbers", pasted(form.text("numbers"))
    if file := form.files.get("file"):
        data = await file.read()
        await file.close()
        if data:
            return file.filename, data
        raise InputError(f"the file {file.filename} is empty", field="file")
    if earlier:
        return earlier.source, await drafts.read_list(earlier)
    raise InputError("choose a CSV file", field="file")


async def _list_page(
    request: PageRequest,
    services: Services,
    draft: Draft | None,
    typed: dict[str, str],
    error: InputError | None = None,
) -> Response[Any]:
    async with services.database.reading() as db:
        stored = await agents.page(db, limit=500)
        accounts = await trunks.every(db, services.seal)
    return view(
        request,
        "new_batch/list.html",
        error=error,
        typed=typed,
        draft=draft,
        agents=stored.items,
        has_trunk=any(account.is_enabled for account in accounts),
    )


def _columns_page(
    request: PageRequest,
    draft: Draft,
    agent: Agent,
    table: RecipientFile,
    chosen: list[str],
    error: InputError | None = None,
) -> Response[Any]:
    columns = [
        {
            "name": column,
            "values": [row[place] for row in table.rows[:_PREVIEW_ROWS]],
            "chosen": chosen[place],
            "may_keep_name": column not in (PHONE, *agent.variables),
        }
        for place, column in enumerate(table.columns)
    ]
    return view(
        request,
        "new_batch/columns.html",
        error=error,
        draft=draft,
        agent=agent,
        columns=columns,
        rows=len(table.rows),
        preview_rows=min(len(table.rows), _PREVIEW_ROWS),
    )


async def _agent_and_table(
    services: Services, drafts: Drafts, draft: Draft
) -> tuple[Agent, RecipientFile]:
    async with services.database.reading() as db:
        stored = await agents.get(db, draft.agent_id)
    return stored.agent, await drafts.table(draft)
