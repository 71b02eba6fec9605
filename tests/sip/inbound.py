"""A box that takes calls from 127.0.0.1, and keeps those that ring."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from movoice_box.clock import SystemClock
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.timers import RFC_TIMERS, TimerValues
from movoice_box.sip.trunk import IncomingCall
from tests.sip.ends import an_account, an_endpoint


@dataclass
class Office:
    """Where the calls ring."""

    endpoint: SipEndpoint
    trunk: NativeTrunk
    ringing: asyncio.Queue[IncomingCall] = field(default_factory=asyncio.Queue)

    async def call(self) -> IncomingCall:
        async with asyncio.timeout(10):
            return await self.ringing.get()


@asynccontextmanager
async def an_office(
    *, timers: TimerValues = RFC_TIMERS, takes_calls: bool = True, **account: Any
) -> AsyncIterator[Office]:
    ringing: asyncio.Queue[IncomingCall] = asyncio.Queue()
    values: dict[str, Any] = {"username": "box"} | account
    async with an_endpoint(timers) as endpoint:
        trunk = NativeTrunk(
            an_account(("127.0.0.1", 9), **values),
            endpoint,
            SystemClock(),
            ringing.put_nowait if takes_calls else None,
        )
        await trunk.reach()
        yield Office(endpoint, trunk, ringing)
