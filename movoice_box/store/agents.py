"""Agents in SQLite, as the documents that `Agent.from_document` reads."""

import json
from dataclasses import dataclass
from datetime import datetime

import aiosqlite

from movoice_box.domain.agent import Agent
from movoice_box.errors import NotFoundError
from movoice_box.ids import AgentId
from movoice_box.store.database import Row, fetch_all, fetch_one, to_moment, to_text
from movoice_box.store.pages import Page, page_of


@dataclass(frozen=True, slots=True)
class StoredAgent:
    id: AgentId
    agent: Agent
    created_at: datetime
    updated_at: datetime


async def put(db: aiosqlite.Connection, agent_id: AgentId, agent: Agent, now: datetime) -> None:
    """Insert the agent or replace the one with this id; launched batches keep what they had."""
    await db.execute(
        """
        INSERT INTO agents VALUES (:id, :document, :now, :now)
        ON CONFLICT (id) DO UPDATE SET document = :document, updated_at = :now
        """,
        {
            "id": agent_id,
            "document": json.dumps(agent.to_document(), ensure_ascii=False),
            "now": to_text(now),
        },
    )


async def is_first_start(db: aiosqlite.Connection) -> bool:
    """True once in the life of a database: for the one who then adds the ready agents."""
    row = await fetch_one(
        db,
        """
        INSERT INTO box_facts VALUES ('ready_agents_added', 'yes')
        ON CONFLICT DO NOTHING RETURNING 1
        """,
    )
    return row is not None


async def get(db: aiosqlite.Connection, agent_id: str) -> StoredAgent:
    """One agent. Raises `NotFoundError`."""
    row = await fetch_one(db, "SELECT * FROM agents WHERE id = :id", {"id": agent_id})
    if row is None:
        raise NotFoundError(f"there is no agent '{agent_id}'", field="agent_id")
    return _to_agent(row)


async def page(
    db: aiosqlite.Connection, *, limit: int, cursor: str | None = None
) -> Page[StoredAgent]:
    rows = await fetch_all(
        db,
        """
        SELECT * FROM agents WHERE :cursor IS NULL OR id > :cursor ORDER BY id LIMIT :limit
        """,
        {"cursor": cursor, "limit": limit + 1},
    )
    return page_of(rows, limit, "id", _to_agent)


async def remove(db: aiosqlite.Connection, agent_id: str) -> None:
    """Delete an agent. Raises `NotFoundError`."""
    row = await fetch_one(db, "DELETE FROM agents WHERE id = :id RETURNING 1", {"id": agent_id})
    if row is None:
        raise NotFoundError(f"there is no agent '{agent_id}'", field="agent_id")


def _to_agent(row: Row) -> StoredAgent:
    return StoredAgent(
        AgentId(row["id"]),
        Agent.from_document(json.loads(row["document"])),
        to_moment(row["created_at"]),
        to_moment(row["updated_at"]),
    )
