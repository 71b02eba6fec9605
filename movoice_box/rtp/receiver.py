"""The receiving half of a call's media: datagrams in, audio and key presses out. No socket."""

from movoice_box.domain.media import G711, MediaTarget
from movoice_box.errors import RtpError
from movoice_box.rtp.dtmf import DigitReceiver
from movoice_box.rtp.jitter import JitterBuffer
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.sequence import Arrival, SequenceTracker

Address = tuple[str, int]

_CODECS = frozenset(codec.payload_type for codec in G711)
_PLAYED = frozenset((Arrival.NEWEST, Arrival.REORDERED))
_COMFORT_NOISE = 13  # RFC 3389; what it asks for is what silence in the buffer sounds like


class RtpReceiver:
    """Listens to one source (symmetric RTP, RFC 4961).

    Behind a NAT the answer's address is not where packets come from, so the first source that
    sends valid RTP is taken; from then on strangers are dropped. Only the address of the answer
    itself takes over at any time.
    """

    def __init__(self) -> None:
        self.jitter = JitterBuffer()
        self.sequence = SequenceTracker()
        self.source: Address | None = None
        self.strangers = 0
        self.invalid = 0
        self._signalled: Address | None = None
        self._event_types: frozenset[int] = frozenset()
        self._ssrc: int | None = None
        self._digits = DigitReceiver()

    def connect(self, target: MediaTarget, event_types: frozenset[int]) -> None:
        """Expect media as agreed; `event_types` are payload types of telephone events."""
        signalled = target.address, target.port
        if signalled != self._signalled:
            self.source = None
        self._signalled = signalled
        self._event_types = event_types

    @property
    def peer(self) -> Address | None:
        """Where to send: the source seen, or the answer's address until one is."""
        return self.source or self._signalled

    def receive(self, datagram: bytes, source: Address) -> str | None:
        """Take one datagram; the digit, when it is the first to tell of a key press."""
        if source != self.source and self.source is not None and source != self._signalled:
            self.strangers += 1
            return None
        try:
            digit = self._take(RtpPacket.parse(datagram))
        except RtpError:
            self.invalid += 1
            return None
        self.source = source
        return digit

    def _take(self, packet: RtpPacket) -> str | None:
        is_audio = packet.payload_type in _CODECS
        is_event = packet.payload_type in self._event_types
        if not (is_audio or is_event or packet.payload_type == _COMFORT_NOISE):
            raise RtpError(f"payload type {packet.payload_type} was not offered")
        arrival = self._place(packet, is_audio)
        if is_event:
            return self._digits.receive(packet)
        if is_audio and arrival in _PLAYED:
            self.jitter.put(packet, is_newest=arrival is Arrival.NEWEST)
        return None

    def _place(self, packet: RtpPacket, is_audio: bool) -> Arrival:
        """Follow the sender of the audio; gateways may send key presses under another SSRC."""
        if packet.ssrc != self._ssrc:
            if not is_audio:
                return Arrival.UNPROVEN
            self._ssrc = packet.ssrc
            self.sequence.restart(packet.sequence_number)
        return self.sequence.place(packet.sequence_number)
