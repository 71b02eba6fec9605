"""The receiving half of a call's media: datagrams in, audio and key presses out. No socket."""

from collections.abc import Callable, Mapping

from movoice_box.domain.media import Codec, MediaOffer, MediaTarget
from movoice_box.errors import RtpError
from movoice_box.rtp.datagrams import Address
from movoice_box.rtp.dtmf import DigitReceiver
from movoice_box.rtp.latch import Latch
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.playout import Playout
from movoice_box.rtp.sequence import Arrival, SequenceTracker

_NEWEST, _REORDERED = Arrival.NEWEST, Arrival.REORDERED
_COMFORT_NOISE = (13, 19)  # RFC 3389; 19 in its drafts, and in some gateways still
_LONGEST_TRANSIT_CHANGE_S = 1.0  # a greater one is a clock that was set, or a timestamp wrapped


class RtpReceiver:
    """Listens to the source that its `Latch` holds.

    `unprotect` opens what is encrypted and raises `RtpError` for what is forged.
    """

    __slots__ = (
        "_clock_rate_hz",
        "_codecs",
        "_digits",
        "_event_types",
        "_latch",
        "_transit",
        "_unprotect",
        "codec",
        "has_telephone_events",
        "invalid",
        "jitter",
        "playout",
        "sequence",
        "silent_ticks",
        "ssrc",
        "strangers",
    )

    def __init__(self, unprotect: Callable[[bytes], bytes] | None = None) -> None:
        self._unprotect = unprotect
        self.playout = Playout()
        self.sequence = SequenceTracker()
        self._latch = Latch(is_open=unprotect is None)
        self.ssrc: int | None = None
        self.codec: Codec | None = None  # of the last packet of audio
        self.jitter = 0.0  # seconds, as RFC 3550 A.8 has it
        self.silent_ticks = 0  # since the source was heard
        self.has_telephone_events = False
        self.strangers = 0
        self.invalid = 0
        self._codecs: Mapping[int, Codec] = {}
        self._event_types: frozenset[int] = frozenset()
        self._transit: float | None = None
        self._clock_rate_hz = 0
        self._digits = DigitReceiver()

    def connect(self, target: MediaTarget, offer: MediaOffer) -> None:
        """Expect media as agreed.

        Payload types are those of our description (RFC 3264 5.1); some far ends use their own,
        which count where the two collide.
        """
        self._latch.expect((target.address, target.port))
        self.silent_ticks = 0
        number, events = target.payload_type, target.telephone_event_payload_type
        theirs = target.codec.payload_type if number is None else number
        ours = {codec.payload_type: codec for codec in offer.codecs if codec.payload_type != events}
        self._codecs = {**ours, theirs: target.codec}
        self._event_types = frozenset(
            one
            for one in (offer.telephone_event_payload_type, events)
            if one is not None and one not in self._codecs
        )

    @property
    def peer(self) -> Address | None:
        """Where to send; None before there is an answer."""
        return self._latch.peer

    def receive(self, datagram: bytes, source: Address, arrived_at: float) -> str | None:
        """Take one datagram; the digit, when it is the first to tell of a key press.

        `arrived_at` is in seconds of any clock.
        """
        is_source = source == self._latch.source
        try:
            if not is_source and not self._may_speak(datagram, source):
                self.strangers += 1
                return None
            if self._unprotect is not None:
                datagram = self._unprotect(datagram)
            digit = self._take(RtpPacket.parse(datagram), arrived_at)
        except RtpError:
            self.invalid += 1
            return None
        if not is_source:
            self._latch.source = source
        self.silent_ticks = 0
        return digit

    def _may_speak(self, datagram: bytes, source: Address) -> bool:
        """Whether another source than the present one is heard. Raises `RtpError`."""
        return self._latch.admits(
            datagram,
            source,
            ssrc=self.ssrc,
            sequence=self.sequence,
            silent_ticks=self.silent_ticks,
        )

    def _take(self, packet: RtpPacket, arrived_at: float) -> str | None:
        payload_type, number, timestamp, ssrc, payload, _ = packet
        codec = self._codecs.get(payload_type)
        if codec is None:
            return self._take_other(packet)
        if ssrc != self.ssrc:
            self.ssrc, self._transit = ssrc, None
            self.sequence.restart(number)
        arrival = self.sequence.place(number)
        if arrival is _NEWEST or arrival is _REORDERED:
            is_newest = arrival is _NEWEST
            self.playout.buffer.put(payload, codec, ssrc, timestamp, is_newest=is_newest)
            self._measure(codec, timestamp, arrived_at)
        return None

    def _take_other(self, packet: RtpPacket) -> str | None:
        """A key press or comfort noise; gateways may send key presses under another SSRC."""
        is_event = packet.payload_type in self._event_types
        if not (is_event or packet.payload_type in _COMFORT_NOISE):
            raise RtpError(f"payload type {packet.payload_type} was not offered")
        arrival = Arrival.UNPROVEN
        if packet.ssrc == self.ssrc:
            arrival = self.sequence.place(packet.sequence_number)
        if is_event:
            self.has_telephone_events = True
            return self._digits.receive(packet)
        if arrival is _NEWEST or arrival is _REORDERED:
            is_newest = arrival is _NEWEST
            self.playout.buffer.put(
                packet.payload, None, packet.ssrc, packet.timestamp, is_newest=is_newest
            )
        return None

    def _measure(self, codec: Codec, timestamp: int, arrived_at: float) -> None:
        """The interarrival jitter (RFC 3550 6.4.1)."""
        if codec is not self.codec:
            self.codec, self._clock_rate_hz, self._transit = codec, codec.clock_rate_hz, None
        transit = arrived_at - timestamp / self._clock_rate_hz
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < _LONGEST_TRANSIT_CHANGE_S:
                self.jitter += (change - self.jitter) / 16
        self._transit = transit
