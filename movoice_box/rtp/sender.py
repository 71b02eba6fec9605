"""The sending half of a call's media: one datagram a turn. No socket."""

from collections import deque
from itertools import takewhile

from movoice_box.domain.media import PTIME_MS, DtmfMethod, MediaTarget
from movoice_box.rtp.codecs import packet_ms
from movoice_box.rtp.dtmf import PAUSE_MS, reports
from movoice_box.rtp.packet import pack_packet
from movoice_box.rtp.tones import digit_tones
from movoice_box.rtp.voice import Voice


class RtpSender:
    """Sends what is played, and silence while nothing is.

    The timestamp advances by one packet a turn whether or not anything is sent, so that the far
    end's clock runs on through a hold (RFC 3550 section 5.1).
    """

    __slots__ = (
        "_dtmf",
        "_event_type",
        "_events",
        "_is_sending",
        "_is_talkspurt_start",
        "_packet_units",
        "_payload_type",
        "_pressed_at",
        "_sequence_number",
        "octets",
        "packets",
        "ssrc",
        "timestamp",
        "voice",
    )

    def __init__(
        self,
        ssrc: int,
        sequence_number: int,
        timestamp: int,
        dtmf: DtmfMethod = DtmfMethod.AUTO,
    ) -> None:
        self.packets = 0
        self.octets = 0  # of payload, without headers: for sender reports (RFC 3550 6.4.1)
        self.ssrc = ssrc
        self.timestamp = timestamp  # of the next packet
        self.voice = Voice()
        self._dtmf = dtmf
        self._sequence_number = sequence_number
        self._payload_type = self.voice.codec.payload_type
        self._packet_units = PTIME_MS * self.voice.codec.samples_per_ms
        self._event_type: int | None = None
        self._is_sending = False
        self._is_talkspurt_start = True
        self._events: deque[bytes | None] = deque()  # None: a packet of silence
        self._pressed_at: int | None = None  # timestamp of the key press being sent

    def connect(self, target: MediaTarget) -> None:
        """Send as agreed from the next turn on; what is being played goes on."""
        codec = target.codec
        self.voice = self.voice.changed(codec, packet_ms(codec, target.ptime_ms))
        self._payload_type = codec.payload_type
        if target.payload_type is not None:
            self._payload_type = target.payload_type
        self._packet_units = self.voice.packet_ms * codec.samples_per_ms
        self._event_type = target.telephone_event_payload_type
        if self._event_type is None:
            self._events.clear()
            self._pressed_at = None
        if target.is_sending and not self._is_sending:
            self._is_talkspurt_start = True
        self._is_sending = target.is_sending

    @property
    def is_idle(self) -> bool:
        """Whether all that was to be played has left, but for less than a packet."""
        return self.voice.is_idle and not self._events

    def play(self, pcm: bytes) -> None:
        """Play `pcm` next; a talkspurt starts with it unless the last packet had sound too."""
        self.voice.play(pcm)
        self._is_talkspurt_start |= self.voice.is_silent

    def play_digits(self, digits: str) -> None:
        """Send key presses: as events, or as tones where the far end or the trunk wants those."""
        if self._event_type is None or self._dtmf is DtmfMethod.INBAND:
            return self.play(digit_tones(digits))
        every_ms = self.voice.packet_ms
        pause = [None] * -(-PAUSE_MS // every_ms)
        for digit in digits:
            presses = reports(digit, every_ms, self.voice.codec.samples_per_ms)
            self._events.extend(report.pack() for report in presses)
            self._events.extend(pause)

    def stop(self) -> None:
        """Forget what is being played, but for the rest of a key press that has begun."""
        self.voice.stop()
        begun = takewhile(bool, self._events) if self._pressed_at is not None else ()
        self._events = deque([*begun, None]) if self._pressed_at is not None else deque()

    def next_packet(self, skipped: int = 0) -> bytes | None:
        """The datagram of this turn, `skipped` turns after the last; None while on hold."""
        timestamp = (self.timestamp + skipped * self._packet_units) & 0xFFFF_FFFF
        self.timestamp = (timestamp + self._packet_units) & 0xFFFF_FFFF
        if not self._is_sending:
            self.voice.is_silent = True
            return None
        if not self._events:
            payload = self.voice.next_payload()
        elif (report := self._events.popleft()) is not None:
            return self._event(report, timestamp)
        else:
            self._pressed_at = None
            payload = self.voice.next_silence()
        marker, self._is_talkspurt_start = self._is_talkspurt_start, False
        return self._packed(self._payload_type, timestamp, payload, marker)

    def _event(self, report: bytes, timestamp: int) -> bytes:
        """All reports of a press carry the time at which it began (RFC 4733 section 2.2.1)."""
        self.voice.is_silent = True
        is_first = self._pressed_at is None
        pressed_at = timestamp if self._pressed_at is None else self._pressed_at
        self._pressed_at = pressed_at
        return self._packed(self._event_type or 0, pressed_at, report, is_first)

    def _packed(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> bytes:
        self.packets += 1
        self.octets += len(payload)
        self._sequence_number = number = (self._sequence_number + 1) & 0xFFFF
        return pack_packet(payload_type, number, timestamp, self.ssrc, payload, marker)
