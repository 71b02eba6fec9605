"""The ledger of channels over trunks that a test gives it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from movoice_box.dialer.channels import Channels, Lease
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Disposition
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.routing import Wish
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.ids import CallId
from movoice_box.store import trunks
from tests.builders import Office, a_trunk
from tests.dialer.lines import Exchange, a_stored_trunk

ANY = Wish()
CALL = CallId("call_1")
SILENCE = Attempt(disposition=Disposition.UNREACHABLE, reason="no answer in 32 s (timer B)")
REFUSAL = Attempt(disposition=Disposition.FAILED, sip_status=503, reason="Full")
BUSY = Attempt(disposition=Disposition.BUSY, sip_status=486)


@dataclass
class Desk:
    channels: Channels
    pool: TrunkPool
    built: dict[str, Exchange]

    def take(self, wish: Wish = ANY) -> Lease:
        lease = self.channels.try_take(wish)
        assert lease is not None
        lease.call_id = CALL
        return lease

    def names(self, calls: int) -> list[str]:
        """The trunks of so many calls, all up at once."""
        return [self.take().trunk.account.name for _ in range(calls)]

    def spend(self, *attempts: Attempt, wish: Wish = ANY) -> None:
        for attempt in attempts:
            self.take(wish).release(attempt)


@asynccontextmanager
async def a_desk(office: Office, *accounts: TrunkAccount) -> AsyncIterator[Desk]:
    """Just the trunks given."""
    built: dict[str, Exchange] = {}

    def build(account: TrunkAccount) -> Exchange:
        return built.setdefault(account.name, Exchange(account))

    await office.database.write(lambda db: trunks.remove(db, "trunk_gateway"))
    for account in accounts:
        await a_stored_trunk(office, account)
    pool = TrunkPool(office.database, office.seal, build)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(pool.run())
        await pool.loaded()
        channels = Channels(pool, office.database, office.clock, office.settings.zone)
        await channels.follow()
        yield Desk(channels, pool, built)
        task.cancel()


def a_gsm_gateway(*ports: GsmPort, **changes: object) -> TrunkAccount:
    return a_trunk("gsm", ports=ports or (a_sim(1), a_sim(2)), **changes)


def a_sim(number: int, **limits: int) -> GsmPort:
    return GsmPort(name=f"SIM {number}", prefix=f"{number}#", **limits)
