"""The codecs of this box by their encoders and decoders, one of each to a call.

G.711 has no memory; G.722 and Opus carry state from packet to packet, so that an encoder or
decoder that is shared between two streams garbles both.
"""

from functools import cache
from typing import Protocol

from movoice_box.domain.media import G711, Codec
from movoice_box.rtp.g711 import G711Coder
from movoice_box.rtp.g722 import G722Decoder, G722Encoder
from movoice_box.rtp.opus import OPUS_FRAMES_MS, OpusDecoder, OpusEncoder, has_opus


class Encoder(Protocol):
    def encode(self, pcm: bytes) -> bytes:
        """The payload of one packet of 10 to 60 ms of 16-bit PCM at 8 kHz."""
        ...


class Decoder(Protocol):
    def decode(self, payload: bytes) -> bytes:
        """16-bit PCM at 8 kHz; nothing for a payload that is none of this codec."""
        ...

    def conceal(self, samples: int, following: bytes = b"") -> bytes | None:
        """PCM in the place of a lost packet, None where the codec has no concealment of its own.

        `samples` are of 8 kHz. `following` is the payload after the lost one where it is there
        already: it may carry a copy of it.
        """
        ...


def packet_ms(codec: Codec, wished_ms: int) -> int:
    """The audio in a packet: as wished, or the longest that `codec` makes below that."""
    if codec is Codec.OPUS:
        return max(ms for ms in OPUS_FRAMES_MS if ms <= wished_ms)
    return wished_ms


@cache
def available() -> frozenset[Codec]:
    """What this machine can encode and decode: Opus only where libopus is installed."""
    return frozenset(codec for codec in Codec if codec is not Codec.OPUS or has_opus())


def encoder_of(codec: Codec) -> Encoder:
    """A new encoder, for one stream."""
    if codec in G711:
        return G711Coder(codec)
    return G722Encoder() if codec is Codec.G722 else OpusEncoder()


def decoder_of(codec: Codec) -> Decoder:
    """A new decoder, for one stream."""
    if codec in G711:
        return G711Coder(codec)
    return G722Decoder() if codec is Codec.G722 else OpusDecoder()
