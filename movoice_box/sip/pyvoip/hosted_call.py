"""One call as pyVoIP carries it, seen every 20 ms from the thread that watches."""

import threading
from collections.abc import Callable

from pyVoIP.RTP import RTPPacketManager
from pyVoIP.VoIP import CallState, VoIPCall

from movoice_box.sip.pyvoip.wire import BYTES_PER_SECOND, FRAME_BYTES, SILENCE, Kind, Message

_BEHIND_BYTES = 50 * FRAME_BYTES  # unheard for a second: the oldest is left out
_KEPT_BYTES = 3 * FRAME_BYTES
_AHEAD_BYTES = 3 * FRAME_BYTES  # collected before the first is heard: packets come unevenly


class HostedCall:
    """Orders come from the thread that reads them, everything else from the one that watches."""

    def __init__(
        self, number: int, to: str, rtp_port: int, report: Callable[[Message], None]
    ) -> None:
        self.number = number
        self.to = to
        self.rtp_port = rtp_port
        self.dialed: VoIPCall | None = None
        self.unwanted_since: float | None = None
        self._report = report
        self._is_answered = False
        self._is_heard = False
        self._is_collecting = True
        self._plays_until: float | None = None
        self._order = threading.Lock()

    def obey(self, order: Message, now: float) -> None:
        """Take an order about this call; `now` is the time of it."""
        with self._order:
            match order.kind:
                case Kind.PLAY if self.dialed:
                    self.dialed.write_audio(order.body)
                    self._plays_until = now + len(order.body) / BYTES_PER_SECOND
                case Kind.STOP if self.dialed:
                    _skip_to_end(self.dialed.RTPClients[0].pmout)
                    self._plays_until = None
                case Kind.LISTEN if self.dialed:
                    _skip_to_end(self.dialed.RTPClients[0].pmin)
                    self._is_heard = self._is_collecting = True
                case Kind.END:
                    self.unwanted_since = self.unwanted_since or now

    def watch(self, now: float) -> None:
        """Report the answer, what was played to its end, and what is heard and pressed."""
        if self.dialed is None or self.dialed.state is not CallState.ANSWERED:
            return
        if not self._is_answered:
            self._is_answered = True
            self._report(Message(Kind.ANSWERED, self.number))
        rtp = self.dialed.RTPClients[0]
        with self._order:
            if self._plays_until and now >= self._plays_until and not _unread(rtp.pmout):
                self._plays_until = None
                self._report(Message(Kind.PLAYED, self.number))
        while digit := self.dialed.get_dtmf():
            self._report(Message(Kind.DIGIT, self.number, digit.encode()))
        if self._is_heard:
            self._hear(rtp.pmin)

    def _hear(self, received: RTPPacketManager) -> None:
        unread = _unread(received)
        if unread > _BEHIND_BYTES:
            received.read(unread - _KEPT_BYTES)
        if unread < FRAME_BYTES or (self._is_collecting and unread < _AHEAD_BYTES):
            self._is_collecting = True
            frame = SILENCE * FRAME_BYTES
        else:
            self._is_collecting = False
            frame = received.read(FRAME_BYTES)
        self._report(Message(Kind.HEARD, self.number, frame))


def _unread(packets: RTPPacketManager) -> int:
    """Bytes that pyVoIP's buffer holds beyond what was read."""
    with packets.bufferLock:
        at = packets.buffer.tell()
        end = packets.buffer.seek(0, 2)
        packets.buffer.seek(at)
    return max(0, end - at)


def _skip_to_end(packets: RTPPacketManager) -> None:
    with packets.bufferLock:
        packets.buffer.seek(0, 2)
