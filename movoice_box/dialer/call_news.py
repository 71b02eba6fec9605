"""What happens in a call, on its way to the book and to whoever watches."""

import asyncio

from movoice_box.dialer.broadcast import Change
from movoice_box.dialer.call_book import CallBook
from movoice_box.dialer.do_not_disturb import DoNotDisturb
from movoice_box.dialer.live import LiveCall
from movoice_box.domain.call import Call, CallState, TranscriptLine
from movoice_box.domain.phone import WITHHELD
from movoice_box.voice.conversation import ConversationEvent, OptedOut


class CallNews:
    """Takes news at once and spreads it in `run`: a disk may stall, who has answered may not."""

    def __init__(
        self, call: Call, agent_name: str, live: LiveCall, book: CallBook, dnd: DoNotDisturb
    ) -> None:
        self._call = call
        self._agent_name = agent_name
        self._live = live
        self._book = book
        self._dnd = dnd
        self._has_opted_out = False
        self._news: asyncio.Queue[CallState | ConversationEvent] = asyncio.Queue()

    def on_state(self, state: CallState) -> None:
        self._live.state = state
        self._news.put_nowait(state)

    def on_spoken(self, event: ConversationEvent) -> None:
        self._has_opted_out |= isinstance(event, OptedOut)
        self._news.put_nowait(event)

    async def run(self) -> None:
        """Write down an opt-out and each state, show each sentence; until cancelled."""
        while True:
            match await self._news.get():
                case OptedOut():
                    await self.list_opt_out()
                case CallState() as state:
                    await self._book.progress(self._live.batch_id, self._call, state)
                case TranscriptLine(_, speaker, text):
                    line = Change(self._live.batch_id, self._call.id, f"{speaker}: {text}")
                    self._book.broadcast.publish(line)
            self._news.task_done()

    async def spread(self) -> None:
        """Wait until all that was told so far is spread."""
        await self._news.join()

    async def list_opt_out(self) -> None:
        """List a callee who asked for it, once; one who withholds the number is never called."""
        if self._has_opted_out and self._call.phone != WITHHELD:
            note = f"asked in a call of agent '{self._agent_name}'"
            await self._dnd.add_opt_out(self._call.phone, self._call.id, note)
        self._has_opted_out = False
