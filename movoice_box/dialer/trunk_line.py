"""The live state of one trunk: its channels, ports and pacing, and whether it may take a call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from movoice_box.clock import Clock
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.breaker import BreakerState, CircuitBreaker
from movoice_box.domain.pacing import Pacing
from movoice_box.domain.port_usage import PortDay, PortState, PortUsage, PortView
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.sip.trunk import Trunk, TrunkStatus

_LOOK_AGAIN_S = 1.0  # at a trunk that is down: its health rings no bell
_LOOK_SOON_S = 0.2  # at one whose first registration is on its way
_STARTS_WITHIN_S = 10.0  # where that takes longer, the owner should know


class ObstacleKind(StrEnum):
    """Why a trunk takes no call now."""

    DISABLED = "disabled"
    DOWN = "down"  # registration lost, OPTIONS without an answer
    STARTING = "starting"  # the first registration has no outcome yet
    RESTING = "resting"  # the circuit breaker
    BUSY = "busy"  # all channels are in use
    PACED = "paced"  # calls per second
    PAUSING = "pausing"  # the gap between two calls of a GSM port
    USED_UP = "used_up"  # all GSM ports have had their day, or rest


_VISIBLE = {
    ObstacleKind.DISABLED,
    ObstacleKind.DOWN,
    ObstacleKind.RESTING,
    ObstacleKind.USED_UP,
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`until` is when to look again, in monotonic seconds; None where a call that ends says so.

    `reason` is a whole sentence for people, with the trunk's name.
    """

    kind: ObstacleKind
    reason: str
    until: float | None = None

    @property
    def is_visible(self) -> bool:
        """The owner should know that calls wait for this; the others are the course of things."""
        return self.kind in _VISIBLE

    def is_over_by(self, moment: float) -> bool:
        return self.until is not None and self.until <= moment


@dataclass(frozen=True, slots=True)
class Seat:
    """What a call holds of a trunk: a channel, the GSM port, and its part in a trial."""

    breaker: CircuitBreaker
    trial: int | None
    port: PortUsage | None
    port_trial: int | None
    day: date


class TrunkLine:
    """One trunk, as the dialer uses it."""

    def __init__(self, trunk: Trunk, clock: Clock) -> None:
        self.is_enabled = True
        self.in_use = 0
        self.ports: list[PortUsage] = []
        self._clock = clock
        self._start_over(trunk)

    @property
    def account(self) -> TrunkAccount:
        return self.trunk.account

    def load(self, trunk: Trunk, days: Mapping[str, PortDay]) -> None:
        """Take up the owner's edits, and what the ports have carried today, by name.

        An edited trunk gets a new chance; the calls that are up stay counted.
        """
        now, monotonic = self._clock.now(), self._clock.monotonic()
        self._start_over(trunk)
        by_prefix = {usage.port.prefix: usage for usage in self.ports}  # so the gateway knows it
        by_name = {usage.port.name: usage for usage in self.ports}
        self.ports = []
        for port in self.account.ports:
            usage = by_prefix.get(port.prefix) or by_name.get(port.name)
            if usage is None or usage in self.ports:
                usage = PortUsage(port, days.get(port.name, PortDay()), now, monotonic)
            usage.follow(port)
            self.ports.append(usage)

    def load_days(self, days: Mapping[str, PortDay]) -> None:
        """What the ports have carried on a day that has just begun, by name."""
        for usage in self.ports:
            usage.day = days.get(usage.port.name, PortDay())

    def obstacle(self, *, is_urgent: bool = False) -> Obstacle | None:
        """Why no call may start on it now, None where one may.

        An urgent one, for somebody who is on the line already, need not wait for its place in the
        row of calls per second: it gets the next.
        """
        now = self._clock.monotonic()
        return self._ill(now) or self._full(now) or (None if is_urgent else self._paced(now))

    def take(self, day: date) -> Seat:
        """Use a channel; only where there is no obstacle."""
        now = self._clock.monotonic()
        self._leases.take(now)
        self.in_use += 1
        port = min(self._free_ports(now), key=lambda one: one.load, default=None)
        port_trial = port.start(now) if port else None
        return Seat(self.breaker, self.breaker.start(now), port, port_trial, day)

    def take_inbound(self, day: date) -> Seat:
        """Count a call that comes in; the gateway does not say by which port."""
        self.in_use += 1
        return Seat(self.breaker, None, None, None, day)

    def take_place(self) -> float:
        """How long an INVITE that is ready has to wait for its place, in seconds."""
        now = self._clock.monotonic()
        return self._invites.take(now) - now

    def on_alive(self, seat: Seat) -> None:
        seat.breaker.on_alive(seat.trial)
        if seat.port:
            seat.port.on_alive(seat.port_trial)

    def drop(self, seat: Seat) -> None:
        """Free what a call held that was never placed."""
        self.in_use -= 1
        seat.breaker.on_dropped(seat.trial)
        if seat.port:
            seat.port.drop(seat.port_trial)

    def end(self, seat: Seat, attempt: Attempt, day: date) -> None:
        """Free what a call held, and learn from how it went."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        self.in_use -= 1
        if seat.port and not seat.port.end(
            attempt, seat.port_trial, now, monotonic, is_today=seat.day == day
        ):
            seat.breaker.on_dropped(seat.trial)
        else:
            seat.breaker.on_end(attempt, monotonic, seat.trial)

    @property
    def is_failing(self) -> bool:
        """It rests or is down: what fails on it now is not the number's fault."""
        is_closed = self.breaker.state(self._clock.monotonic()) is BreakerState.CLOSED
        return not is_closed or self.trunk.status.is_up is False

    def _start_over(self, trunk: Trunk) -> None:
        self.trunk = trunk
        self.breaker = CircuitBreaker()
        self._was_down = False
        self._starting_since: float | None = None
        self._leases = Pacing(trunk.account.calls_per_second)
        self._invites = Pacing(trunk.account.calls_per_second)

    def _ill(self, now: float) -> Obstacle | None:
        name, status = f"trunk '{self.account.name}'", self.trunk.status
        if status.is_up is False:
            self._was_down = True
            reason = f"{name} is down: {status.detail}"
            return Obstacle(ObstacleKind.DOWN, reason, now + _LOOK_AGAIN_S)
        if self._was_down and status.is_up:
            self._was_down = False
            self.breaker.on_recovered(now)
        if not self.breaker.may_start(now):
            state = self.breaker.state(now)
            until = self.breaker.rests_until if state is BreakerState.RESTING else None
            return Obstacle(ObstacleKind.RESTING, f"{name} rests: {self.breaker.reason}", until)
        if self.account.register and status.is_up is None:
            return self._starting(name, status, now)
        self._starting_since = None
        return None

    def _starting(self, name: str, status: TrunkStatus, now: float) -> Obstacle:
        """The first registration has no outcome yet; pyVoIP waits for ever for one."""
        self._starting_since = self._starting_since or now
        if now - self._starting_since < _STARTS_WITHIN_S:
            reason = f"{name} is being registered"
            return Obstacle(ObstacleKind.STARTING, reason, now + _LOOK_SOON_S)
        reason = f"{name} is not registered yet: {status.detail}"
        return Obstacle(ObstacleKind.DOWN, reason, now + _LOOK_AGAIN_S)

    def _full(self, now: float) -> Obstacle | None:
        name = f"trunk '{self.account.name}'"
        if self.in_use >= self.account.capacity:
            return Obstacle(ObstacleKind.BUSY, f"all channels of {name} are in use")
        if not self.ports or self._free_ports(now):
            return None
        views = [(port.port.name, port.view(now)) for port in self.ports]
        if any(view.state is PortState.BUSY for _, view in views):
            return Obstacle(ObstacleKind.BUSY, f"all ports of {name} are in use", _soonest(views))
        if any(view.state is PortState.PAUSING for _, view in views):
            return Obstacle(ObstacleKind.PAUSING, f"{name} waits between calls", _soonest(views))
        told = "; ".join(f"{port} {view.reason}" for port, view in views)
        reason = f"no port of {name} may call now: {told}"
        return Obstacle(ObstacleKind.USED_UP, reason, _soonest(views))

    def _paced(self, now: float) -> Obstacle | None:
        free_at = self._leases.free_at(now)
        if free_at <= now:
            return None
        reason = f"trunk '{self.account.name}' waits for its calls per second"
        return Obstacle(ObstacleKind.PACED, reason, free_at)

    def _free_ports(self, now: float) -> list[PortUsage]:
        return [port for port in self.ports if port.view(now).state is PortState.FREE]


def _soonest(views: Iterable[tuple[str, PortView]]) -> float | None:
    return min((view.until for _, view in views if view.until is not None), default=None)
