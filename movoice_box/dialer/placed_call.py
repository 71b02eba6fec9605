"""A call on the line, from its INVITE or its answer to the moment it is over."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from movoice_box.dialer.call_book import CallBook, without_conversation
from movoice_box.dialer.call_news import CallNews
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.early_listening import EarlyListening
from movoice_box.dialer.leg import Leg
from movoice_box.dialer.live import LiveCall
from movoice_box.dialer.transfer import Transfers
from movoice_box.domain.agent import Agent
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.audio import LineClosed
from movoice_box.domain.call import (
    HUNG_UP,
    TRANSFER_FAILED,
    TRANSFERRED,
    UNANSWERED_OUTCOMES,
    Call,
    CallResult,
    CallState,
    Disposition,
)
from movoice_box.domain.disposition_rule import disposition_heard
from movoice_box.domain.early_media import EarlyMediaVerdict
from movoice_box.domain.phone import masked
from movoice_box.domain.phrases import phrases_for
from movoice_box.domain.summary import callee_name, summary_of
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import InputError, SpeechError
from movoice_box.rtp.session import RtpSession
from movoice_box.sip.trunk import Answered, CallDetails, Dialog, EarlyMedia, Ended, Ringing
from movoice_box.voice.conversation import Conversation, ConversationResult

_LAST_NEWS_S = 2.0
_APOLOGY_S = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDesk:
    """What every call on the line needs of the box."""

    book: CallBook
    dnd: DoNotDisturb
    transfers: Transfers
    recordings: Path


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: for the book, and for the ledger of channels."""

    result: CallResult
    attempt: Attempt


class PlacedCall:
    """Owns the dialog, the RTP session and the conversation of one call while it is up."""

    def __init__(
        self,
        call: Call,
        agent: Agent,
        live: LiveCall,
        conversation: Conversation,
        desk: CallDesk,
        account: TrunkAccount,
        *,
        caller_id: str | None = None,
        on_alive: Callable[[], None] | None = None,
    ) -> None:
        """`account` is the trunk that carries it, and `on_alive` hears that it works.

        `caller_id` is what the call shows, and a second call of it to whoever takes over.
        """
        self._call = call
        self._agent = agent
        self._live = live
        self._conversation = conversation
        self._desk = desk
        self._account = account
        self._caller_id = caller_id
        self._on_alive = on_alive
        self._news = CallNews(call, agent.name, live, desk.book, desk.dnd)
        self._recording: str | None = None
        self._talking: asyncio.Task[ConversationResult] | None = None
        self._answered_at: float | None = None

    @property
    def details(self) -> CallDetails:
        return CallDetails(caller_id=self._caller_id, call_id=self._call.id)

    async def run(self, dialog: Dialog, session: RtpSession) -> CallEnd:
        """Stay until the call is over, whoever ends it; both `dialog` and `session` end with it."""
        leg, early = Leg(dialog, session), EarlyListening(session)
        try:
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(self._end_when_told(dialog), name="end when told"),
                    group.create_task(self._transfer_when_told(), name="transfer when told"),
                    group.create_task(self._news.run(), name="call news"),
                    group.create_task(leg.watch(), name="silence watch"),
                ]
                ended = await self._follow(leg, early, group)
                early.stop()
                await session.close()  # the conversation sees its line closed and returns
                spoken = await self._talking if self._talking else None
                await self._news.spread()
                for task in beside:
                    task.cancel()
        finally:
            await dialog.end()
            async with asyncio.timeout(_LAST_NEWS_S):  # there is some where this call failed
                await self._news.list_opt_out()
        return self._end(leg, ended, spoken, await early.verdict())

    async def _follow(self, leg: Leg, early: EarlyListening, group: asyncio.TaskGroup) -> Ended:
        while not isinstance(event := await leg.next_event(), Ended):
            match event:
                case Ringing():
                    self._is_alive()
                    self._news.on_state(CallState.RINGING)
                case EarlyMedia():
                    self._is_alive()
                    if early.start(group):
                        self._record(leg.session)
                case Answered():
                    self._is_alive()
                    early.stop()
                    self._answered_at = self._desk.book.clock.monotonic()
                    self._talking = group.create_task(self._talk(leg), name="conversation")
                    if leg.audio is leg.session:
                        self._record(leg.session)
                    self._news.on_state(CallState.TALKING)
        return event

    async def _talk(self, leg: Leg) -> ConversationResult:
        try:
            spoken = await self._conversation.run(leg.audio, self._news.on_spoken)
            self._live.has_agent_left = True
            to = str(self._live.transfer_to or spoken.transfer or "")
            if to and spoken.ended_by == "agent":
                return await self._hand_over(leg, to, spoken)
            return spoken
        finally:
            await leg.dialog.end()

    async def _hand_over(self, leg: Leg, to: str, spoken: ConversationResult) -> ConversationResult:
        """Let a person take over, or tell the callee that nobody can."""
        name = callee_name(self._call.variables)
        try:
            number = await self._desk.transfers.number(to, self._call)
            if await self._desk.transfers.hand_over(leg, number, self._account.id, self.details):
                summary = f"{name} was handed over to {number}."
                return replace(
                    spoken, outcome=TRANSFERRED, summary=summary[0].upper() + summary[1:]
                )
        except InputError as error:
            logger.warning("a callee could not be handed over: %s", masked(error.message))
        transcript = spoken.transcript
        with suppress(LineClosed, SpeechError, TimeoutError):
            async with asyncio.timeout(_APOLOGY_S):  # one who holds the line may never hear it
                apology = phrases_for(self._agent.language).transfer_failed
                transcript += (await self._conversation.add(apology, leg.audio),)
        summary = summary_of(TRANSFER_FAILED, name)
        return replace(spoken, outcome=TRANSFER_FAILED, summary=summary, transcript=transcript)

    async def _end_when_told(self, dialog: Dialog) -> None:
        await self._live.end.wait()
        await dialog.end()

    async def _transfer_when_told(self) -> None:
        await self._live.transfer.wait()
        self._conversation.stop()

    def _is_alive(self) -> None:
        if self._on_alive is not None:
            self._on_alive()

    def _record(self, session: RtpSession) -> None:
        if self._agent.record and self._recording is None:
            self._recording = f"{self._call.id}.wav"
            session.start_recording(self._desk.recordings / self._recording)

    def _end(
        self,
        leg: Leg,
        ended: Ended,
        spoken: ConversationResult | None,
        early_media: EarlyMediaVerdict | None,
    ) -> CallEnd:
        if spoken is None:
            disposition = disposition_heard(
                ended.disposition,
                sip_status=ended.sip_status,
                q850_cause=ended.q850_cause,
                early_media=early_media,
                rules=self._account.dispositions,
            )
            result = without_conversation(self._call, disposition, ended.sip_reason)
        else:
            result = self._spoken_result(spoken)
        result = replace(
            result,
            sip_call_id=leg.dialog.sip_call_id,
            sip_status=ended.sip_status,
            sip_reason=ended.sip_reason,
            q850_cause=ended.q850_cause,
            ended_by=ended.ended_by,
            recording=self._recording,
            quality=leg.session.quality,
            early_media=early_media,
        )
        return CallEnd(result, self._attempt(result, ended))

    def _spoken_result(self, spoken: ConversationResult) -> CallResult:
        was_ended = self._live.end.is_set() and spoken.outcome == HUNG_UP
        canceled = UNANSWERED_OUTCOMES[Disposition.CANCELED]
        return CallResult(
            disposition=Disposition.ANSWERED,
            outcome=canceled if was_ended else spoken.outcome,
            summary="The call was ended by the box." if was_ended else spoken.summary,
            transcript=spoken.transcript,
            collected=dict(spoken.collected),
        )

    def _attempt(self, result: CallResult, ended: Ended) -> Attempt:
        talk_s = 0.0
        if self._answered_at is not None:
            talk_s = self._desk.book.clock.monotonic() - self._answered_at
        return Attempt(
            disposition=result.disposition,
            sip_status=ended.sip_status,
            reason=ended.sip_reason,
            has_rung=ended.has_rung or self._live.state in (CallState.RINGING, CallState.TALKING),
            retry_after_s=ended.retry_after_s,
            talk_s=talk_s,
        )
