"""Read, write and remove the owner's trunks, for the pages and the API alike."""

from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import InputError, NotFoundError
from movoice_box.store import agents, trunks
from movoice_box.web.services import Services


async def load(services: Services, trunk_id: str) -> TrunkAccount:
    """Raises `NotFoundError`."""
    async with services.database.reading() as db:
        return await trunks.get(db, services.seal, trunk_id)


async def save(
    services: Services, account: TrunkAccount, before: TrunkAccount | None = None
) -> None:
    """Store a trunk and take it up at once; `before` is what it was.

    Raises `InputError` where its agent for callers does not exist, and `ConflictError` for a name
    that another trunk has.
    """
    agent_id = account.inbound_agent_id
    if agent_id is not None and (before is None or agent_id != before.inbound_agent_id):
        async with services.database.reading() as db:
            try:
                await agents.get(db, agent_id)
            except NotFoundError as error:
                raise InputError(error.message, field="inbound_agent_id") from None
    now = services.clock.now()
    await services.database.write(lambda db: trunks.put(db, services.seal, account, now))
    await services.trunks.reload()


async def remove(services: Services, trunk_id: str) -> None:
    """Raises `NotFoundError`, and `ConflictError` while a batch needs it."""
    await services.database.write(lambda db: trunks.remove(db, trunk_id))
    await services.trunks.reload()
