"""Calls that come in: whoever calls back gets the agent and the row that called them."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace

import aiosqlite

from movoice_box.clock import Clock
from movoice_box.dialer.call_book import without_conversation
from movoice_box.dialer.channels import Channels, Lease
from movoice_box.dialer.live import LiveCall, LiveCalls
from movoice_box.dialer.placed_call import CallDesk, PlacedCall
from movoice_box.dialer.recipient_file import PHONE
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.agent import Agent
from movoice_box.domain.batch import Batch, BatchState, Plan, Recipient, RecipientState
from movoice_box.domain.call import Call, CallResult, CallState, Direction, Disposition
from movoice_box.domain.phone import WITHHELD, PhoneNumber
from movoice_box.domain.summary import callee_name, summary_of_missed
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import NotFoundError, SdpError, SpeechError, TrunkError
from movoice_box.ids import BatchId, CallId
from movoice_box.rtp.engine import MediaEngine
from movoice_box.sip.trunk import IncomingCall
from movoice_box.store import agents, batches, calls, inbound
from movoice_box.store.inbound import CalledRow
from movoice_box.voice.brain.script import ScriptBrain
from movoice_box.voice.conversation import Conversation
from movoice_box.voice.speech.tts import SpeechSynthesizer

_PREPARE_S = 2.0  # it rings meanwhile; then the agent answers, and speaks as soon as it can
_DRAIN_S = 8.0

_BUSY, _UNAVAILABLE, _BROKEN, _STOPPING = 486, 480, 500, 503

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Expected:
    """A caller for whom there is an agent."""

    batch_id: BatchId
    call: Call
    agent: Agent


class InboundCalls:
    """A service. The trunks hand it each call that comes in, by `on_call`.

    A caller whose number was dialed, by whatever batch, gets that batch's agent with the row's
    variables; of several the one that dialed last. What the call achieves becomes the row's, unless
    that has achieved more. Other callers get the trunk's own agent, or 486 where it has none.
    """

    def __init__(
        self,
        desk: CallDesk,
        live: LiveCalls,
        trunks: TrunkPool,
        channels: Channels,
        media: MediaEngine,
        speech: SpeechSynthesizer,
        plan: Plan,
        default_country: str,
    ) -> None:
        self._desk = desk
        self._live = live
        self._trunks = trunks
        self._channels = channels
        self._media = media
        self._speech = speech
        self._plan = plan
        self._country = default_country
        self._arrived: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._up = 0
        self._is_idle = asyncio.Event()

    def on_call(self, incoming: IncomingCall) -> None:
        """Take a call, or refuse it: 486 where no channel is free for it, 503 as the box stops."""
        if self._live.is_closing:
            incoming.refuse(_STOPPING)
        elif self._is_plan_used_up:
            logger.warning("a call that came in was refused: the plan allows no more at once")
            incoming.refuse(_BUSY)
        else:
            self._up += 1
            self._arrived.put_nowait(incoming)

    async def run(self) -> None:
        """Run until cancelled; every call is a task that dies with this one."""
        async with asyncio.TaskGroup() as group:
            while True:
                incoming = await self._arrived.get()
                group.create_task(self._run_one(incoming), name="call that came in")

    async def drain(self) -> None:
        """Wait until the calls that are up have ended, at most 8 s; `LiveCalls.close` ends them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while self._up:
                    self._is_idle.clear()
                    await self._is_idle.wait()

    @property
    def _is_plan_used_up(self) -> bool:
        most = self._plan.concurrency
        others = len(self._live) - self._live.inbound
        return most is not None and others + self._up >= most

    @property
    def _clock(self) -> Clock:
        return self._desk.book.clock

    async def _run_one(self, incoming: IncomingCall) -> None:
        try:
            if lease := await self._channel(incoming.account):
                with lease:
                    await self._receive(incoming)
            else:
                logger.warning("a call that came in was refused: its trunk has no channel left")
                incoming.refuse(_BUSY)
        except Exception:  # one call's failure must not end its neighbours
            logger.exception("a call that came in failed")
            incoming.refuse(_BROKEN)
        finally:
            self._up -= 1
            if not self._up:
                self._is_idle.set()

    async def _channel(self, account: TrunkAccount) -> Lease | None:
        if (lease := self._channels.take_inbound(account.id)) is None:
            await self._channels.follow()  # the trunk may be a new one
            lease = self._channels.take_inbound(account.id)
        return lease

    async def _receive(self, incoming: IncomingCall) -> None:
        caller = PhoneNumber.parse_caller(incoming.caller, self._country) or WITHHELD
        expected = await self._desk.book.database.write(
            lambda db: self._admit(db, caller, incoming.account)
        )
        if expected is None:
            incoming.refuse(_BUSY)
            return
        call, book = expected.call, self._desk.book
        live = LiveCall(
            call.id, expected.batch_id, state=CallState.RINGING, direction=Direction.INBOUND
        )
        result = without_conversation(call, Disposition.FAILED, "an error inside the box")
        try:
            with self._live.holding(live):
                result = await self._answer(incoming, expected, live)
        finally:
            await book.end(expected.batch_id, call, result)

    async def _admit(
        self, db: aiosqlite.Connection, caller: PhoneNumber, account: TrunkAccount
    ) -> _Expected | None:
        """Write the call down with its row; None where nobody is there for it."""
        call_id = self._desk.book.ids.call()
        row = await inbound.row_last_dialed(db, caller)
        if row is None:
            row = await self._row_of_stranger(db, caller, account, call_id)
        if row is None or row.is_on_a_call:
            return None
        rang_at = self._desk.book.moment_of(call_id)
        await inbound.add(db, call_id, row, caller, account.id, rang_at)
        agent = await batches.get_agent(db, row.batch_id)
        return _Expected(row.batch_id, await calls.get(db, call_id), agent)

    async def _row_of_stranger(
        self,
        db: aiosqlite.Connection,
        caller: PhoneNumber,
        account: TrunkAccount,
        call_id: CallId,
    ) -> CalledRow | None:
        """A batch of one for somebody who was never called, with the trunk's own agent."""
        if account.inbound_agent_id is None:
            return None
        try:
            stored = await agents.get(db, account.inbound_agent_id)
        except NotFoundError:
            logger.warning(
                "a call that came in was refused: the agent '%s' of its trunk was deleted",
                account.inbound_agent_id,
            )
            return None
        batch = Batch(
            id=self._desk.book.ids.batch(),
            name=f"Call from {caller}",
            is_single=True,
            agent_id=stored.id,
            trunk_id=account.id,
            state=BatchState.RUNNING,
            concurrency=1,
            schedule_at=None,
            created_at=self._clock.now(),
        )
        wants_number = PHONE in stored.agent.variables
        recipient = Recipient(
            row=1,
            phone=str(caller),
            variables={PHONE: str(caller)} if wants_number else {},
            state=RecipientState.IN_PROGRESS,
            call_id=call_id,
        )
        await batches.add(db, batch, stored.agent, [recipient])
        return await inbound.only_row(db, batch.id)

    async def _answer(
        self, incoming: IncomingCall, expected: _Expected, live: LiveCall
    ) -> CallResult:
        call, agent, account = expected.call, expected.agent, incoming.account
        conversation = Conversation(
            agent, ScriptBrain(agent, call.variables), self._speech, self._clock
        )
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PREPARE_S):
                    await conversation.prepare()
            local_address = self._trunks.get(account.id).local_address()
            session = await self._media.open(local_address, account.media)
        except (SpeechError, TrunkError) as error:
            incoming.refuse(_UNAVAILABLE)
            return without_conversation(call, Disposition.FAILED, error.message)
        try:
            if live.end.is_set():
                incoming.refuse(_BUSY)
                return without_conversation(call, Disposition.CANCELED, "ended by the box")
            dialog = incoming.answer(session.offer)
            placed = PlacedCall(call, agent, live, conversation, self._desk, account)
            result = (await placed.run(dialog, session)).result
        except SdpError as error:
            return without_conversation(call, Disposition.FAILED, error.message)
        finally:
            await session.close()
        if result.disposition is not Disposition.ANSWERED:
            return replace(result, summary=summary_of_missed(callee_name(call.variables)))
        return result
