"""Agents: what is said in the calls, to read and to write."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.domain.agent import Agent
from movoice_box.errors import InputError
from movoice_box.ids import AgentId
from movoice_box.store import agents
from movoice_box.web.pages.agent_text import from_text, to_text
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, Place, moved, view
from movoice_box.web.services import Services

_AGENTS_A_PAGE = 30

_FIRST = """\
name: My first agent
description: What this agent is for.
language: en-IN

greeting: Hello {{name}}, this is Asha from Sunrise Clinic.

questions:
  - id: visit
    ask: Your visit is on {{date}}. Press 1 if you will come, or 2 if you will not.
    answers:
      - keys: "1"
        label: Will come
        outcome: BOOKED
        summary: "{{name}} will come on {{date}}."
        reply: Thank you. Goodbye.
      - keys: "2"
        label: Will not come
        outcome: REFUSED
        summary: "{{name}} will not come on {{date}}."
        reply: Thank you for telling us. Goodbye.

outcomes: [BOOKED, REFUSED]
"""


class AgentController(Controller):
    path = "/agents"

    @get("/")
    async def list_agents(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        place = Place.of("/agents", request.query_params)
        async with services.database.reading() as db:
            page = await agents.page(db, limit=_AGENTS_A_PAGE, cursor=place.cursor)
        return view(request, "agents/list.html", page=page, place=place)

    @get("/new")
    async def show_new(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        """A blank agent, or a copy of the one named by `?copy=`."""
        text = _FIRST
        if copied := request.query_params.get("copy"):
            async with services.database.reading() as db:
                agent = (await agents.get(db, str(copied))).agent
            text = to_text(agent, name=f"{agent.name} (copy)")
        return view(request, "agents/edit.html", stored=None, text=text)

    @post("/new")
    async def create(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        return await _save(request, services, services.ids.agent(), None)

    @get("/{agent_id:str}")
    async def show_agent(
        self, request: PageRequest, services: NamedDependency[Services], agent_id: FromPath[str]
    ) -> Response[Any]:
        async with services.database.reading() as db:
            stored = await agents.get(db, agent_id)
        return view(request, "agents/show.html", stored=stored, agent=stored.agent)

    @get("/{agent_id:str}/edit")
    async def show_edit(
        self, request: PageRequest, services: NamedDependency[Services], agent_id: FromPath[str]
    ) -> Response[Any]:
        async with services.database.reading() as db:
            stored = await agents.get(db, agent_id)
        return view(request, "agents/edit.html", stored=stored, text=to_text(stored.agent))

    @post("/{agent_id:str}/edit")
    async def change(
        self, request: PageRequest, services: NamedDependency[Services], agent_id: FromPath[str]
    ) -> Response[Any]:
        async with services.database.reading() as db:
            stored = await agents.get(db, agent_id)
        return await _save(request, services, stored.id, stored)

    @post("/{agent_id:str}/delete")
    async def delete(
        self, services: NamedDependency[Services], agent_id: FromPath[str]
    ) -> Response[Any]:
        async with services.database.reading() as db:
            name = (await agents.get(db, agent_id)).agent.name
        await services.database.write(lambda db: agents.remove(db, agent_id))
        return moved("/agents", f"{name} is deleted. Batches that were launched with it keep it.")


async def _save(
    request: PageRequest, services: Services, agent_id: AgentId, stored: agents.StoredAgent | None
) -> Response[Any]:
    form = await Form.read(request)
    text = form.typed.get("text", "")
    try:
        agent: Agent = from_text(text)
    except InputError as error:
        return view(request, "agents/edit.html", error=error, stored=stored, text=text)
    now = services.clock.now()
    await services.database.write(lambda db: agents.put(db, agent_id, agent, now))
    return moved(f"/agents/{agent_id}", f"{agent.name} is saved.")
