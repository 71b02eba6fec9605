import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.errors import RtpError
from movoice_box.rtp.dtmf import DIGITS, DigitReceiver, TelephoneEvent, reports
from movoice_box.rtp.packet import RtpPacket


def packets(digit: str, timestamp: int) -> list[RtpPacket]:
    return [RtpPacket(101, 0, timestamp, 7, report.pack()) for report in reports(digit)]


def heard(arriving: list[RtpPacket]) -> str:
    receiver = DigitReceiver()
    return "".join(filter(None, map(receiver.receive, arriving)))


def test_a_press_grows_by_a_frame_a_report_and_its_end_is_sent_three_times() -> None:
    sent = reports("5")

    assert [report.event for report in sent] == [5] * 7
    assert [report.duration for report in sent] == [160, 320, 480, 640, 800, 800, 800]
    assert [report.is_end for report in sent] == [False] * 4 + [True] * 3


def test_a_report_is_written_as_the_rfc_draws_it() -> None:
    star = TelephoneEvent(event=10, duration=800, is_end=True, volume=10)

    assert star.pack() == bytes.fromhex("0a8a0320")
    assert TelephoneEvent.parse(star.pack()) == star


@pytest.mark.parametrize("digit", DIGITS)
def test_every_key_is_heard_once(digit: str) -> None:
    assert heard(packets(digit, 4000)) == digit


@pytest.mark.parametrize("lost", [slice(0, 1), slice(0, 6), slice(4, 7), slice(1, 7)])
def test_a_press_is_heard_once_whatever_reports_are_lost(lost: slice) -> None:
    arriving = packets("7", 4000)
    del arriving[lost]

    assert heard(arriving) == "7"


def test_the_same_key_twice_is_heard_twice() -> None:
    assert heard(packets("1", 4000) + packets("1", 6000)) == "11"


@pytest.mark.parametrize("lost", [slice(0, 0), slice(1, 3), slice(5, 6)])
def test_a_press_whose_timestamps_go_on_is_heard_once(lost: slice) -> None:
    wrong = []
    for begin in (4000, 6000):
        arriving = [
            packet._replace(timestamp=begin + 160 * number)
            for number, packet in enumerate(packets("9", begin))
        ]
        del arriving[lost]
        wrong += arriving

    assert heard(wrong) == "99"


def test_a_late_end_of_the_press_before_is_not_a_press() -> None:
    first, second = packets("1", 4000), packets("1", 6000)

    assert heard(first[:-1] + second[:2] + first[-1:] + second[2:]) == "11"


@given(st.permutations(packets("4", 4000) * 2))
def test_repeats_in_any_order_are_one_press(arriving: list[RtpPacket]) -> None:
    assert heard(arriving) == "4"


def test_a_press_of_more_than_eight_seconds_is_one() -> None:
    held = TelephoneEvent(event=3, duration=0xFFFF).pack()
    released = TelephoneEvent(event=3, duration=800, is_end=True).pack()
    start = 0xFFFF_FF00

    first = RtpPacket(101, 0, start, 7, held)
    second = RtpPacket(101, 0, (start + 0xFFFF) & 0xFFFF_FFFF, 7, released)
    assert heard([first, first, second, second]) == "3"


def test_a_hook_flash_is_no_digit() -> None:
    assert heard([RtpPacket(101, 0, 1, 7, TelephoneEvent(event=16, duration=160).pack())]) == ""


def test_a_report_cut_short_is_refused() -> None:
    with pytest.raises(RtpError, match="telephone event of 3 bytes, needs 4"):
        TelephoneEvent.parse(b"\1\2\3")
