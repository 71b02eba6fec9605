"""Who uses which channel of which trunk: the ledger that every call takes its channel from.

lease = channels.try_take(Wish(trunk_id=batch.trunk_id))  # None: none is free now
await lease.turn(live.end)                                # its place in the calls per second
dialog = await lease.trunk.invite(to, offer, CallDetails(written=lease.write(to)))
lease.on_alive()                                          # it rings, or was answered
step = lease.release(Attempt(...))    # another Lease: dial there; Step.LATER: hand it back
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from movoice_box.clock import Clock
from movoice_box.dialer.trunk_line import Obstacle, ObstacleKind, Seat, TrunkLine
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.attempt import Attempt, may_fail_over
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.port_usage import PortDay, PortState
from movoice_box.domain.routing import WeightedTurns, Wish
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.ids import CallId, TrunkId
from movoice_box.sip.trunk import Trunk
from movoice_box.store import port_days
from movoice_box.store.database import Database

_WORTH_WAITING_S = 1.0  # for a place in the calls per second, before a later trunk is asked


class Step(StrEnum):
    """What becomes of a call whose lease was released, where no other trunk takes it at once."""

    SETTLED = "settled"  # write down how it went
    LATER = "later"  # its trunk failed and not the number: hand it back to the queue


@dataclass(frozen=True, slots=True)
class PortHealth:
    """A GSM port for the trunk's page: how it is, until when, and its day."""

    name: str
    state: PortState
    reason: str
    until: datetime | None
    day: PortDay


@dataclass(frozen=True, slots=True)
class TrunkHealth:
    """A trunk for its page. `obstacle` None: it takes calls; `reason` says why it does not."""

    obstacle: ObstacleKind | None
    reason: str
    until: datetime | None
    in_use: int
    capacity: int
    ports: tuple[PortHealth, ...] = ()


class Lease:
    """A channel of one trunk, and its GSM port, from the choice of the trunk to the call's end.

    Give it back once, by `release` or `drop`; later ones do nothing. `call_id` is set by whoever
    took it for a call: all that a call still holds is freed by `Channels.free`.
    """

    def __init__(
        self, ledger: "Channels", line: TrunkLine, seat: Seat, wish: Wish, tried: frozenset[TrunkId]
    ) -> None:
        self.call_id: CallId | None = None
        self.trunk: Trunk = line.trunk
        self.wish = wish
        self.tried = tried
        """The trunks that this call has had, this one among them."""
        self.line, self.seat = line, seat
        self._ledger = ledger

    @property
    def trunk_id(self) -> TrunkId:
        return self.trunk.account.id

    @property
    def port(self) -> GsmPort | None:
        return self.seat.port.port if self.seat.port else None

    @property
    def channel(self) -> str | None:
        """The name of the GSM port."""
        return self.port.name if self.port else None

    def write(self, phone: PhoneNumber) -> str:
        """The number as it is dialed: as the trunk writes it, after the digits of the GSM port.

        The gateway takes those off again, so they stand outermost. Raises `InputError` where the
        trunk's rules make no number of it.
        """
        prefix = self.port.prefix if self.port else ""
        return prefix + self.trunk.account.number_writing.write(phone)

    async def turn(self, is_over: asyncio.Event) -> None:
        """Wait for this call's place in the calls per second: the INVITE leaves after it.

        Returns at once where `is_over` is set, and of a trunk without that limit. Raises
        `TrunkError` where the owner has edited or disabled the trunk by then.
        """
        if (wait_s := self.line.take_place()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await is_over.wait()
        self._ledger.check(self)

    def on_alive(self) -> None:
        """The far end rings or has answered: a trunk that was on trial takes calls again."""
        self.line.on_alive(self.seat)
        self._ledger.wake()

    def release(self, attempt: Attempt) -> "Lease | Step":
        """Give the channel back with how the call went, and learn what becomes of the call.

        Another lease where the trunk failed, any trunk may carry the call and one has a channel:
        dial there. Never a trunk twice, and never once a phone may have rung.
        """
        return self._ledger.release(self, attempt)

    def drop(self) -> None:
        """Give the channel back for a call that was never placed, or that came in."""
        self._ledger.drop(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.drop()


class Channels:
    """The ledger, kept in step with the owner's trunks by `follow`."""

    def __init__(self, trunks: TrunkPool, database: Database, clock: Clock, zone: ZoneInfo) -> None:
        """`zone` is the box's own: there the day of a GSM port begins."""
        self.wake: Callable[[], None] = lambda: None
        """Called when a channel comes free, or a trunk takes calls again."""
        self._trunks = trunks
        self._database = database
        self._clock = clock
        self._zone = zone
        self._lines: dict[TrunkId, TrunkLine] = {}
        self._turns = WeightedTurns()
        self._held: set[Lease] = set()
        self._put_off: set[CallId] = set()
        self._day = self._today()
        self._is_day_unread = False

    async def follow(self) -> None:
        """Take up the owner's edits, with what the ports of new trunks have carried today."""
        running = {account.id: self._trunks.get(account.id) for account in self._trunks.accounts()}
        for trunk_id, trunk in running.items():
            line = self._lines.get(trunk_id)
            if line is None or line.trunk is not trunk:
                await self._load(trunk_id, trunk)
            self._lines[trunk_id].is_enabled = True
        for trunk_id, line in list(self._lines.items()):
            if trunk_id not in running:
                line.is_enabled = False
                if not line.in_use:
                    del self._lines[trunk_id]
        self._turns.keep(running)
        self._start_day()
        if self._is_day_unread:
            self._is_day_unread = False
            for line in list(self._lines.values()):
                line.load_days(await self._days(line.account))

    def try_take(
        self,
        wish: Wish,
        *,
        tried: Collection[TrunkId] = (),
        is_urgent: bool = False,
    ) -> Lease | None:
        """A channel of the best trunk that may take a call now and was not `tried`, or None.

        `is_urgent` is for somebody who is on the line already: see `TrunkLine.obstacle`.
        """
        self._start_day()
        ready = self._ready(wish, tried, is_urgent=is_urgent)
        if isinstance(ready, Obstacle):
            return None
        line = self._lines[self._turns.choose([one.account for one in ready]).id]
        lease = Lease(self, line, line.take(self._day), wish, frozenset((*tried, line.account.id)))
        self._held.add(lease)
        return lease

    def take_inbound(self, trunk_id: TrunkId) -> Lease | None:
        """A channel for a call that comes in, None where all are in use. Use it by `with`."""
        line = self._lines.get(trunk_id)
        if line is None or not line.is_enabled or line.in_use >= line.account.capacity:
            return None
        seat = line.take_inbound(self._day)
        lease = Lease(self, line, seat, Wish(trunk_id=trunk_id), frozenset({trunk_id}))
        self._held.add(lease)
        return lease

    def obstacle(self, wish: Wish) -> Obstacle | None:
        """Why a call has to wait now, and until when; None where it has not."""
        self._start_day()
        ready = self._ready(wish, (), is_urgent=False)
        return ready if isinstance(ready, Obstacle) else None

    def is_known(self, trunk_id: TrunkId) -> bool:
        """Whether the trunk is enabled, as last followed."""
        line = self._lines.get(trunk_id)
        return line is not None and line.is_enabled

    def health(self, trunk_id: TrunkId) -> TrunkHealth | None:
        """How an enabled trunk is, for its page."""
        line = self._lines.get(trunk_id)
        if line is None or not line.is_enabled:
            return None
        self._start_day()
        obstacle = line.obstacle()
        now = self._clock.monotonic()
        ports = []
        for usage in line.ports:
            view = usage.view(now)
            until = self._moment(view.until)
            ports.append(PortHealth(usage.port.name, view.state, view.reason, until, usage.day))
        return TrunkHealth(
            obstacle.kind if obstacle else None,
            obstacle.reason if obstacle else "",
            self._moment(obstacle.until) if obstacle else None,
            line.in_use,
            line.account.capacity,
            tuple(ports),
        )

    def release(self, lease: Lease, attempt: Attempt) -> Lease | Step:
        """See `Lease.release`."""
        if lease not in self._held:
            return Step.SETTLED
        self._start_day()
        was_failing = lease.line.is_failing or not self._trunks.is_in_use(lease.trunk)
        self._held.discard(lease)
        lease.line.end(lease.seat, attempt, self._day)
        self.wake()
        if may_fail_over(attempt):
            if lease.wish.is_automatic and (
                other := self.try_take(lease.wish, tried=lease.tried, is_urgent=True)
            ):
                other.call_id = lease.call_id
                return other
            if lease.call_id is not None and self._is_for_later(lease, attempt, was_failing):
                self._put_off.add(lease.call_id)
                return Step.LATER
        if lease.call_id is not None:
            self._put_off.discard(lease.call_id)
        return Step.SETTLED

    def check(self, lease: Lease) -> None:
        """Raises `TrunkError` where the trunk of a lease is not in use any more as it was."""
        if not self._trunks.is_in_use(lease.trunk):
            name = lease.trunk.account.name
            raise TrunkError(f"trunk '{name}' was edited or disabled while a call waited for it")

    def drop(self, lease: Lease) -> None:
        """See `Lease.drop`."""
        if lease in self._held:
            self._held.discard(lease)
            lease.line.drop(lease.seat)
            self.wake()

    def free(self, call_id: CallId) -> None:
        """Free whatever a call that is over still holds."""
        for lease in [one for one in self._held if one.call_id == call_id]:
            self.drop(lease)

    def _is_for_later(self, lease: Lease, attempt: Attempt, was_failing: bool) -> bool:
        """A call whose trunk failed is dialed again once, where another time is likely better.

        The calls that make a trunk rest are spent; those that fail while it rests are not.
        """
        if lease.call_id in self._put_off:
            return False
        if was_failing or attempt.retry_after_s or len(lease.line.ports) > 1:
            return True
        others = self._obstacles(lease.wish, lease.tried, is_urgent=True)
        return lease.wish.is_automatic and any(
            obstacle and not obstacle.is_visible for _, obstacle in others
        )

    def _obstacles(
        self, wish: Wish, tried: Collection[TrunkId], *, is_urgent: bool
    ) -> list[tuple[TrunkLine, Obstacle | None]]:
        """The trunks that may carry the call at all, each with what is in its way."""
        return [
            (line, line.obstacle(is_urgent=is_urgent))
            for trunk_id, line in self._lines.items()
            if line.is_enabled and trunk_id not in tried and wish.suits(line.account)
        ]

    def _ready(
        self, wish: Wish, tried: Collection[TrunkId], *, is_urgent: bool
    ) -> list[TrunkLine] | Obstacle:
        """The trunks of the lowest priority that may take the call now, or why none may."""
        found = self._obstacles(wish, tried, is_urgent=is_urgent)
        soon = self._clock.monotonic() + _WORTH_WAITING_S
        for priority in sorted({line.account.priority for line, _ in found}):
            group = [one for one in found if one[0].account.priority == priority]
            if free := [line for line, obstacle in group if obstacle is None]:
                return free
            for _, obstacle in group:
                if obstacle and obstacle.kind is ObstacleKind.PACED and obstacle.is_over_by(soon):
                    return obstacle
        return self._sum_up(wish, [obstacle for _, obstacle in found if obstacle])

    def _sum_up(self, wish: Wish, obstacles: list[Obstacle]) -> Obstacle:
        """One obstacle of several: the course of things rather than trouble, if any is that."""
        if not obstacles:
            return Obstacle(ObstacleKind.DISABLED, self._no_trunk(wish))
        told = next((one for one in obstacles if not one.is_visible), obstacles[0])
        reason = told.reason
        if told.is_visible:
            reason = "; ".join(one.reason for one in obstacles)
        untils = [self._until(one) for one in obstacles]
        return Obstacle(
            told.kind, reason, min((one for one in untils if one is not None), default=None)
        )

    def _until(self, obstacle: Obstacle) -> float | None:
        if obstacle.kind is ObstacleKind.USED_UP and obstacle.until is None:
            midnight = datetime.combine(self._day + timedelta(days=1), time(), self._zone)
            return self._clock.monotonic() + (midnight - self._clock.now()).total_seconds()
        return obstacle.until

    async def _load(self, trunk_id: TrunkId, trunk: Trunk) -> None:
        days = await self._days(trunk.account)
        line = self._lines.setdefault(trunk_id, TrunkLine(trunk, self._clock))
        line.load(trunk, days)

    async def _days(self, account: TrunkAccount) -> dict[str, PortDay]:
        if not account.ports:
            return {}
        midnight = datetime.combine(self._day, time(), self._zone)
        async with self._database.reading() as db:
            return await port_days.since(db, account.id, midnight)

    def _start_day(self) -> None:
        """Begin anew at midnight; the books are read where it was the clock that was set."""
        if (today := self._today()) != self._day:
            self._day, self._is_day_unread = today, True
            for line in self._lines.values():
                line.load_days({})

    def _today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()

    def _no_trunk(self, wish: Wish) -> str:
        if wish.trunk_id is not None and self.is_known(wish.trunk_id):
            name = self._lines[wish.trunk_id].account.name
            return f"trunk '{name}' does not allow extensions: allow them on it"
        if wish.trunk_id is not None:
            return f"trunk '{wish.trunk_id}' is disabled or was deleted: enable it"
        if wish.is_extension:
            return "no trunk that is enabled allows extensions: allow them on one"
        return "no trunk is enabled: enable one, or add one"

    def _moment(self, monotonic: float | None) -> datetime | None:
        if monotonic is None:
            return None
        return self._clock.now() + timedelta(seconds=monotonic - self._clock.monotonic())
