"""All media of the box: the tick, the ports and the recordings that its calls share."""

import asyncio

from movoice_box.clock import Clock
from movoice_box.rtp.ports import RtpPorts
from movoice_box.rtp.recorder import Recorder
from movoice_box.rtp.session import RtpSession
from movoice_box.rtp.ticker import Ticker, TickerStatistics
from movoice_box.settings import Rtp


class MediaEngine:
    """A service; sessions that it opens send and hear only while it runs."""

    def __init__(self, settings: Rtp, clock: Clock) -> None:
        self._ports = RtpPorts(settings.port_min, settings.port_max)
        self._ticker = Ticker(clock)
        self._recorder = Recorder()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ticker.run(), name="rtp ticker")
            group.create_task(self._recorder.run(), name="rtp recorder")

    async def open(self, local_address: str) -> RtpSession:
        """The media of a new call, received on `local_address`; the caller closes it.

        Raises `TrunkError` when no port is free or the address is none of this box.
        """
        return RtpSession(self._ports.bind(local_address), self._ticker, self._recorder)

    @property
    def statistics(self) -> TickerStatistics:
        return self._ticker.statistics
