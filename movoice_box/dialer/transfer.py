"""Handing a callee over to a person: by REFER, or by a second call that the box joins."""

import asyncio
import logging
from dataclasses import replace

from movoice_box.dialer.channels import Channels, Lease
from movoice_box.dialer.leg import Leg
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Call, Disposition
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.routing import Wish
from movoice_box.errors import InputError, TrunkError
from movoice_box.ids import TrunkId
from movoice_box.rtp.bridge import bridge, ring_back
from movoice_box.rtp.engine import MediaEngine
from movoice_box.sip.trunk import Answered, CallDetails, EarlyMedia, Ended, Ringing

_LONGEST_S = 3_600.0  # of two people in the box: it holds two channels meanwhile

logger = logging.getLogger(__name__)


class Transfers:
    """`default_country` is that of numbers without a country code."""

    def __init__(self, channels: Channels, media: MediaEngine, default_country: str) -> None:
        self._channels = channels
        self._media = media
        self._default_country = default_country

    def number(self, text: str, call: Call) -> PhoneNumber:
        """Who is to take over. Raises `InputError` where it is no number, or the callee."""
        to = PhoneNumber.parse_any(text, self._default_country)
        if to == call.phone:
            raise InputError(f"{to} is on the line: it cannot take over from itself", field="to")
        return to

    async def hand_over(
        self, leg: Leg, to: PhoneNumber, trunk_id: TrunkId, details: CallDetails
    ) -> bool:
        """Whether somebody took over; returns when the box has no more part in the call.

        `trunk_id` is the trunk of `leg`, by which the second call goes too if it can. The callee
        hears it ring. The two may talk for an hour; either BYE ends both calls.
        """
        try:
            await leg.dialog.transfer(to)
        except TrunkError as refusal:
            logger.info("a call was not transferred by REFER: %s", refusal.message)
        else:
            return True
        second = _SecondLeg(leg, to, details, self._channels, self._media)
        await leg.while_up(second.run(trunk_id))
        return second.was_answered


class _SecondLeg:
    """A call to whoever takes over."""

    def __init__(
        self,
        first: Leg,
        to: PhoneNumber,
        details: CallDetails,
        channels: Channels,
        media: MediaEngine,
    ) -> None:
        self.was_answered = False
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
                    step = lease.release(await self._call(lease, ringing))
                lease = step if isinstance(step, Lease) else None
            ringing.cancel()

    def _channel(self, trunk_id: TrunkId) -> Lease | None:
        is_extension = self._to.is_extension
        same = Wish(trunk_id=trunk_id, is_extension=is_extension)
        lease = self._channels.try_take(same, is_urgent=True) or self._channels.try_take(
            Wish(is_extension=is_extension), is_urgent=True
        )
        if lease is None:
            logger.warning("a callee could not be handed over: no trunk has a channel for it")
        return lease

    async def _call(self, lease: Lease, ringing: asyncio.Task[None]) -> Attempt:
        trunk = lease.trunk
        try:
            await trunk.reach()
            session = await self._media.open(trunk.local_address(), trunk.account.media)
        except TrunkError as error:
            return Attempt(disposition=Disposition.UNREACHABLE, reason=error.message)
        try:
            await lease.turn()
            details = replace(self._details, written=lease.write(self._to))
            dialog = await trunk.invite(self._to, session.offer, details)
            try:
                return await self._follow(Leg(dialog, session), lease, ringing)
            finally:
                await dialog.end()
        except TrunkError as error:
            return Attempt(disposition=Disposition.UNREACHABLE, reason=error.message)
        except InputError as error:
            logger.warning("a callee could not be handed over: %s", error.message)
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
                        self.was_answered = True
                        ringing.cancel()
                        beside.append(group.create_task(self._join(second), name="bridge"))
            for task in beside:
                task.cancel()
        return Attempt(
            disposition=event.disposition,
            sip_status=event.sip_status,
            reason=event.sip_reason,
            has_rung=event.has_rung,
            retry_after_s=event.retry_after_s,
        )

    async def _join(self, second: Leg) -> None:
        try:
            async with asyncio.timeout(_LONGEST_S):
                await bridge(self._first.audio, second.audio)
        except TimeoutError:
            logger.warning("two people talked through the box for an hour: the call was ended")
        finally:
            await second.dialog.end()
