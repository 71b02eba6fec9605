"""One side of a call: a dialog, and the media that goes with it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from movoice_box.domain.audio import CallAudio
from movoice_box.rtp.session import RtpSession
from movoice_box.sip.trunk import (
    Answered,
    Dialog,
    DialogEvent,
    EarlyMedia,
    Ended,
    KeyPressed,
    MediaChanged,
)

T = TypeVar("T")

_SILENT_S = 10.0  # nothing was heard for so long: the far end may be gone
_LOOK_S = 1.0


class Leg:
    """Does to the media what the dialog says. `audio` is the session's, or the driver's own."""

    def __init__(self, dialog: Dialog, session: RtpSession) -> None:
        self.dialog = dialog
        self.session = session
        self.audio: CallAudio = session
        self.over = asyncio.Event()
        """Set with the `Ended` of the dialog."""
        session.send_digits_by(dialog.send_digits)

    async def next_event(self) -> DialogEvent:
        """Wait for what happens next; when it returns the media has followed it."""
        event = await self.dialog.next_event()
        match event:
            case EarlyMedia(media) | MediaChanged(media):
                self.session.connect(media)
            case Answered(media, audio):
                self.audio = audio or self.session
                if media is not None:
                    self.session.connect(media)
            case KeyPressed(digit):
                self.session.inject_digit(digit)
            case Ended():
                self.over.set()
        return event

    async def watch(self) -> None:
        """Ask a far end that should be heard and is not whether the call still exists.

        A gateway that lost its power sends no BYE; `Ended` follows where it does not answer.
        """
        while True:
            await asyncio.sleep(_LOOK_S)
            if self.session.silent_for_s >= _SILENT_S:
                await self.dialog.probe()
                await asyncio.sleep(_SILENT_S)

    async def while_up(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do `work`; where the leg ends before it is done, cancel it and return None."""
        async with asyncio.TaskGroup() as group:
            working = group.create_task(work, name="while up")
            over = group.create_task(self.over.wait(), name="leg over")
            await asyncio.wait((working, over), return_when=asyncio.FIRST_COMPLETED)
            working.cancel()
            over.cancel()
        return None if working.cancelled() else working.result()
