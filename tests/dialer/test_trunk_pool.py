"""Trunks that come, change and go while the box runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.store import trunks
from tests.builders import Office, a_trunk
from tests.dialer.lines import Exchange


class _Registering(Exchange):
    """Notes in `story` when it comes up and when it is down, which takes a while."""

    story: list[str]

    async def run(self) -> None:
        self.story.append(f"up with {self.account.channels}")
        try:
            await super().run()
        finally:
            await asyncio.sleep(0.05)
            self.story.append(f"down with {self.account.channels}")


@asynccontextmanager
async def _pool(office: Office, story: list[str]) -> AsyncIterator[TrunkPool]:
    def build(account: TrunkAccount) -> Exchange:
        trunk = _Registering(account)
        trunk.story = story
        return trunk

    pool = TrunkPool(office.database, office.seal, build)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(pool.run())
        await pool.loaded()
        yield pool
        task.cancel()


async def _edit(office: Office, account: TrunkAccount) -> None:
    await office.database.write(lambda db: trunks.put(db, office.seal, account, office.clock.now()))


async def test_an_edited_trunk_goes_down_before_it_comes_up_again(office: Office) -> None:
    story: list[str] = []
    async with _pool(office, story) as pool:
        await _edit(office, a_trunk(channels=9))
        await pool.reload()
        await asyncio.sleep(0)
        assert story == ["up with 4", "down with 4", "up with 9"]
        assert pool.get(a_trunk().id).account.channels == 9


async def test_a_trunk_that_another_process_added_is_found(office: Office) -> None:
    async with _pool(office, []) as pool:
        await _edit(office, added := a_trunk("added"))
        assert (await pool.find(added.id)).account == added


async def test_a_disabled_trunk_is_not_found(office: Office) -> None:
    async with _pool(office, []) as pool:
        await _edit(office, replace(a_trunk(), is_enabled=False))
        await pool.reload()
        with pytest.raises(TrunkError, match="is disabled or was deleted"):
            await pool.find(a_trunk().id)
