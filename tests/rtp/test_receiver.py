from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.media import Codec, MediaOffer
from movoice_box.rtp.concealment import SILENT_FRAME
from movoice_box.rtp.dtmf import TelephoneEvent, reports
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.receiver import RtpReceiver
from tests.rtp.ends import LOOPBACK, a_target
from tests.rtp.network import ANSWERED, a_receiver

OFFER = MediaOffer(address=LOOPBACK, port=5000)
BEHIND_NAT = ("203.0.113.9", 61_000)
STRANGER = ("198.51.100.66", 4000)


def receive(receiver: RtpReceiver, datagram: bytes, source: tuple[str, int]) -> str | None:
    return receiver.receive(datagram, source, arrived_at=0.0)


def hear(receiver: RtpReceiver, ticks: int) -> list[bytes]:
    """Let time pass, as the session does."""
    heard = []
    for _ in range(ticks):
        receiver.silent_ticks += 1
        heard.append(receiver.playout.frame())
    return heard


def audio(number: int, *, payload_type: int = 0, ssrc: int = 7) -> bytes:
    return RtpPacket(payload_type, number, 160 * number, ssrc, b"\x10" * 160).pack()


def begin(receiver: RtpReceiver, source: tuple[str, int], *, last: int = 1, ssrc: int = 7) -> None:
    """Four packets in order, up to `last`: enough for a source that the answer does not name."""
    for number in range(last - 3, last + 1):
        receive(receiver, audio(number & 0xFFFF, ssrc=ssrc), source)


def press(number: int, *, ssrc: int = 7, payload_type: int = 101) -> bytes:
    report = TelephoneEvent(event=5, duration=160)
    return RtpPacket(payload_type, number, 160 * number, ssrc, report.pack()).pack()


def test_media_is_sent_where_the_answer_says_until_a_source_is_seen() -> None:
    receiver = a_receiver()
    assert receiver.peer == ANSWERED

    begin(receiver, BEHIND_NAT)
    assert receiver.peer == BEHIND_NAT


def test_a_stranger_after_the_first_source_is_dropped_and_counted() -> None:
    receiver = a_receiver()
    begin(receiver, BEHIND_NAT)
    earlier = receiver.strangers

    assert receive(receiver, press(2), STRANGER) is None
    assert receiver.peer == BEHIND_NAT
    assert (receiver.strangers - earlier, receiver.sequence.received) == (1, 1)


@pytest.mark.parametrize("nearer", [ANSWERED, (LOOPBACK, 61_000)])
def test_who_is_nearer_to_the_answer_takes_over_from_a_stranger(nearer: tuple[str, int]) -> None:
    receiver = a_receiver()
    begin(receiver, STRANGER, ssrc=66)
    assert receiver.peer == STRANGER

    receive(receiver, audio(2), nearer)
    begin(receiver, STRANGER, last=5, ssrc=66)
    assert receiver.peer == nearer


def test_who_sprays_packets_at_every_port_is_not_taken_for_the_far_end() -> None:
    receiver = a_receiver()
    for number in (1, 900, 3, 4_000, 5, 6, 7):
        receive(receiver, audio(number, ssrc=66), STRANGER)
        receive(receiver, audio(number, ssrc=number), ("198.51.100.67", number))
        assert receiver.peer == ANSWERED

    begin(receiver, BEHIND_NAT)
    assert receiver.peer == BEHIND_NAT


def test_on_hold_by_no_address_nobody_takes_the_place_of_the_far_end() -> None:
    receiver = a_receiver()
    receive(receiver, audio(1), ANSWERED)
    receiver.connect(replace(a_target(ANSWERED[1]), address="0.0.0.0", is_sending=False), OFFER)
    begin(receiver, STRANGER, ssrc=66)
    receiver.connect(a_target(ANSWERED[1]), OFFER)

    assert receiver.peer == ANSWERED
    assert receiver.strangers == 4


def test_a_number_that_the_far_end_gives_to_key_presses_is_no_codec_of_ours() -> None:
    receiver = RtpReceiver()
    target = replace(a_target(ANSWERED[1]), telephone_event_payload_type=Codec.OPUS.payload_type)
    offer = MediaOffer(address=LOOPBACK, port=5000, codecs=(Codec.OPUS, Codec.PCMU))
    receiver.connect(target, offer)

    assert receive(receiver, press(1, payload_type=107), ANSWERED) == "5"


@pytest.mark.parametrize("datagram", [b"", b"not RTP at all", audio(1, payload_type=18)])
def test_what_was_not_offered_is_counted_and_gains_no_trust(datagram: bytes) -> None:
    receiver = a_receiver()
    receive(receiver, datagram, (LOOPBACK, 61_000))

    assert receiver.peer == ANSWERED
    assert receiver.invalid == 1


def test_a_re_invite_to_another_address_listens_there() -> None:
    receiver = a_receiver()
    receive(receiver, audio(1), ANSWERED)
    receiver.connect(a_target(5000), OFFER)
    assert receiver.peer == (LOOPBACK, 5000)

    receive(receiver, audio(1, ssrc=8), (LOOPBACK, 5000))
    receive(receiver, audio(2), ANSWERED)
    assert receiver.peer == (LOOPBACK, 5000)
    assert receiver.strangers == 1


def test_a_re_invite_to_the_same_address_keeps_the_source_seen() -> None:
    receiver = a_receiver()
    begin(receiver, BEHIND_NAT)
    receiver.connect(a_target(ANSWERED[1]), OFFER)

    assert receiver.peer == BEHIND_NAT


def test_key_presses_count_as_received_and_not_as_lost() -> None:
    receiver = a_receiver()
    receive(receiver, audio(1), ANSWERED)
    for number, report in enumerate(reports("5"), start=2):
        receive(receiver, RtpPacket(101, number, 160, 7, report.pack()).pack(), ANSWERED)
    receive(receiver, audio(9), ANSWERED)

    assert (receiver.sequence.received, receiver.sequence.lost) == (9, 0)


def test_key_presses_under_an_ssrc_of_their_own_do_not_disturb_the_audio() -> None:
    receiver = a_receiver()
    digits = []
    for number in range(1, 6):
        receive(receiver, audio(number), ANSWERED)
        digits.append(receive(receiver, press(60_000, ssrc=8), ANSWERED))

    assert digits == ["5", None, None, None, None]
    assert receiver.playout.buffer.restarts == 1
    assert (receiver.sequence.received, receiver.sequence.lost) == (5, 0)


def test_comfort_noise_is_heard_and_not_counted_as_loss() -> None:
    receiver = a_receiver()
    receive(receiver, audio(1), ANSWERED)
    for number in range(2, 5):
        receive(receiver, RtpPacket(13, number, 160 * number, 7, b"\x28").pack(), ANSWERED)
    heard = hear(receiver, 6)

    assert heard[:3] == [SILENT_FRAME] * 3
    assert heard[4] != SILENT_FRAME
    assert (receiver.invalid, receiver.sequence.lost) == (0, 0)


def test_a_source_that_its_nat_gave_another_port_is_followed_once_the_old_one_is_silent() -> None:
    receiver = a_receiver()
    begin(receiver, BEHIND_NAT)
    earlier = receiver.strangers
    moved = BEHIND_NAT[0], 61_001
    receive(receiver, audio(2), moved)
    assert receiver.peer == BEHIND_NAT

    hear(receiver, 51)
    receive(receiver, audio(3), moved)
    receive(receiver, audio(4), BEHIND_NAT)

    assert receiver.peer == moved
    assert receiver.strangers - earlier == 2


@pytest.mark.parametrize(
    "datagram", [audio(52, ssrc=8), audio(40_000), b"", press(52)], ids=["ssrc", "jump", "", "old"]
)
def test_a_stranger_is_not_followed_into_the_silence_of_the_source(datagram: bytes) -> None:
    receiver = a_receiver()
    begin(receiver, BEHIND_NAT, last=60)
    hear(receiver, 500)
    receive(receiver, datagram, STRANGER)

    assert receiver.peer == BEHIND_NAT


def test_a_codec_is_known_by_our_number_and_by_the_far_ends() -> None:
    receiver = RtpReceiver()
    target = a_target(ANSWERED[1], Codec.OPUS)
    offer = MediaOffer(address=LOOPBACK, port=5000, codecs=(Codec.OPUS, Codec.PCMU))
    receiver.connect(replace(target, payload_type=96), offer)
    for number, payload_type in enumerate((96, 107, 0)):
        receive(receiver, audio(number, payload_type=payload_type), ANSWERED)
    receive(receiver, audio(3, payload_type=8), ANSWERED)

    assert (receiver.sequence.received, receiver.invalid) == (3, 1)


def test_jitter_is_the_mean_change_of_the_transit_time() -> None:
    receiver = a_receiver()
    for number in range(400):
        late_s = 0.010 if number % 2 else 0.0
        receiver.receive(audio(number), ANSWERED, 1e9 + number * 0.020 + late_s)

    assert receiver.jitter == pytest.approx(0.010, abs=0.0001)


def test_a_clock_that_is_set_does_not_count_as_jitter() -> None:
    receiver = a_receiver()
    for number in range(100):
        receiver.receive(audio(number), ANSWERED, number * 0.020 + (3600 if number > 50 else 0))

    assert receiver.jitter < 0.0001


@given(st.lists(st.tuples(st.binary(max_size=60), st.booleans()), max_size=30))
def test_whatever_comes_is_taken_or_counted(datagrams: list[tuple[bytes, bool]]) -> None:
    receiver = a_receiver()
    for datagram, is_rtp in datagrams:
        receive(receiver, b"\x80" + datagram if is_rtp else datagram, ANSWERED)
        receiver.playout.frame()

    assert receiver.invalid <= len(datagrams)
