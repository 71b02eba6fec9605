"""One call over pyVoIP (the `Dialog` Protocol)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from movoice_box.domain.call import Disposition
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import TrunkError
from movoice_box.sip.disposition import disposition_of
from movoice_box.sip.pyvoip.audio import PyvoipAudio
from movoice_box.sip.pyvoip.wire import NO_FIRST_RESPONSE, Kind, Message
from movoice_box.sip.trunk import TRANSFER_REFUSED, Answered, DialogEvent, Ended

_BYE_S = 2.0

_NO_ANSWER = "no answer in {:g} s; pyVoIP does not tell busy and refused from unanswered"
_RINGS_ON = "pyVoIP cannot CANCEL: the phone may ring on, and is hung up on if it is answered"


class PyvoipDialog:
    """Knows of pyVoIP's call what the host reports; the ring timeout is kept here.

    pyVoIP does not tell whether a phone rang, so each call counts as one that may have.
    """

    def __init__(self, call: int, ring_timeout_s: float, order: Callable[[Message], None]) -> None:
        self.sip_call_id = ""  # pyVoIP chooses it when it dials
        self._call = call
        self._order = order
        self._audio = PyvoipAudio(call, order)
        self._events: asyncio.Queue[DialogEvent] = asyncio.Queue()
        self._ended: Ended | None = None
        self._has_ended = asyncio.Event()
        self._is_answered = False
        self._is_ending = False
        self._ring_timeout_s = ring_timeout_s
        loop = asyncio.get_running_loop()
        self._ring_timer = loop.call_later(ring_timeout_s, self._on_ring_timeout)

    async def next_event(self) -> DialogEvent:
        if self._ended and self._events.empty():
            return self._ended
        return await self._events.get()

    async def end(self) -> None:
        if self._ended:
            return
        self._is_ending = True
        if not self._is_answered:
            self._give_up(
                Ended(disposition=Disposition.CANCELED, sip_reason=_RINGS_ON, ended_by="box")
            )
            return
        self._order(Message(Kind.END, self._call))
        try:
            async with asyncio.timeout(_BYE_S):
                await self._has_ended.wait()
        except TimeoutError:
            self.on_lost("pyVoIP did not hang up in time")

    async def transfer(self, to: PhoneNumber) -> None:
        """See `Dialog`. Always raises `TrunkError`."""
        why = "pyVoIP cannot transfer a call: use the native driver for this trunk"
        raise TrunkError(why, code=TRANSFER_REFUSED)

    async def send_digits(self, digits: str) -> None:
        """See `Dialog`. Always raises `TrunkError`."""
        raise TrunkError("pyVoIP cannot send key presses: use the native driver for this trunk")

    async def probe(self) -> None:
        """See `Dialog`. pyVoIP cannot ask; that its process died is told without asking."""

    def on_report(self, report: Message) -> None:
        match report.kind:
            case Kind.DIALED:
                self.sip_call_id = report.body.decode()
            case Kind.ANSWERED if not self._ended:
                self._is_answered = True
                self._ring_timer.cancel()
                self._events.put_nowait(Answered(None, self._audio))
            case Kind.ENDED:
                self._end(self._how(**report.fields))
            case _:
                self._audio.on_report(report)

    def on_lost(self, reason: str) -> None:
        """The host is gone, or does not answer."""
        lost = Disposition.ANSWERED if self._is_answered else Disposition.FAILED
        self._end(Ended(disposition=lost, sip_reason=reason))

    def _how(self, reason: str, status: int | None) -> Ended:
        if self._is_answered:
            return Ended(
                disposition=Disposition.ANSWERED,
                sip_status=200,
                sip_reason=reason,
                ended_by="box" if self._is_ending else "callee",
            )
        disposition = disposition_of(status) if status else Disposition.FAILED
        return Ended(disposition=disposition, sip_status=status, sip_reason=reason)

    def _on_ring_timeout(self) -> None:
        if self.sip_call_id:
            disposition, reason = Disposition.NO_ANSWER, _NO_ANSWER
        else:
            disposition, reason = Disposition.FAILED, NO_FIRST_RESPONSE
        reason = reason.format(self._ring_timeout_s)
        self._give_up(Ended(disposition=disposition, sip_reason=reason, ended_by="box"))

    def _give_up(self, ended: Ended) -> None:
        """End the call for the box; the host hangs up should the far end answer after all."""
        self._order(Message(Kind.END, self._call))
        self._end(ended)

    def _end(self, ended: Ended) -> None:
        if self._ended:
            return
        self._ended = ended = replace(ended, has_rung=True)
        self._ring_timer.cancel()
        self._audio.close()
        self._events.put_nowait(ended)
        self._has_ended.set()
