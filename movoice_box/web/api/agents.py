"""Agents: /v1/agents. An agent's fields are those of its YAML file (docs/agents.md)."""

from datetime import datetime
from typing import Annotated, Any, Self

import msgspec
from litestar import Controller, delete, get, patch, post, put
from litestar.params import Body, FromPath

from movoice_box.domain.agent import Agent, NoInput, OptOut, Question, check_agent_id
from movoice_box.errors import ConflictError, NotFoundError
from movoice_box.ids import AgentId
from movoice_box.store import agents
from movoice_box.store.agents import StoredAgent
from movoice_box.web.api.shapes import DEFAULT_LIMIT, Cursor, Given, Limit, Listed, example, listed
from movoice_box.web.services import Services

AGENT_EXAMPLE = {
    "agent_id": "agent_12345",
    "name": "Payment reminder",
    "language": "en-IN",
    "greeting": "Hello {{name}}, this is Asha from Sunrise Finance.",
    "questions": [
        {
            "id": "pay",
            "ask": "Your payment of {{amount_due}} is due. Press 1 to pay now, 2 to pay later.",
            "answers": [
                {"keys": "1", "outcome": "BOOKED", "summary": "{{name}} pays {{amount_due}} now."},
                {"keys": "2", "outcome": "REFUSED", "reply": "Thank you, we will call again."},
            ],
        }
    ],
    "outcomes": ["BOOKED", "REFUSED"],
}
Document = dict[str, Any]
AgentIn = Annotated[Document, Body(examples=[example(AGENT_EXAMPLE, "One question")])]


class AgentOut(msgspec.Struct, kw_only=True):
    """An agent with every default written out. A recipient must bring its `variables`."""

    agent_id: str
    name: str
    description: str
    language: str
    words_per_minute: int
    greeting: str
    questions: list[Question]
    outcomes: list[str]
    opt_out: OptOut | bool
    no_input: NoInput
    max_duration_s: int
    record: bool
    variables: list[str]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, stored: StoredAgent) -> Self:
        agent = stored.agent
        return cls(
            agent_id=stored.id,
            name=agent.name,
            description=agent.description,
            language=agent.language,
            words_per_minute=agent.words_per_minute,
            greeting=agent.greeting,
            questions=list(agent.questions),
            outcomes=list(agent.outcomes),
            opt_out=agent.opt_out or False,
            no_input=agent.no_input,
            max_duration_s=agent.max_duration_s,
            record=agent.record,
            variables=agent.variables,
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )


class AgentController(Controller):
    path = "/agents"
    tags = ("agents",)

    @post("/")
    async def create_agent(self, data: AgentIn, services: Given) -> AgentOut:
        """Add an agent; its `agent_id` may be one of your own."""
        document = dict(data)
        agent_id = AgentId(check_agent_id(document.pop("agent_id", None) or services.ids.agent()))
        agent = Agent.from_document(document)

        async def add(db: Any) -> StoredAgent:
            try:
                await agents.get(db, agent_id)
            except NotFoundError:
                await agents.put(db, agent_id, agent, services.clock.now())
                return await agents.get(db, agent_id)
            raise ConflictError(
                f"there is an agent '{agent_id}' already: change it with PUT",
                code="agent_id_taken",
                field="agent_id",
            )

        return AgentOut.of(await services.database.write(add))

    @get("/")
    async def list_agents(
        self, services: Given, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Listed[AgentOut]:
        """Agents, in the order of their ids."""
        async with services.database.reading() as db:
            return listed(await agents.page(db, limit=limit, cursor=cursor), AgentOut.of)

    @get("/{agent_id:str}")
    async def get_agent(self, agent_id: FromPath[str], services: Given) -> AgentOut:
        """An agent, with every default written out and the `variables` that a recipient needs."""
        async with services.database.reading() as db:
            return AgentOut.of(await agents.get(db, agent_id))

    @put("/{agent_id:str}")
    async def replace_agent(
        self, agent_id: FromPath[str], data: AgentIn, services: Given
    ) -> AgentOut:
        """Replace an agent, or add one under this id. Launched batches keep the one they had."""
        return await _put(services, check_agent_id(agent_id), _without_facts(data))

    @patch("/{agent_id:str}")
    async def change_agent(
        self, agent_id: FromPath[str], data: AgentIn, services: Given
    ) -> AgentOut:
        """Change the fields that are given."""
        async with services.database.reading() as db:
            stored = await agents.get(db, agent_id)
        return await _put(
            services, stored.id, {**stored.agent.to_document(), **_without_facts(data)}
        )

    @delete("/{agent_id:str}")
    async def delete_agent(self, agent_id: FromPath[str], services: Given) -> None:
        """Delete an agent. Launched batches keep it."""
        await services.database.write(lambda db: agents.remove(db, agent_id))


async def _put(services: Services, agent_id: str, document: Document) -> AgentOut:
    agent = Agent.from_document(document)

    async def put_agent(db: Any) -> StoredAgent:
        await agents.put(db, AgentId(agent_id), agent, services.clock.now())
        return await agents.get(db, agent_id)

    return AgentOut.of(await services.database.write(put_agent))


def _without_facts(document: Document) -> Document:
    """What was read may be sent back: what we added to the document is not the owner's to set."""
    facts = ("agent_id", "variables", "created_at", "updated_at")
    return {name: value for name, value in document.items() if name not in facts}
