"""One claimed call: prepared, allowed, placed over one trunk or the next, and written down."""

from dataclasses import dataclass, replace

from movoice_box.dialer.call_book import not_dialed, without_conversation
from movoice_box.dialer.channels import Lease, Step
from movoice_box.dialer.live import LiveCall, LiveCalls
from movoice_box.dialer.placed_call import CallDesk, CallEnd, PlacedCall
from movoice_box.domain.agent import Agent
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.batch import Batch, SkipReason
from movoice_box.domain.call import Call, CallState, Disposition
from movoice_box.errors import InputError, SpeechError, TrunkError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.store import call_queue
from movoice_box.store.call_queue import Permission
from movoice_box.voice.brain.script import ScriptBrain
from movoice_box.voice.conversation import Conversation
from movoice_box.voice.speech.tts import SpeechSynthesizer

_ON_A_CALL = "another call of this box with that number was up"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRunner:
    desk: CallDesk
    live: LiveCalls
    media: MediaEngine
    speech: SpeechSynthesizer

    async def run(self, batch: Batch, call: Call, agent: Agent, lease: Lease) -> None:
        """Place a claimed call, hold the conversation, and write down how it went.

        Where a trunk fails before anyone can be rung, the next one that has a channel is tried.
        Returns when the call has ended on disk, or was handed back.
        """
        book = self.desk.book
        live = LiveCall(call.id, batch.id)
        conversation = Conversation(
            agent, ScriptBrain(agent, call.variables), self.speech, book.clock
        )
        with self.live.holding(live):
            try:
                await conversation.prepare()
            except SpeechError as error:
                await book.hand_back(batch.id, call, error.message)
                return
            by: Lease | None = lease
            while by is not None:
                placed = PlacedCall(
                    call,
                    agent,
                    live,
                    conversation,
                    self.desk,
                    by.trunk.account,
                    caller_id=batch.caller_id,
                    on_alive=by.on_alive,
                )
                by = await self._dial(placed, call, live, by)

    async def _dial(
        self, placed: PlacedCall, call: Call, live: LiveCall, lease: Lease
    ) -> Lease | None:
        """Place the call by `lease`; returns the next lease, or None when the call is settled."""
        trunk = lease.trunk
        with lease:
            try:
                await trunk.reach()
                await lease.turn(live.end)
                session = await self.media.open(trunk.local_address(), trunk.account.media)
            except TrunkError as error:
                return await self._after(_unplaced(call, error), call, live, lease)
            try:
                if not await self._may_dial(live, call, lease):
                    return None
                end = await self._place(placed, call, live, lease, session)
            finally:
                await session.close()
            return await self._after(end, call, live, lease)

    async def _place(
        self, placed: PlacedCall, call: Call, live: LiveCall, lease: Lease, session: RtpSession
    ) -> CallEnd:
        if live.end.is_set():
            return CallEnd(not_dialed(call), Attempt(disposition=Disposition.CANCELED))
        try:
            details = replace(placed.details, written=lease.write(call.phone))
            dialog = await lease.trunk.invite(call.phone, session.offer, details)
        except TrunkError as error:
            return _unplaced(call, error)
        except InputError as error:  # it says nothing of the trunk that a number is none
            failed = without_conversation(call, Disposition.FAILED, error.message)
            return CallEnd(failed, Attempt(disposition=Disposition.CANCELED))
        return await placed.run(dialog, session)

    async def _after(self, end: CallEnd, call: Call, live: LiveCall, lease: Lease) -> Lease | None:
        """Give the lease back; settle the call where no other trunk takes it."""
        step = lease.release(end.attempt)
        if isinstance(step, Lease):
            return step
        is_told_to_end = live.end.is_set() and not self.live.is_closing
        was_dialed = live.state is not CallState.PREPARING
        if (step is Step.LATER or not was_dialed) and not is_told_to_end:
            await self.desk.book.hand_back(live.batch_id, call)
        else:
            await self.desk.book.end(live.batch_id, call, end.result)
        return None

    async def _may_dial(self, live: LiveCall, call: Call, lease: Lease) -> bool:
        """Commit `dialing` if the list and the batch still allow it; settle the call if not."""
        batch_id = live.batch_id
        if live.end.is_set() and self.live.is_closing:
            await self.desk.book.hand_back(batch_id, call)
            return False
        permission = Permission.BATCH_CANCELED
        dial = call_queue.start_dialing
        if live.state is CallState.DIALING:
            dial = call_queue.move_trunk
        if not live.end.is_set():
            permission = await self.desk.book.database.keep(
                lambda db: dial(
                    db, call.id, lease.trunk_id, lease.channel, self.desk.book.moment_of(call.id)
                )
            )
        match permission:
            case Permission.BATCH_PAUSED:
                await self.desk.book.hand_back(batch_id, call)
            case Permission.BATCH_CANCELED:
                result = not_dialed(call)
                await self.desk.book.end(batch_id, call, result)
            case Permission.ON_DND:
                entry = await self.desk.dnd.check(call.phone.e164)
                message = f"row {call.row}: {entry.reason if entry else 'listed just now'}"
                result = without_conversation(call, Disposition.CANCELED, message)
                await self.desk.book.end(batch_id, call, result, (SkipReason.DND, message))
            case Permission.ON_A_CALL:
                result = without_conversation(call, Disposition.BUSY, _ON_A_CALL)
                await self.desk.book.end(batch_id, call, result)
            case Permission.GRANTED:
                live.state = CallState.DIALING
        return permission is Permission.GRANTED


def _unplaced(call: Call, error: TrunkError) -> CallEnd:
    unreachable = Disposition.UNREACHABLE
    return CallEnd(
        without_conversation(call, unreachable, error.message),
        Attempt(disposition=unreachable, reason=error.message),
    )
