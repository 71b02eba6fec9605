"""Either driver of the `Trunk` protocol, running towards SIPp."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from movoice_box.clock import SystemClock
from movoice_box.domain.trunk import TrunkDriver
from movoice_box.sip.pyvoip_trunk import PyvoipTrunk
from movoice_box.sip.transport import Address
from movoice_box.sip.trunk import Trunk
from tests.peers.sipp import sipp_carrier
from tests.sip.ends import a_trunk, an_account


@asynccontextmanager
async def a_pyvoip_trunk(address: Address, **account: Any) -> AsyncIterator[PyvoipTrunk]:
    """A trunk to `address`, running and registered."""
    values: dict[str, Any] = {"register": True, "driver": TrunkDriver.PYVOIP} | account
    trunk = PyvoipTrunk(an_account(address, **values), SystemClock())
    running = asyncio.get_running_loop().create_task(trunk.run())  # a group would wrap failures
    try:
        status = await trunk.test()
        assert status.is_up, status.detail
        yield trunk
    finally:
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def a_driver(
    driver: TrunkDriver,
    folder: Path,
    scenario: str,
    account: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Trunk]:
    """A trunk of `driver` to a SIPp that plays `scenario` and judges it."""
    is_pyvoip = driver is TrunkDriver.PYVOIP
    carrier = sipp_carrier(
        folder, scenario, **{"is_registrar": is_pyvoip, "finish_s": 2.0} | options
    )
    async with carrier as address:
        open_trunk = a_pyvoip_trunk if is_pyvoip else a_trunk
        async with open_trunk(address, **account or {}) as trunk:
            yield trunk
