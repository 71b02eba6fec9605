"""The sending half of a call's media: one datagram a tick. No socket."""

from collections import deque
from itertools import takewhile

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.domain.media import PTIME_MS, SAMPLES_PER_FRAME, Codec, MediaTarget
from movoice_box.rtp.dtmf import PAUSE_MS, reports
from movoice_box.rtp.g711 import SILENCE_FRAME, encode
from movoice_box.rtp.packet import pack_packet
from movoice_box.rtp.tones import digit_tones


class RtpSender:
    """Sends what is played, and silence while nothing is.

    The timestamp advances by one frame a tick whether or not anything is sent, so that the far
    end's clock runs on through a hold (RFC 3550 section 5.1).
    """

    def __init__(self, ssrc: int, sequence_number: int, timestamp: int) -> None:
        self.packets = 0
        self.frame = b""  # the audio of the last tick, as sent
        self.codec = Codec.PCMU
        self._ssrc = ssrc
        self._sequence_number = sequence_number
        self._timestamp = timestamp
        self._event_type: int | None = None
        self._is_sending = False
        self._is_talkspurt_start = True
        self._pcm = b""
        self._payload = b""
        self._at = 0  # index into `_payload`
        self._events: deque[bytes | None] = deque()  # None: a tick of silence
        self._pressed_at: int | None = None  # timestamp of the key press being sent

    def connect(self, target: MediaTarget) -> None:
        """Send as agreed from the next tick on; what is being played goes on."""
        if target.codec is not self.codec:
            self.codec = target.codec
            self._payload = encode(self._pcm, self.codec)
        self._event_type = target.telephone_event_payload_type
        if self._event_type is None:
            self._events.clear()
            self._pressed_at = None
        if target.is_sending and not self._is_sending:
            self._is_talkspurt_start = True
        self._is_sending = target.is_sending

    @property
    def is_idle(self) -> bool:
        """Whether all that was to be played has left."""
        return self._at >= len(self._payload) and not self._events

    def play(self, pcm: bytes) -> None:
        """Play `pcm` instead of what is being played; the last frame is filled with silence."""
        self._pcm = pcm + bytes(-len(pcm) % FRAME_BYTES)
        self._payload = encode(self._pcm, self.codec)
        self._at = 0
        self._is_talkspurt_start = True

    def play_digits(self, digits: str) -> None:
        """Send key presses, as tones where the far end takes no telephone events."""
        if self._event_type is None:
            return self.play(digit_tones(digits))
        pause = [None] * (PAUSE_MS // PTIME_MS)
        for digit in digits:
            self._events.extend(report.pack() for report in reports(digit))
            self._events.extend(pause)

    def stop(self) -> None:
        """Forget what is being played, but for the rest of a key press that has begun."""
        self._pcm = self._payload = b""
        begun = takewhile(bool, self._events) if self._pressed_at is not None else ()
        self._events = deque([*begun, None]) if self._pressed_at is not None else deque()

    def next_packet(self, skipped: int = 0) -> bytes | None:
        """The datagram of this tick, `skipped` ticks after the last; None while on hold."""
        timestamp = (self._timestamp + skipped * SAMPLES_PER_FRAME) & 0xFFFF_FFFF
        self._timestamp = (timestamp + SAMPLES_PER_FRAME) & 0xFFFF_FFFF
        self.frame = SILENCE_FRAME[self.codec]
        if not self._is_sending:
            return None
        if self._events and self._event_type is not None:
            if (report := self._events.popleft()) is not None:
                is_first = self._pressed_at is None
                pressed_at = timestamp if self._pressed_at is None else self._pressed_at
                self._pressed_at = pressed_at
                return self._packet(self._event_type, pressed_at, report, is_first)
            self._pressed_at = None
        elif self._at < len(self._payload):
            self.frame = self._payload[self._at : self._at + SAMPLES_PER_FRAME]
            self._at += SAMPLES_PER_FRAME
        marker, self._is_talkspurt_start = self._is_talkspurt_start, False
        return self._packet(self.codec.payload_type, timestamp, self.frame, marker)

    def _packet(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> bytes:
        self.packets += 1
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        return pack_packet(
            payload_type, self._sequence_number, timestamp, self._ssrc, payload, marker
        )
