"""Trunks: /v1/trunks."""

from typing import Any

from litestar import Controller, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody

from movoice_box.errors import ConflictError
from movoice_box.store import trunks
from movoice_box.web import trunk_book
from movoice_box.web.api.shapes import (
    DEFAULT_LIMIT,
    Cursor,
    Given,
    Limit,
    Listed,
    listed,
    page_of_all,
)
from movoice_box.web.api.trunk_shapes import TrunkIn, TrunkOut, TrunkStatusOut


class TrunkController(Controller):
    path = "/trunks"
    tags = ("trunks",)

    @post("/")
    async def create_trunk(self, data: JSONBody[TrunkIn], services: Given) -> TrunkOut:
        """Add a trunk; it is up when this answers."""
        account = data.account(services.ids.trunk())
        await trunk_book.save(services, account)
        return TrunkOut.of(account, services)

    @get("/")
    async def list_trunks(
        self, services: Given, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Listed[TrunkOut]:
        """Trunks with what is known of them now, oldest first."""
        async with services.database.reading() as db:
            accounts = await trunks.every(db, services.seal)
        page = page_of_all(accounts, lambda one: one.id, limit, cursor)
        return listed(page, lambda one: TrunkOut.of(one, services))

    @get("/{trunk_id:str}")
    async def get_trunk(self, trunk_id: FromPath[str], services: Given) -> TrunkOut:
        """A trunk with what is known of it now."""
        return TrunkOut.of(await trunk_book.load(services, trunk_id), services)

    @put("/{trunk_id:str}")
    async def replace_trunk(
        self, trunk_id: FromPath[str], data: JSONBody[TrunkIn], services: Given
    ) -> TrunkOut:
        """Replace a trunk; what is left out gets its default, but the password stays."""
        old = await trunk_book.load(services, trunk_id)
        account = data.account(old.id, old.password)
        await trunk_book.save(services, account, old)
        return TrunkOut.of(account, services)

    @patch("/{trunk_id:str}")
    async def change_trunk(
        self, trunk_id: FromPath[str], data: JSONBody[dict[str, Any]], services: Given
    ) -> TrunkOut:
        """Change the fields that are given."""
        old = await trunk_book.load(services, trunk_id)
        account = TrunkIn.changed(old, data)
        await trunk_book.save(services, account, old)
        return TrunkOut.of(account, services)

    @delete("/{trunk_id:str}")
    async def delete_trunk(self, trunk_id: FromPath[str], services: Given) -> None:
        """Delete a trunk, unless a batch still needs it."""
        await trunk_book.remove(services, trunk_id)

    @post("/{trunk_id:str}/test", status_code=200)
    async def test_trunk(self, trunk_id: FromPath[str], services: Given) -> TrunkStatusOut:
        """Ask the far end now: OPTIONS, and REGISTER where the trunk registers."""
        account = await trunk_book.load(services, trunk_id)
        if not account.is_enabled:
            raise ConflictError(
                f"trunk '{account.name}' is disabled: enable it to test it", code="trunk_disabled"
            )
        return TrunkStatusOut.of(await services.trunks.test(account.id))
