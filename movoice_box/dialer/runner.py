"""One claimed call: prepared, allowed, placed, and written down."""

from dataclasses import dataclass
from pathlib import Path

from movoice_box.dialer.call_book import CallBook, not_dialed, without_conversation
from movoice_box.dialer.channels import Lease, Step
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.live import LiveCall, LiveCalls
from movoice_box.dialer.placed_call import PlacedCall
from movoice_box.domain.agent import Agent
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.batch import Batch, SkipReason
from movoice_box.domain.call import Call, CallState, Disposition
from movoice_box.errors import SpeechError, TrunkError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.store import call_queue
from movoice_box.store.call_queue import Permission
from movoice_box.voice.brain.script import ScriptBrain
from movoice_box.voice.conversation import Conversation
from movoice_box.voice.speech.tts import SpeechSynthesizer


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRunner:
    book: CallBook
    live: LiveCalls
    media: MediaEngine
    speech: SpeechSynthesizer
    dnd: DoNotDisturb
    recordings: Path

    async def run(self, batch: Batch, call: Call, agent: Agent, lease: Lease) -> None:
        """Place a claimed call, hold the conversation, and write down how it went.

        Returns when the call has ended on disk, or was handed back.
        """
        batch_id = batch.id
        live = LiveCall(call.id, batch_id)
        conversation = Conversation(
            agent, ScriptBrain(agent, call.variables), self.speech, self.book.clock
        )
        with self.live.holding(live):
            try:
                await conversation.prepare()
                await lease.trunk.reach()
                session = await self.media.open(
                    lease.trunk.local_address(), lease.trunk.account.media
                )
            except SpeechError as error:
                await self.book.hand_back(batch_id, call, error.message)
                return
            except TrunkError as error:
                unreachable = Disposition.UNREACHABLE
                lease.release(Attempt(disposition=unreachable, reason=error.message))
                await self.book.hand_back(batch_id, call)
                return
            try:
                await lease.turn()
                if not await self._may_dial(live, call, lease):
                    return
                placed = PlacedCall(
                    call,
                    agent,
                    live,
                    conversation,
                    session,
                    self.book,
                    self.dnd,
                    self.recordings,
                )
                result = await placed.run(lease.trunk)
                attempt = Attempt(
                    disposition=result.disposition,
                    sip_status=result.sip_status,
                    reason=result.sip_reason,
                    has_rung=live.state is not CallState.PREPARING,
                )
                if lease.release(attempt) is Step.LATER:
                    await self.book.hand_back(batch_id, call)
                else:
                    await self.book.end(batch_id, call, result)
            finally:
                await session.close()

    async def _may_dial(self, live: LiveCall, call: Call, lease: Lease) -> bool:
        """Commit `dialing` if the list and the batch still allow it; settle the call if not."""
        batch_id = live.batch_id
        if live.end.is_set() and self.live.is_closing:
            await self.book.hand_back(batch_id, call)
            return False
        permission = Permission.BATCH_CANCELED
        if not live.end.is_set():
            permission = await self.book.database.keep(
                lambda db: call_queue.start_dialing(
                    db, call.id, lease.trunk_id, lease.channel, self.book.clock.now()
                )
            )
        match permission:
            case Permission.BATCH_PAUSED:
                await self.book.hand_back(batch_id, call)
            case Permission.BATCH_CANCELED:
                result = not_dialed(call)
                await self.book.end(batch_id, call, result)
            case Permission.ON_DND:
                entry = await self.dnd.check(call.phone.e164)
                message = f"row {call.row}: {entry.reason if entry else 'listed just now'}"
                result = without_conversation(call, Disposition.CANCELED, message)
                await self.book.end(batch_id, call, result, (SkipReason.DND, message))
        return permission is Permission.GRANTED
