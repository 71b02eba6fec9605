"""What is played into a call, cut into the payloads of packets. No socket, no clock."""

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.domain.media import G711, PTIME_MS, SAMPLE_RATE_HZ, Codec
from movoice_box.rtp.codecs import Encoder, encoder_of
from movoice_box.rtp.g711 import SILENCE_BYTE, encode

_BYTES_PER_MS = 2 * SAMPLE_RATE_HZ // 1000


class Voice:
    """One encoder and the PCM that waits for it.

    G.711 is encoded when it is played, by table and in one go. A codec with a memory is encoded
    packet by packet as it leaves, silence too: what is cut off was then never coded, and both
    ends stay in step. A clip need not be whole packets: what is left of it, less than a packet,
    goes with what is played next, or with silence if nothing is.
    """

    __slots__ = (
        "_at",
        "_encoder",
        "_packet_bytes",
        "_payload",
        "_silence",
        "_waiting",
        "codec",
        "is_silent",
        "packet_ms",
    )

    def __init__(self, codec: Codec = Codec.PCMU, packet_ms: int = PTIME_MS) -> None:
        self.codec = codec
        self.packet_ms = packet_ms
        self.is_silent = True  # the last packet was
        self._waiting = b""
        self._at = 0  # index into `_waiting`
        self._encoder: Encoder | None = None if codec in G711 else encoder_of(codec)
        self._payload = b""  # of all of `_waiting`, where it is encoded ahead
        self._packet_bytes = packet_ms * _BYTES_PER_MS
        self._silence = b""
        if codec in G711:
            self._silence = SILENCE_BYTE[codec] * (self._packet_bytes // 2)

    def changed(self, codec: Codec, packet_ms: int) -> "Voice":
        """Another codec or packet; what waits to be played goes on in it."""
        if (codec, packet_ms) == (self.codec, self.packet_ms):
            return self
        voice = Voice(codec, packet_ms)
        if codec is self.codec:
            voice._encoder = self._encoder
        voice.play(self._waiting[self._at :])
        return voice

    @property
    def sent(self) -> bytes:
        """What the last packet carried, or its time in silence."""
        if self.is_silent:
            return bytes(self._packet_bytes)
        return self._cut(self._at - self._packet_bytes)

    @property
    def is_idle(self) -> bool:
        """Whether no whole packet is left to be played."""
        return len(self._waiting) - self._at < self._packet_bytes

    def play(self, pcm: bytes) -> None:
        """Play `pcm` next; it is filled up to whole frames of 20 ms with silence."""
        self._waiting = self._waiting[self._at :] + pcm + bytes(-len(pcm) % FRAME_BYTES)
        self._at = 0
        self._payload = encode(self._waiting, self.codec) if self._encoder is None else b""

    def stop(self) -> None:
        """Forget what has not left yet."""
        self._waiting = self._payload = b""
        self._at = 0

    def next_payload(self) -> bytes:
        """What the next packet carries."""
        begin = self._at
        if begin >= len(self._waiting):
            return self.next_silence()
        self._at = end = begin + self._packet_bytes
        self.is_silent = False
        if self._encoder is not None:
            return self._encoder.encode(self._cut(begin))
        payload = self._payload[begin // 2 : end // 2]
        return payload if end <= len(self._waiting) else payload + self._silence[len(payload) :]

    def next_silence(self) -> bytes:
        """A packet of silence; what waits to be played goes on waiting."""
        self.is_silent = True
        if self._encoder is None:
            return self._silence
        return self._encoder.encode(bytes(self._packet_bytes))

    def _cut(self, begin: int) -> bytes:
        """One packet of PCM, the last one filled up with silence."""
        return self._waiting[begin : begin + self._packet_bytes].ljust(self._packet_bytes, b"\0")
