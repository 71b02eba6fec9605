"""The trunks that are up: one driver each, started and stopped as the owner edits them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.ids import TrunkId
from movoice_box.sip.trunk import Trunk, TrunkStatus
from movoice_box.store import trunks
from movoice_box.store.database import Database
from movoice_box.store.sealing import Seal

_UNOPENED = (
    "its password was sealed with another key: restore secret.key, or enter the password again"
)


@dataclass(slots=True)
class _Running:
    trunk: Trunk
    task: asyncio.Task[None]


class TrunkPool:
    """A service. `build` makes the driver that an account asks for."""

    def __init__(
        self, database: Database, seal: Seal, build: Callable[[TrunkAccount], Trunk]
    ) -> None:
        self._database = database
        self._seal = seal
        self._build = build
        self._running: dict[TrunkId, _Running] = {}
        self._unopened: set[TrunkId] = set()
        self._changed = asyncio.Event()
        self._loaded = asyncio.Event()

    async def run(self) -> None:
        """Run every enabled trunk until cancelled, following the owner's edits."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                await self._follow(group)
                if not self._changed.is_set():  # nobody has edited them meanwhile
                    self._loaded.set()
                await self._changed.wait()

    async def loaded(self) -> None:
        """Wait until the trunks are up for the first time, or as last edited."""
        await self._loaded.wait()

    async def reload(self) -> None:
        """Take up the owner's edits; returns when they are in force."""
        self._loaded.clear()
        self._changed.set()
        await self.loaded()

    def get(self, trunk_id: TrunkId) -> Trunk:
        """The driver of an enabled trunk. Raises `TrunkError`."""
        if trunk_id in self._unopened:
            raise TrunkError(f"trunk '{trunk_id}' cannot be used: {_UNOPENED}")
        running = self._running.get(trunk_id)
        if running is None:
            raise TrunkError(
                f"trunk '{trunk_id}' is disabled or was deleted: enable it, then resume"
            )
        return running.trunk

    def is_in_use(self, trunk: Trunk) -> bool:
        """Whether this driver is the one of its trunk: an edit makes another."""
        running = self._running.get(trunk.account.id)
        return running is not None and running.trunk is trunk

    async def find(self, trunk_id: TrunkId) -> Trunk:
        """`get`, also of a trunk that another process has just added."""
        if trunk_id not in self._running:
            await self.reload()
        return self.get(trunk_id)

    def accounts(self) -> list[TrunkAccount]:
        """The accounts of all enabled trunks."""
        return [running.trunk.account for running in self._running.values()]

    def status(self, trunk_id: TrunkId) -> TrunkStatus:
        if trunk_id in self._unopened:
            return TrunkStatus(is_up=False, detail=_UNOPENED)
        running = self._running.get(trunk_id)
        if running is None:
            return TrunkStatus(is_up=None, detail="disabled")
        return running.trunk.status

    async def test(self, trunk_id: TrunkId) -> TrunkStatus:
        """Ask the far end now. Raises `TrunkError` for a disabled trunk."""
        return await self.get(trunk_id).test()

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        async with self._database.reading() as db:
            accounts = await trunks.every(db, self._seal)
            self._unopened = await trunks.unopened(db, self._seal)
        wanted = {account.id: account for account in accounts if account.is_enabled}
        gone = [
            running
            for running in self._running.values()
            if wanted.get(running.trunk.account.id) != running.trunk.account
        ]
        for running in gone:
            running.task.cancel()
            del self._running[running.trunk.account.id]
        if gone:  # an edited trunk takes its old registration back before it makes the new one
            await asyncio.wait([running.task for running in gone])
        for account in wanted.values():
            if account.id not in self._running:
                trunk = self._build(account)
                task = group.create_task(trunk.run(), name=f"trunk {account.name}")
                self._running[account.id] = _Running(trunk, task)
