"""Trunks: /v1/trunks."""

from typing import Any, Self

import msgspec
from litestar import Controller, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from movoice_box.domain.phone import NumberFormat
from movoice_box.domain.trunk import Transport, TrunkAccount, TrunkDriver
from movoice_box.errors import ConflictError
from movoice_box.ids import TrunkId
from movoice_box.store import trunks
from movoice_box.web.api.shapes import (
    DEFAULT_LIMIT,
    Cursor,
    Given,
    Limit,
    Listed,
    listed,
    page_of_all,
)
from movoice_box.web.services import Services


class TrunkIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A gateway, PBX or carrier. `channels` is the most calls it carries at once.

    `number_format` is how it wants numbers: `e164` +919876543210, `digits` 919876543210 or
    `national` 09876543210. A `password` that is left out of a change stays; null removes it.
    """

    name: str
    host: str
    port: int | None = None
    transport: Transport = Transport.UDP
    username: str | None = None
    password: str | UnsetType | None = UNSET
    register: bool = False
    channels: int = 4
    caller_id: str | None = None
    ring_timeout_s: int = 45
    driver: TrunkDriver = TrunkDriver.NATIVE
    number_format: NumberFormat = NumberFormat.E164
    is_enabled: bool = True

    def account(self, trunk_id: TrunkId, old_password: str | None = None) -> TrunkAccount:
        """Raises `InputError` for a value that no trunk can have."""
        values = msgspec.structs.asdict(self)
        if self.password is UNSET:
            values["password"] = old_password
        return TrunkAccount(id=trunk_id, **values)


class TrunkStatusOut(msgspec.Struct, kw_only=True):
    """`is_up` is null before anything is known; `detail` says what happened and what to do."""

    is_up: bool | None
    detail: str
    round_trip_ms: float | None
    is_registered: bool | None


class TrunkOut(msgspec.Struct, kw_only=True):
    """A trunk without its password."""

    trunk_id: str
    name: str
    host: str
    port: int | None
    transport: Transport
    username: str | None
    has_password: bool
    register: bool
    channels: int
    caller_id: str | None
    ring_timeout_s: int
    driver: TrunkDriver
    number_format: NumberFormat
    is_enabled: bool
    status: TrunkStatusOut

    @classmethod
    def of(cls, account: TrunkAccount, services: Services) -> Self:
        told = {name: getattr(account, name) for name in _SHOWN}
        return cls(
            **told,
            trunk_id=account.id,
            has_password=account.password is not None,
            status=_status_out(services.trunks.status(account.id)),
        )


_SHOWN = [name for name in TrunkIn.__struct_fields__ if name != "password"]


class TrunkController(Controller):
    path = "/trunks"
    tags = ("trunks",)

    @post("/")
    async def create_trunk(self, data: JSONBody[TrunkIn], services: Given) -> TrunkOut:
        """Add a trunk; it is up when this answers."""
        return await _put(services, data.account(services.ids.trunk()))

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
        return TrunkOut.of(await _get(services, trunk_id), services)

    @put("/{trunk_id:str}")
    async def replace_trunk(
        self, trunk_id: FromPath[str], data: JSONBody[TrunkIn], services: Given
    ) -> TrunkOut:
        """Replace a trunk; what is left out gets its default, but the password stays."""
        old = await _get(services, trunk_id)
        return await _put(services, data.account(old.id, old.password))

    @patch("/{trunk_id:str}")
    async def change_trunk(
        self, trunk_id: FromPath[str], data: JSONBody[dict[str, Any]], services: Given
    ) -> TrunkOut:
        """Change the fields that are given."""
        old = await _get(services, trunk_id)
        current = {name: getattr(old, name) for name in TrunkIn.__struct_fields__}
        changed = msgspec.convert({**current, **data}, TrunkIn)
        return await _put(services, changed.account(old.id))

    @delete("/{trunk_id:str}")
    async def delete_trunk(self, trunk_id: FromPath[str], services: Given) -> None:
        """Delete a trunk, unless a batch still needs it."""
        await services.database.write(lambda db: trunks.remove(db, trunk_id))
        await services.trunks.reload()

    @post("/{trunk_id:str}/test", status_code=200)
    async def test_trunk(self, trunk_id: FromPath[str], services: Given) -> TrunkStatusOut:
        """Ask the far end now: OPTIONS, and REGISTER where the trunk registers."""
        account = await _get(services, trunk_id)
        if not account.is_enabled:
            raise ConflictError(
                f"trunk '{account.name}' is disabled: enable it to test it", code="trunk_disabled"
            )
        return _status_out(await services.trunks.test(account.id))


async def _get(services: Services, trunk_id: str) -> TrunkAccount:
    async with services.database.reading() as db:
        return await trunks.get(db, services.seal, trunk_id)


async def _put(services: Services, account: TrunkAccount) -> TrunkOut:
    now = services.clock.now()
    await services.database.write(lambda db: trunks.put(db, services.seal, account, now))
    await services.trunks.reload()
    return TrunkOut.of(account, services)


def _status_out(status: Any) -> TrunkStatusOut:
    return TrunkStatusOut(
        is_up=status.is_up,
        detail=status.detail,
        round_trip_ms=status.round_trip_ms,
        is_registered=status.is_registered,
    )
