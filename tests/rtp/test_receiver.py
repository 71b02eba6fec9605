import pytest

from movoice_box.rtp.dtmf import TelephoneEvent, reports
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.receiver import RtpReceiver
from tests.rtp.ends import LOOPBACK, a_target

ANSWERED = (LOOPBACK, 4000)
BEHIND_NAT = ("203.0.113.9", 61_000)
STRANGER = ("198.51.100.66", 4000)


def a_receiver() -> RtpReceiver:
    receiver = RtpReceiver()
    receiver.connect(a_target(ANSWERED[1]), frozenset({101}))
    return receiver


def audio(number: int, *, payload_type: int = 0, ssrc: int = 7) -> bytes:
    return RtpPacket(payload_type, number, 160 * number, ssrc, b"\x10" * 160).pack()


def press(number: int, *, ssrc: int = 7, payload_type: int = 101) -> bytes:
    report = TelephoneEvent(event=5, duration=160)
    return RtpPacket(payload_type, number, 160 * number, ssrc, report.pack()).pack()


def test_media_is_sent_where_the_answer_says_until_a_source_is_seen() -> None:
    receiver = a_receiver()
    assert receiver.peer == ANSWERED

    receiver.receive(audio(1), BEHIND_NAT)
    assert receiver.peer == BEHIND_NAT


def test_a_stranger_after_the_first_source_is_dropped_and_counted() -> None:
    receiver = a_receiver()
    receiver.receive(audio(1), BEHIND_NAT)

    assert receiver.receive(press(2), STRANGER) is None
    assert receiver.peer == BEHIND_NAT
    assert (receiver.strangers, receiver.sequence.received) == (1, 1)


def test_the_address_of_the_answer_takes_over_from_a_stranger_who_was_first() -> None:
    receiver = a_receiver()
    receiver.receive(audio(1, ssrc=66), STRANGER)
    receiver.receive(audio(2), ANSWERED)
    receiver.receive(audio(3, ssrc=66), STRANGER)

    assert receiver.peer == ANSWERED
    assert receiver.strangers == 1


@pytest.mark.parametrize("datagram", [b"", b"not RTP at all", audio(1, payload_type=18)])
def test_what_was_not_offered_is_counted_and_gains_no_trust(datagram: bytes) -> None:
    receiver = a_receiver()
    receiver.receive(datagram, STRANGER)

    assert receiver.peer == ANSWERED
    assert receiver.invalid == 1


def test_a_re_invite_to_another_address_listens_there() -> None:
    receiver = a_receiver()
    receiver.receive(audio(1), ANSWERED)
    receiver.connect(a_target(5000), frozenset({101}))
    assert receiver.peer == (LOOPBACK, 5000)

    receiver.receive(audio(1, ssrc=8), (LOOPBACK, 5000))
    receiver.receive(audio(2), ANSWERED)
    assert receiver.peer == (LOOPBACK, 5000)
    assert receiver.strangers == 1


def test_a_re_invite_to_the_same_address_keeps_the_source_seen() -> None:
    receiver = a_receiver()
    receiver.receive(audio(1), BEHIND_NAT)
    receiver.connect(a_target(ANSWERED[1]), frozenset({101}))

    assert receiver.peer == BEHIND_NAT


def test_key_presses_count_as_received_and_not_as_lost() -> None:
    receiver = a_receiver()
    receiver.receive(audio(1), ANSWERED)
    for number, report in enumerate(reports("5"), start=2):
        receiver.receive(RtpPacket(101, number, 160, 7, report.pack()).pack(), ANSWERED)
    receiver.receive(audio(9), ANSWERED)

    assert (receiver.sequence.received, receiver.sequence.lost) == (9, 0)


def test_key_presses_under_an_ssrc_of_their_own_do_not_disturb_the_audio() -> None:
    receiver = a_receiver()
    digits = []
    for number in range(1, 6):
        receiver.receive(audio(number), ANSWERED)
        digits.append(receiver.receive(press(60_000, ssrc=8), ANSWERED))

    assert digits == ["5", None, None, None, None]
    assert receiver.jitter.restarts == 1
    assert (receiver.sequence.received, receiver.sequence.lost) == (5, 0)


def test_comfort_noise_is_silence() -> None:
    receiver = a_receiver()
    receiver.receive(audio(1), ANSWERED)
    receiver.receive(RtpPacket(13, 2, 320, 7, b"\x40").pack(), ANSWERED)
    heard = [receiver.jitter.pop() for _ in range(5)]

    assert heard[3:] == [b"\x10" * 160, b"\xff" * 160]
    assert receiver.invalid == 0
