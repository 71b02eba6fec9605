"""What a trunk plays before the answer, heard while it plays."""

import asyncio

from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.rtp.early_media import EarlyMediaListener
from movoice_box.rtp.session import RtpSession


class EarlyListening:
    """Listens from `start`, once early media was announced, to `stop`."""

    def __init__(self, session: RtpSession) -> None:
        self._session = session
        self._listener = EarlyMediaListener()
        self._hearing: asyncio.Task[None] | None = None

    def start(self, group: asyncio.TaskGroup) -> bool:
        """False where it listens already."""
        if self._hearing is not None:
            return False
        self._hearing = group.create_task(self._hear(), name="early media")
        return True

    def stop(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()

    async def verdict(self) -> EarlyMediaVerdict | None:
        """What was heard; None where no early media was announced."""
        if self._hearing is None:
            return None
        if not self._session.statistics.received:
            return EarlyMediaVerdict(sounds=(EarlySound.NONE,), heard_s=0.0)
        return await asyncio.to_thread(self._listener.verdict)

    async def _hear(self) -> None:
        async for pcm in self._session.frames():
            self._listener.hear(pcm)
