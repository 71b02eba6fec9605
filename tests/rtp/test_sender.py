from dataclasses import replace

import numpy as np
import pytest

from movoice_box.domain.media import Codec, DtmfMethod, MediaTarget
from movoice_box.rtp.codecs import decoder_of
from movoice_box.rtp.dtmf import TelephoneEvent
from movoice_box.rtp.g711 import SILENCE_BYTE, decode
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.sender import RtpSender
from movoice_box.rtp.tones import digit_tones
from tests.rtp.ends import a_tone

WITH_EVENTS = MediaTarget(
    address="127.0.0.1", port=4000, codec=Codec.PCMU, telephone_event_payload_type=96
)
WITHOUT_EVENTS = MediaTarget(address="127.0.0.1", port=4000, codec=Codec.PCMU)
ON_HOLD = MediaTarget(address="127.0.0.1", port=4000, codec=Codec.PCMU, is_sending=False)


def a_sender(target: MediaTarget = WITH_EVENTS) -> RtpSender:
    sender = RtpSender(ssrc=7, sequence_number=0xFFFD, timestamp=0xFFFF_FF00)
    sender.connect(target)
    return sender


def sent(sender: RtpSender, ticks: int) -> list[RtpPacket]:
    datagrams = [sender.next_packet() for _ in range(ticks)]
    return [RtpPacket.parse(datagram) for datagram in datagrams if datagram is not None]


def test_sequence_numbers_count_packets_and_timestamps_samples_and_both_wrap() -> None:
    packets = sent(a_sender(), 4)

    assert [packet.sequence_number for packet in packets] == [0xFFFE, 0xFFFF, 0, 1]
    assert [packet.timestamp for packet in packets] == [0xFFFF_FF00, 0xFFFF_FFA0, 0x40, 0xE0]


def test_a_talkspurt_starts_with_a_marker() -> None:
    sender = a_sender()
    silence = sent(sender, 3)
    sender.play(a_tone(0.06))
    clip = sent(sender, 5)

    assert [packet.marker for packet in silence] == [True, False, False]
    assert [packet.marker for packet in clip] == [True, False, False, False, False]


def test_a_clip_right_after_another_starts_no_talkspurt() -> None:
    sender = a_sender()
    markers = []
    for _ in range(3):  # as a bridge does it, frame by frame
        sender.play(a_tone(0.02))
        markers += [packet.marker for packet in sent(sender, 1)]

    assert markers == [True, False, False]


def test_the_clock_runs_on_while_nothing_is_sent() -> None:
    sender = a_sender()
    (before,) = sent(sender, 1)
    sender.connect(ON_HOLD)
    assert sent(sender, 10) == []
    sender.connect(WITH_EVENTS)
    (after,) = sent(sender, 1)

    assert (after.timestamp - before.timestamp) % 2**32 == 11 * 160
    assert (after.sequence_number - before.sequence_number) % 2**16 == 1
    assert after.marker


def test_skipped_ticks_move_the_timestamp_but_lose_nothing_of_the_clip() -> None:
    sender = a_sender()
    sender.play(a_tone(0.06))
    first = RtpPacket.parse(sender.next_packet() or b"")
    second = RtpPacket.parse(sender.next_packet(skipped=10) or b"")

    assert (second.timestamp - first.timestamp) % 2**32 == 11 * 160
    assert (second.sequence_number - first.sequence_number) % 2**16 == 1
    assert second.payload != SILENCE_BYTE[Codec.PCMU] * 160


def test_a_key_press_shares_the_timestamp_of_its_first_report() -> None:
    sender = a_sender()
    sender.play_digits("5")
    packets = sent(sender, 7)
    events = [TelephoneEvent.parse(packet.payload) for packet in packets]

    assert {packet.payload_type for packet in packets} == {96}
    assert {packet.timestamp for packet in packets} == {0xFFFF_FF00}
    assert [packet.marker for packet in packets] == [True] + [False] * 6
    assert [packet.sequence_number for packet in packets] == [0xFFFE, 0xFFFF, 0, 1, 2, 3, 4]
    assert [event.duration for event in events] == [160, 320, 480, 640, 800, 800, 800]
    assert [event.is_end for event in events] == [False] * 4 + [True] * 3


def test_audio_goes_on_after_a_key_press_on_the_same_clock() -> None:
    sender = a_sender()
    sender.play_digits("5")
    press, pause = sent(sender, 7), sent(sender, 4)

    assert [packet.payload_type for packet in pause] == [0] * 4
    assert (pause[0].timestamp - press[0].timestamp) % 2**32 == 7 * 160
    assert sender.is_idle


def test_each_press_has_its_own_timestamp() -> None:
    sender = a_sender()
    sender.play_digits("11")
    packets = [packet for packet in sent(sender, 22) if packet.payload_type == 96]

    assert len({packet.timestamp for packet in packets}) == 2


def test_stopping_completes_the_press_that_has_begun_and_drops_the_rest() -> None:
    sender = a_sender()
    sender.play_digits("123")
    sent(sender, 2)
    sender.stop()
    packets = sent(sender, 10)
    events = [TelephoneEvent.parse(p.payload) for p in packets if p.payload_type == 96]

    assert [event.event for event in events] == [1] * 5
    assert [event.is_end for event in events] == [False, False, True, True, True]


@pytest.mark.parametrize("ticks", [7, 8])
def test_stopping_between_two_presses_leaves_the_next_one_its_own_time(ticks: int) -> None:
    sender = a_sender()
    sender.play_digits("12")
    first = sent(sender, ticks)[0]
    sender.stop()
    sender.play_digits("3")
    after = sent(sender, 9)
    second = next(packet for packet in after if packet.payload_type == 96)

    assert second.timestamp != first.timestamp
    assert second.marker


def test_a_far_end_without_telephone_events_hears_the_two_tones_of_the_key() -> None:
    sender = a_sender(WITHOUT_EVENTS)
    sender.play_digits("5")
    packets = sent(sender, 5)
    pcm = decode(b"".join(packet.payload for packet in packets), Codec.PCMU)

    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, dtype="<i2")))
    loudest = np.argsort(spectrum)[-2:] * 8000 / (len(pcm) // 2)
    assert sorted(loudest) == pytest.approx([770, 1336], abs=10)
    assert {packet.payload_type for packet in packets} == {0}


def test_a_press_ends_where_a_re_invite_takes_telephone_events_away() -> None:
    sender = a_sender()
    sender.play_digits("12")
    sent(sender, 2)
    sender.connect(WITHOUT_EVENTS)

    assert {packet.payload_type for packet in sent(sender, 10)} == {0}
    assert sender.is_idle


@pytest.mark.parametrize(
    ("codec", "ptime_ms", "durations"),
    [
        (Codec.PCMU, 10, [80 * n for n in range(1, 11)] + [800] * 2),
        (Codec.PCMA, 30, [240, 480, 720, 960, 960, 960]),
        (Codec.G722, 60, [480, 960, 960, 960]),
        (Codec.OPUS, 20, [960, 1920, 2880, 3840, 4800, 4800, 4800]),
    ],
)
def test_a_key_press_lasts_100_ms_or_a_little_more_on_the_clock_of_the_audio(
    codec: Codec, ptime_ms: int, durations: list[int]
) -> None:
    sender = a_sender(replace(WITH_EVENTS, codec=codec, ptime_ms=ptime_ms))
    sender.play_digits("5")
    packets = [packet for packet in sent(sender, 40) if packet.payload_type == 96]
    events = [TelephoneEvent.parse(packet.payload) for packet in packets]

    assert [event.duration for event in events] == durations
    assert [event.is_end for event in events] == [False] * (len(events) - 3) + [True] * 3
    assert sender.is_idle


def test_a_trunk_that_wants_tones_gets_tones_even_where_events_could_go() -> None:
    sender = RtpSender(7, 0, 0, DtmfMethod.INBAND)
    sender.connect(WITH_EVENTS)
    sender.play_digits("5")

    assert {packet.payload_type for packet in sent(sender, 9)} == {0}
    assert sender.is_idle


def test_tones_begin_and_end_without_a_click() -> None:
    steps = np.abs(np.diff(np.frombuffer(digit_tones("159D") * 2, dtype="<i2").astype(int)))
    edges = [at + edge for at in range(0, len(steps), 1440) for edge in (0, 798, 799)]

    assert max(steps[edges]) < 500


@pytest.mark.parametrize(
    ("codec", "ptime_ms", "payload_bytes", "units"),
    [
        (Codec.PCMU, 10, 80, 80),
        (Codec.PCMA, 50, 400, 400),
        (Codec.G722, 30, 240, 240),
        (Codec.OPUS, 30, None, 960),
        (Codec.OPUS, 60, None, 2880),
    ],
)
def test_packets_are_as_long_as_agreed(
    codec: Codec, ptime_ms: int, payload_bytes: int | None, units: int
) -> None:
    sender = a_sender(replace(WITH_EVENTS, codec=codec, payload_type=99, ptime_ms=ptime_ms))
    sender.play(a_tone(0.3))
    one, two = sent(sender, 2)

    assert (one.payload_type, two.payload_type) == (99, 99)
    assert payload_bytes in (None, len(one.payload))
    assert (two.timestamp - one.timestamp) % 2**32 == units
    assert sender.octets == len(one.payload) + len(two.payload)


def test_a_change_of_codec_goes_on_with_the_clip_where_it_was() -> None:
    sender, clip = a_sender(), a_tone(0.4)
    sender.play(clip)
    before = sent(sender, 10)
    sender.connect(replace(WITH_EVENTS, codec=Codec.G722))
    after = sent(sender, 10)

    pcm = decode(b"".join(packet.payload for packet in before), Codec.PCMU)
    decoder = decoder_of(Codec.G722)
    pcm += b"".join(decoder.decode(packet.payload) for packet in after)
    heard, wanted = (np.frombuffer(one, dtype="<i2").astype(float) for one in (pcm, clip))
    assert np.corrcoef(heard, wanted)[0, 1] > 0.999
    assert sender.is_idle


def test_a_clip_that_is_cut_off_leaves_a_codec_with_memory_in_step() -> None:
    sender, decoder = a_sender(replace(WITH_EVENTS, codec=Codec.G722)), decoder_of(Codec.G722)
    sender.play(a_tone(1.0))
    heard = [decoder.decode(packet.payload) for packet in sent(sender, 5)]
    sender.stop()
    heard += [decoder.decode(packet.payload) for packet in sent(sender, 5)]

    loudest = [np.abs(np.frombuffer(pcm, dtype="<i2")).max() for pcm in heard]
    assert min(loudest[1:5]) > 7_000
    assert max(loudest[6:]) < 100
