"""Handing a callee over to a person: by REFER, or by a second call that the box joins."""

import asyncio
import logging
from dataclasses import replace

import aiosqlite

from movoice_box.clock import Clock
from movoice_box.dialer.channels import Channels, Lease
from movoice_box.dialer.leg import Leg
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.batch import SkipReason
from movoice_box.domain.call import Call, Disposition
from movoice_box.domain.phone import PhoneNumber, masked
from movoice_box.domain.routing import Wish
from movoice_box.errors import InputError, TrunkError
from movoice_box.ids import TrunkId
from movoice_box.rtp.bridge import bridge, ring_back
from movoice_box.rtp.engine import MediaEngine
from movoice_box.sip.trunk import (
    TRANSFER_REFUSED,
    Answered,
    CallDetails,
    EarlyMedia,
    Ended,
    Ringing,
)
from movoice_box.store import dnd
from movoice_box.store.database import Database

_LONGEST_S = 3_600.0  # of two people in the box: it holds two channels meanwhile
_CUT_SHORT = Ended(disposition=Disposition.CANCELED)

logger = logging.getLogger(__name__)


class Transfers:
    """`default_country` is that of numbers without a country code."""

    def __init__(
        self,
        channels: Channels,
        media: MediaEngine,
        database: Database,
        clock: Clock,
        default_country: str,
    ) -> None:
        self._channels = channels
        self._media = media
        self._database = database
        self._clock = clock
        self._default_country = default_country

    async def number(self, text: str, call: Call) -> PhoneNumber:
        """Who is to take over. Raises `InputError` where it is no number, or may not be rung."""
        to = PhoneNumber.parse_any(text, self._default_country)
        async with self._database.reading() as db:
            await check_transfer(db, call, to)
        return to

    async def hand_over(
        self, leg: Leg, to: PhoneNumber, trunk_id: TrunkId, details: CallDetails
    ) -> bool:
        """Whether somebody took over; returns when the box has no more part in the call.

        `trunk_id` is the trunk of `leg`, by which the second call goes too if it can. The callee
        hears it ring. The two may talk for an hour; either BYE ends both calls. Where the far end
        has tried by itself, `to` may have been rung, and is not rung again.
        """
        try:
            await leg.dialog.transfer(to)
        except TrunkError as failure:
            logger.info("a call was not transferred by REFER: %s", masked(failure.message))
            if failure.code != TRANSFER_REFUSED:
                return False
        else:
            return True
        second = _SecondLeg(leg, to, details, self._channels, self._media, self._clock)
        await leg.while_up(second.run(trunk_id))
        return second.was_answered


async def check_transfer(db: aiosqlite.Connection, call: Call, to: PhoneNumber) -> None:
    """Raises `InputError` where `to` may not be rung: the callee, or on the do-not-disturb list."""
    if to == call.phone:
        raise InputError(f"{to} is on the line: it cannot take over from itself", field="to")
    if entry := await dnd.find(db, to):
        raise InputError(f"{to} is {entry.reason}", code=SkipReason.DND, field="to")


class _SecondLeg:
    """A call to whoever takes over. The GSM port that carries it has it in its day."""

    def __init__(
        self,
        first: Leg,
        to: PhoneNumber,
        details: CallDetails,
        channels: Channels,
        media: MediaEngine,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._is_dialed = False
        self._answered_at: float | None = None
        self._first = first
        self._to = to
        self._details = details
        self._channels = channels
        self._media = media

    async def run(self, trunk_id: TrunkId) -> None:
        """Call, over another trunk where one fails, and stay until the call is over."""
        async with asyncio.TaskGroup() as group:
            ringing = group.create_task(ring_back(self._first.audio), name="ringback")
            lease = self._channel(trunk_id)
            while lease is not None:
                with lease:
                    try:
                        step = lease.release(await self._call(lease, ringing))
                    finally:  # also where the callee hung up
                        if self._is_dialed:
                            lease.release(self._attempt(_CUT_SHORT))
                lease = step if isinstance(step, Lease) else None
            ringing.cancel()

    @property
    def was_answered(self) -> bool:
        return self._answered_at is not None

    def _channel(self, trunk_id: TrunkId) -> Lease | None:
        same = Wish(trunk_id=trunk_id, is_extension=self._to.is_extension)
        anyone = Wish(is_extension=self._to.is_extension)
        lease = self._channels.try_take(same, is_urgent=True)
        lease = lease or self._channels.try_take(anyone, is_urgent=True)
        if lease is None:
            logger.warning("a callee could not be handed over: no trunk has a channel for it")
        else:
            lease.wish = anyone  # where the trunk fails, any other may
        return lease

    async def _call(self, lease: Lease, ringing: asyncio.Task[None]) -> Attempt:
        trunk = lease.trunk
        self._is_dialed = False
        try:
            await trunk.reach()
            await lease.turn(self._first.over)
            session = await self._media.open(trunk.local_address(), trunk.account.media)
        except TrunkError as error:
            return Attempt(disposition=Disposition.UNREACHABLE, reason=error.message)
        try:
            details = replace(self._details, written=lease.write(self._to))
            self._is_dialed = True
            dialog = await trunk.invite(self._to, session.offer, details)
            try:
                return await self._follow(Leg(dialog, session), lease, ringing)
            finally:
                await dialog.end()
        except TrunkError as error:
            return Attempt(disposition=Disposition.UNREACHABLE, reason=error.message)
        except InputError as error:
            logger.warning("a callee could not be handed over: %s", masked(error.message))
            return Attempt(disposition=Disposition.CANCELED, reason=error.message)
        finally:
            await session.close()

    async def _follow(self, second: Leg, lease: Lease, ringing: asyncio.Task[None]) -> Attempt:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(second.watch(), name="silence watch of a second leg")]
            while not isinstance(event := await second.next_event(), Ended):
                match event:
                    case Ringing() | EarlyMedia():
                        lease.on_alive()
                    case Answered():
                        lease.on_alive()
                        self._answered_at = self._clock.monotonic()
                        ringing.cancel()
                        beside.append(group.create_task(self._join(second), name="bridge"))
            for task in beside:
                task.cancel()
        return self._attempt(event)

    def _attempt(self, ended: Ended) -> Attempt:
        talk_s = 0.0
        if self._answered_at is not None:
            talk_s = self._clock.monotonic() - self._answered_at
        return Attempt(
            disposition=Disposition.ANSWERED if self.was_answered else ended.disposition,
            sip_status=ended.sip_status,
            reason=ended.sip_reason,
            has_rung=ended.has_rung,
            retry_after_s=ended.retry_after_s,
            talk_s=talk_s,
        )

    async def _join(self, second: Leg) -> None:
        try:
            async with asyncio.timeout(_LONGEST_S):
                await bridge(self._first.audio, second.audio)
        except TimeoutError:
            logger.warning("two people talked through the box for an hour: the call was ended")
        finally:
            await second.dialog.end()
