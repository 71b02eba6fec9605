"""One claimed call: prepared, allowed, placed, and written down."""

from dataclasses import dataclass
from pathlib import Path

from movoice_box.dialer.call_book import CallBook, without_conversation
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.live import LiveCall, LiveCalls
from movoice_box.dialer.placed_call import PlacedCall
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.agent import Agent
from movoice_box.domain.batch import SkipReason
from movoice_box.domain.call import Call, Disposition
from movoice_box.errors import SpeechError, TrunkError
from movoice_box.ids import BatchId
from movoice_box.rtp.engine import MediaEngine
from movoice_box.store import calls
from movoice_box.store.calls import Permission
from movoice_box.voice.brain.script import ScriptBrain
from movoice_box.voice.conversation import Conversation
from movoice_box.voice.speech.tts import SpeechSynthesizer


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRunner:
    book: CallBook
    live: LiveCalls
    trunks: TrunkPool
    media: MediaEngine
    speech: SpeechSynthesizer
    dnd: DoNotDisturb
    recordings: Path

    async def run(self, batch_id: BatchId, call: Call, agent: Agent) -> None:
        """Place a claimed call, hold the conversation, and write down how it went.

        Returns when the call has ended on disk, or was handed back to the queue undialed.
        """
        live = LiveCall(call.id, batch_id)
        conversation = Conversation(
            agent, ScriptBrain(agent, call.variables), self.speech, self.book.clock
        )
        with self.live.holding(live):
            try:
                await conversation.prepare()
                trunk = self.trunks.get(call.trunk_id)
                session = await self.media.open(trunk.local_address())
            except (SpeechError, TrunkError) as error:
                await self.book.hand_back_and_pause(batch_id, call, error.message)
                return
            try:
                if await self._may_dial(batch_id, call):
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
                    await self.book.end(batch_id, call, await placed.run(trunk))
            finally:
                await session.close()

    async def _may_dial(self, batch_id: BatchId, call: Call) -> bool:
        """Commit `dialing` if the list and the batch still allow it; settle the call if not."""
        now = self.book.clock.now()
        permission = await self.book.database.write(
            lambda db: calls.start_dialing(db, call.id, now)
        )
        match permission:
            case Permission.BATCH_PAUSED:
                await self.book.hand_back(batch_id, call)
            case Permission.BATCH_CANCELED:
                result = without_conversation(
                    call, Disposition.CANCELED, "canceled before the dial"
                )
                await self.book.end(batch_id, call, result)
            case Permission.ON_DND:
                entry = await self.dnd.check(call.phone.e164)
                message = f"row {call.row}: {entry.reason if entry else 'listed just now'}"
                result = without_conversation(call, Disposition.CANCELED, message)
                await self.book.end(batch_id, call, result, (SkipReason.DND, message))
        return permission is Permission.GRANTED
