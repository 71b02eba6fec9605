"""All media of the box: the tick, the ports and the recordings that its calls share."""

import asyncio
import secrets
import socket

from movoice_box.clock import Clock
from movoice_box.domain.media import MediaOffer, MediaWishes, SrtpKey
from movoice_box.errors import TrunkError
from movoice_box.rtp.codecs import available
from movoice_box.rtp.ports import RtpPorts, bind_rtcp
from movoice_box.rtp.recorder import Recorder
from movoice_box.rtp.rtcp_link import RtcpLink
from movoice_box.rtp.session import RtpSession
from movoice_box.rtp.ticker import Ticker, TickerStatistics
from movoice_box.settings import Rtp

_NO_WISHES = MediaWishes()
_SRTP_TAG = 1
_SRTP_MASTER_BYTES = 30


class MediaEngine:
    """A service; sessions that it opens send and hear only while it runs."""

    def __init__(self, settings: Rtp, clock: Clock) -> None:
        self._ports = RtpPorts(settings.port_min, settings.port_max)
        self._clock = clock
        self._ticker = Ticker(clock)
        self._recorder = Recorder()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ticker.run(), name="rtp ticker")
            group.create_task(self._recorder.run(), name="rtp recorder")

    async def open(self, local_address: str, wishes: MediaWishes = _NO_WISHES) -> RtpSession:
        """The media of a new call, received on `local_address`; the caller closes it.

        What it offers is as the trunk wishes, as far as this machine has it. Raises `TrunkError`
        when it has none of the codecs, no port is free or the address is none of this box.
        """
        codecs = tuple(codec for codec in wishes.codecs if codec in available())
        if not codecs:
            raise TrunkError(
                "the trunk wants Opus alone, and libopus is missing: apt install libopus0"
            )
        bound = self._ports.bind(local_address)
        address, port = bound.getsockname()[:2]
        offer = MediaOffer(
            address=address,
            port=port,
            codecs=codecs,
            ptime_ms=wishes.ptime_ms,
            srtp=SrtpKey(_SRTP_TAG, secrets.token_bytes(_SRTP_MASTER_BYTES))
            if wishes.is_srtp
            else None,
        )
        return RtpSession(
            bound,
            self._ticker,
            self._recorder,
            offer=offer,
            dtmf=wishes.dtmf,
            open_rtcp=lambda: self._open_rtcp(bound),
        )

    def _open_rtcp(self, rtp: socket.socket) -> RtcpLink | None:
        bound = bind_rtcp(rtp)
        return RtcpLink(bound, self._clock) if bound else None

    @property
    def statistics(self) -> TickerStatistics:
        return self._ticker.statistics
