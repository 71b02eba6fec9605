"""A call that may leave the box: from its INVITE to the moment it is over."""

import asyncio
from dataclasses import replace
from pathlib import Path

from movoice_box.dialer.broadcast import Change
from movoice_box.dialer.call_book import CallBook, not_dialed, without_conversation
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.live import LiveCall
from movoice_box.domain.agent import Agent
from movoice_box.domain.audio import CallAudio
from movoice_box.domain.call import (
    HUNG_UP,
    UNANSWERED_OUTCOMES,
    Call,
    CallResult,
    CallState,
    Disposition,
    TranscriptLine,
)
from movoice_box.errors import TrunkError
from movoice_box.rtp.session import RtpSession
from movoice_box.sip.trunk import (
    Answered,
    Dialog,
    EarlyMedia,
    Ended,
    MediaChanged,
    Ringing,
    Trunk,
)
from movoice_box.voice.conversation import (
    Conversation,
    ConversationEvent,
    ConversationResult,
    OptedOut,
)

_LAST_NEWS_S = 2.0


class PlacedCall:
    """Owns the dialog, the RTP session and the conversation of one call while it is up."""

    def __init__(
        self,
        call: Call,
        agent: Agent,
        live: LiveCall,
        conversation: Conversation,
        session: RtpSession,
        book: CallBook,
        dnd: DoNotDisturb,
        recordings: Path,
    ) -> None:
        self._call = call
        self._agent = agent
        self._live = live
        self._conversation = conversation
        self._session = session
        self._book = book
        self._dnd = dnd
        self._recordings = recordings
        self._recording: str | None = None
        self._has_opted_out = False
        self._talking: asyncio.Task[ConversationResult] | None = None
        self._news: asyncio.Queue[CallState | ConversationEvent] = asyncio.Queue()

    async def run(self, trunk: Trunk) -> CallResult:
        """Send the INVITE and stay until the call is over, whoever ends it."""
        if self._live.end.is_set():
            return not_dialed(self._call)
        try:
            dialog = await trunk.invite(self._call.phone, self._session.offer)
        except TrunkError as error:
            return without_conversation(self._call, Disposition.UNREACHABLE, error.message)
        try:
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(self._end_when_told(dialog), name="end when told"),
                    group.create_task(self._spread_news(), name="conversation news"),
                ]
                ended = await self._follow(dialog, group)
                await self._session.close()  # the conversation sees its line closed and returns
                spoken = await self._talking if self._talking else None
                await self._news.join()
                for task in beside:
                    task.cancel()
        finally:
            await dialog.end()
            async with asyncio.timeout(_LAST_NEWS_S):  # there is some where this call failed
                await self._list_opt_out()
        return self._result(dialog, ended, spoken)

    async def _follow(self, dialog: Dialog, group: asyncio.TaskGroup) -> Ended:
        while not isinstance(event := await dialog.next_event(), Ended):
            match event:
                case Ringing():
                    self._progress(CallState.RINGING)
                case EarlyMedia(media) | MediaChanged(media):
                    self._session.connect(media)
                case Answered(media, audio):
                    if media is not None:
                        self._session.connect(media)
                    talk = self._talk(dialog, audio or self._session)
                    self._talking = group.create_task(talk, name="conversation")
                    if self._agent.record and audio is None:
                        self._start_recording()
                    self._progress(CallState.TALKING)
        return event

    async def _talk(self, dialog: Dialog, audio: CallAudio) -> ConversationResult:
        try:
            return await self._conversation.run(audio, self._observe)
        finally:
            await dialog.end()

    async def _end_when_told(self, dialog: Dialog) -> None:
        await self._live.end.wait()
        await dialog.end()

    def _observe(self, event: ConversationEvent) -> None:
        self._has_opted_out |= isinstance(event, OptedOut)
        self._news.put_nowait(event)

    async def _spread_news(self) -> None:
        """Write down an opt-out and each state; show each sentence to whoever watches.

        The call does not wait for it: a disk may stall, a callee who has answered may not.
        """
        while True:
            match await self._news.get():
                case OptedOut():
                    await self._list_opt_out()
                case CallState() as state:
                    await self._book.progress(self._live.batch_id, self._call, state)
                case TranscriptLine(_, speaker, text):
                    line = Change(self._live.batch_id, self._call.id, f"{speaker}: {text}")
                    self._book.broadcast.publish(line)
            self._news.task_done()

    async def _list_opt_out(self) -> None:
        """List a callee who asked for it, once."""
        if self._has_opted_out:
            note = f"asked in a call of agent '{self._agent.name}'"
            await self._dnd.add_opt_out(self._call.phone, self._call.id, note)
            self._has_opted_out = False

    def _progress(self, state: CallState) -> None:
        self._live.state = state
        self._news.put_nowait(state)

    def _start_recording(self) -> None:
        self._recording = f"{self._call.id}.wav"
        self._session.start_recording(self._recordings / self._recording)

    def _result(
        self, dialog: Dialog, ended: Ended, spoken: ConversationResult | None
    ) -> CallResult:
        if spoken is None:
            result = without_conversation(self._call, ended.disposition, ended.sip_reason)
        else:
            result = self._spoken_result(spoken)
        return replace(
            result,
            sip_call_id=dialog.sip_call_id,
            sip_status=ended.sip_status,
            sip_reason=ended.sip_reason,
            q850_cause=ended.q850_cause,
            ended_by=ended.ended_by,
        )

    def _spoken_result(self, spoken: ConversationResult) -> CallResult:
        was_ended = self._live.end.is_set() and spoken.outcome == HUNG_UP
        canceled = UNANSWERED_OUTCOMES[Disposition.CANCELED]
        return CallResult(
            disposition=Disposition.ANSWERED,
            outcome=canceled if was_ended else spoken.outcome,
            summary="The call was ended by the box." if was_ended else spoken.summary,
            transcript=spoken.transcript,
            collected=dict(spoken.collected),
            recording=self._recording,
        )
