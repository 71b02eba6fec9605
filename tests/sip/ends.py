"""A native trunk towards a peer, and what tests do with its calls."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from movoice_box.clock import SystemClock
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.ids import TrunkId
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.line import Line
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.stream import RFC_FLOW_TIMES, FlowTimes
from movoice_box.sip.timers import RFC_TIMERS, TimerValues
from movoice_box.sip.transport import Address
from movoice_box.sip.trunk import Dialog, DialogEvent, Ended
from tests.peers.sipp import PASSWORD, USER

NUMBER = PhoneNumber("+919876543210")
OFFER = MediaOffer(address="127.0.0.1", port=40_000)
Event = TypeVar("Event")
LOCAL = ("127.0.0.1", 0)
HASTY = TimerValues(t1=0.02, t2=0.16, t4=0.2)
"""64*T1 is 1.28 s."""


def an_account(address: tuple[str, int | None], **changes: Any) -> TrunkAccount:
    host, port = address
    values: dict[str, Any] = {"name": "gw", "username": USER, "password": PASSWORD} | changes
    return TrunkAccount(id=TrunkId("trunk_1"), host=host, port=port, **values)


def an_endpoint(
    timers: TimerValues = RFC_TIMERS,
    *,
    listen: Address = LOCAL,
    times: FlowTimes = RFC_FLOW_TIMES,
) -> SipEndpoint:
    return SipEndpoint(listen, SystemClock(), timers, flow_times=times)


async def let_in(endpoint: SipEndpoint, host: str = "127.0.0.1") -> Line:
    """Make `host` one that a trunk of this endpoint is at."""
    line = Line(an_account((host, 5060)), endpoint)
    await line.candidates()
    return line


@asynccontextmanager
async def a_trunk(
    address: Address, *, timers: TimerValues = RFC_TIMERS, **account: Any
) -> AsyncIterator[NativeTrunk]:
    """A trunk to `address`, its endpoint open, not run."""
    async with an_endpoint(timers) as endpoint:
        yield NativeTrunk(an_account(address, **account), endpoint, SystemClock())


async def events_of(dialog: Dialog) -> list[DialogEvent]:
    """What the dialer hears to the end of the call."""
    events = []
    async with asyncio.timeout(20):
        while not isinstance(event := await dialog.next_event(), Ended):
            events.append(event)
    return [*events, event]


async def until(dialog: Dialog, kind: type[Event]) -> Event:
    """The next event of this kind; an end before it fails."""
    async with asyncio.timeout(20):
        while not isinstance(event := await dialog.next_event(), kind):
            assert not isinstance(event, Ended), event
    return event


async def true_soon(claim: Callable[[], bool]) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(20):
        while not claim():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
