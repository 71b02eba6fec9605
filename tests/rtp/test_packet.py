import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.errors import RtpError
from movoice_box.rtp.packet import RtpPacket

AUDIO = RtpPacket(
    payload_type=8,
    sequence_number=0xFFFE,
    timestamp=0xFFFF_FF60,
    ssrc=0xDEAD_BEEF,
    payload=b"\xd5" * 160,
    marker=True,
)
HEADER = bytes.fromhex("8088fffeffffff60deadbeef")


def test_a_packet_is_written_as_the_rfc_draws_it() -> None:
    assert AUDIO.pack() == HEADER + b"\xd5" * 160


def test_what_is_written_is_read_back() -> None:
    assert RtpPacket.parse(AUDIO.pack()) == AUDIO


def test_csrcs_extension_and_padding_are_taken_off_the_payload() -> None:
    csrcs = bytes(8)
    extension = bytes.fromhex("bede0001") + bytes(4)
    datagram = b"\xb2" + HEADER[1:] + csrcs + extension + b"voice" + bytes.fromhex("000003")

    assert RtpPacket.parse(datagram).payload == b"voice"


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        (b"", "RTP packet of 0 bytes, header needs 12"),
        (HEADER[:11], "RTP packet of 11 bytes, header needs 12"),
        (b"\x40" + HEADER[1:], "RTP version 1, expected 2"),
        (b"\x80\xc8" + HEADER[2:], "payload type 72 is RTCP packet type 200"),
        (b"\x83" + HEADER[1:] + bytes(8), "RTP packet of 20 bytes ends inside 3 CSRCs"),
        (b"\x90" + HEADER[1:] + bytes(3), "RTP packet of 15 bytes ends inside its extension"),
        (b"\x90" + HEADER[1:] + b"\0\0\0\2" + bytes(4), "RTP extension of 2 words exceeds"),
        (b"\xa0" + HEADER[1:] + b"ab\0", "RTP padding of 0 bytes in a payload of 3"),
        (b"\xa0" + HEADER[1:] + b"ab\4", "RTP padding of 4 bytes in a payload of 3"),
        (b"\xa0" + HEADER[1:], "RTP padding of 239 bytes in a payload of 0"),
    ],
)
def test_a_broken_packet_is_refused_with_the_number_that_was_wrong(
    datagram: bytes, message: str
) -> None:
    with pytest.raises(RtpError) as refused:
        RtpPacket.parse(datagram)

    assert message in refused.value.message


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\xb1" + tail))
def test_random_bytes_give_a_packet_or_an_rtp_error(datagram: bytes) -> None:
    try:
        packet = RtpPacket.parse(datagram)
    except RtpError:
        return
    assert len(packet.payload) <= len(datagram) - 12
