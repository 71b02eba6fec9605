import warnings

import numpy as np
import pytest

from movoice_box.domain.media import G711, Codec
from movoice_box.rtp.g711 import SILENCE_BYTE, decode, encode

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

EVERY_SAMPLE = np.arange(-32768, 32768).astype("<i2").tobytes()
EVERY_CODE = bytes(range(256))

REFERENCE = [
    pytest.param(Codec.PCMU, audioop.lin2ulaw, audioop.ulaw2lin, id="PCMU"),
    pytest.param(Codec.PCMA, audioop.lin2alaw, audioop.alaw2lin, id="PCMA"),
]


@pytest.mark.parametrize(("codec", "encode_reference", "decode_reference"), REFERENCE)
def test_every_sample_and_every_code_agree_with_the_reference(
    codec: Codec, encode_reference: object, decode_reference: object
) -> None:
    assert encode(EVERY_SAMPLE, codec) == encode_reference(EVERY_SAMPLE, 2)  # type: ignore[operator]
    assert decode(EVERY_CODE, codec) == decode_reference(EVERY_CODE, 2)  # type: ignore[operator]


@pytest.mark.parametrize(("codec", "code"), [(Codec.PCMU, 0xFF), (Codec.PCMA, 0xD5)])
def test_silence_is_the_code_that_every_receiver_knows(codec: Codec, code: int) -> None:
    assert SILENCE_BYTE[codec] == bytes([code])


@pytest.mark.parametrize("codec", G711)
def test_a_code_survives_decoding_and_encoding(codec: Codec) -> None:
    again = encode(decode(EVERY_CODE, codec), codec)

    negative_zero = {Codec.PCMU: {0x7F: 0xFF}, Codec.PCMA: {}}[codec]
    assert again == bytes(negative_zero.get(code, code) for code in EVERY_CODE)
