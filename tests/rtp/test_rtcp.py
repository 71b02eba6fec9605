import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.errors import RtpError
from movoice_box.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    pack_compound,
    parse_compound,
)

words = st.integers(0, 0xFFFF_FFFF)
blocks = st.builds(
    ReportBlock,
    ssrc=words,
    fraction_lost=st.integers(0, 255),
    lost=st.integers(-(1 << 23), (1 << 23) - 1),
    highest_sequence=words,
    jitter=words,
    last_report=words,
    delay=words,
)
some_blocks = st.lists(blocks, max_size=3).map(tuple)
reports = st.builds(
    SenderReport,
    ssrc=words,
    ntp=st.integers(0, (1 << 64) - 1),
    timestamp=words,
    packets=words,
    octets=words,
    blocks=some_blocks,
) | st.builds(ReceiverReport, ssrc=words, blocks=some_blocks)
others = st.builds(SourceDescription, ssrc=words, cname=st.text(max_size=60)) | st.builds(
    Goodbye, ssrcs=st.lists(words, max_size=4).map(tuple)
)

RECEIVER_REPORT = ReceiverReport(ssrc=1).pack()
# By hand from the figures of RFC 3550 6.4.1 and 6.5: a sender report with a block, then a CNAME
BY_HAND = bytes.fromhex(
    "81c8000c6b8b4567e10c0a5c80000000000138800000007d00004e20"
    "327b23c60500000300014a2c0000001f0a5c800000010000"
    "81ca00046b8b45670107736970406c616e00"
    "0000"
)


@given(reports, st.lists(others, max_size=3))
def test_what_is_packed_is_read_again(first: RtcpPacket, rest: list[RtcpPacket]) -> None:
    assert parse_compound(pack_compound([first, *rest])) == [first, *rest]


def test_the_fields_stand_where_the_rfc_draws_them() -> None:
    report, description = parse_compound(BY_HAND)

    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.packets, report.octets) == (0x6B8B4567, 125, 20_000)
    (block,) = report.blocks
    assert (block.fraction_lost, block.lost, block.jitter) == (5, 3, 31)
    assert block.delay == 65_536
    assert description == SourceDescription(ssrc=0x6B8B4567, cname="sip@lan")


def test_packets_of_other_types_are_left_out() -> None:
    application_data = bytes.fromhex("80cc0002000000016e616d65")

    assert parse_compound(RECEIVER_REPORT + application_data) == [ReceiverReport(ssrc=1)]


def test_padding_at_the_end_is_cut_off() -> None:
    padded = bytes.fromhex("a0c90002 00000001 00000004")

    assert parse_compound(padded) == [ReceiverReport(ssrc=1)]


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        (b"", "empty"),
        (b"\x81", "cut off"),
        (b"\x40" + RECEIVER_REPORT[1:], "version 1"),
        (RECEIVER_REPORT[:-1], "exceeds"),
        (Goodbye(ssrcs=(1,)).pack(), "packet type 203, not a report"),
        (b"\x81" + RECEIVER_REPORT[1:], "too short"),
        (b"\xa0" + RECEIVER_REPORT[1:] + RECEIVER_REPORT, "padding"),
        (b"\xa0" + RECEIVER_REPORT[1:-1] + b"\x05", "padding"),
        (RECEIVER_REPORT + bytes.fromhex("81ca000200000001017f6162"), "cut off"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_compound_packet_is_refused_with_the_reason(
    datagram: bytes, message: str
) -> None:
    with pytest.raises(RtpError, match=message):
        parse_compound(datagram)


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda tail: BY_HAND + tail)
    | st.tuples(st.integers(0, len(BY_HAND) - 1), st.binary(min_size=1, max_size=3)).map(
        lambda damage: BY_HAND[: damage[0]] + damage[1] + BY_HAND[damage[0] + 1 :]
    )
)
def test_hostile_bytes_are_a_value_or_an_rtp_error(datagram: bytes) -> None:
    with suppress(RtpError):
        assert len(parse_compound(datagram)) <= len(datagram) // 4


@pytest.mark.parametrize(
    "datagram", [b"", b"\x81\xc9\x00\x09abcd", b"\x81\xc9\x00\x01abcd", b"x" * 99]
)
def test_what_is_refused_leaves_nothing_behind(datagram: bytes) -> None:
    def refuse(times: int) -> None:
        for _ in range(times):
            with suppress(RtpError):
                parse_compound(datagram)

    refuse(100)
    tracemalloc.start()
    try:
        refuse(2_000)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert left < 20_000
