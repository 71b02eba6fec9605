import random
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movoice_box.domain.media import Codec
from movoice_box.rtp.codecs import encoder_of
from movoice_box.rtp.concealment import SILENT_FRAME
from movoice_box.rtp.g711 import decode, encode
from movoice_box.rtp.playout import Playout
from tests.rtp.ends import a_tone, energy

DEPTH = [SILENT_FRAME] * 3  # the 60 ms before the first packet is played
START = 0xFFFF_FF00  # so that timestamps wrap in the first second


def payload(number: int) -> bytes:
    return bytes([number % 100]) * 160


def frame(number: int) -> bytes:
    return decode(payload(number), Codec.PCMU)


def frames(numbers: Iterable[int]) -> list[bytes]:
    return [frame(number) for number in numbers]


def put(
    playout: Playout, number: int, *, is_newest: bool = True, ssrc: int = 7, content: bytes = b""
) -> None:
    timestamp = (START + 160 * number) & 0xFFFF_FFFF
    playout.buffer.put(content or payload(number), Codec.PCMU, ssrc, timestamp, is_newest=is_newest)


def played(playout: Playout, arrivals: Iterable[list[int]], content: bytes = b"") -> list[bytes]:
    """What comes out when each tick brings the packets of these numbers."""
    newest, out = -1, []
    for arrival in arrivals:
        for number in arrival:
            put(playout, number, is_newest=number > newest, content=content)
            newest = max(newest, number)
        out.append(playout.frame())
    return out


def test_nothing_is_played_before_the_first_packet() -> None:
    assert Playout().frame() == SILENT_FRAME


def test_packets_in_time_are_played_in_order_after_the_depth() -> None:
    assert played(Playout(), [[n] for n in range(100)]) == DEPTH + frames(range(97))


@given(st.lists(st.integers(0, 3), min_size=60, max_size=60))
@settings(max_examples=50)
def test_up_to_the_depth_of_jitter_and_reordering_nothing_is_lost(delays: list[int]) -> None:
    delays[0] = 0
    arrivals: list[list[int]] = [[] for _ in range(66)]
    for number, delay in enumerate(delays):
        arrivals[number + delay].append(number)

    out = played(Playout(), arrivals)

    assert [sound for sound in out if sound in frames(range(100))] == frames(range(60))


def test_a_late_packet_that_was_waited_for_is_played_whole_and_the_delay_has_grown() -> None:
    playout = Playout()
    stalled: list[list[int]] = [[] for _ in range(8)]
    out = played(playout, [[0], [1], [2], [3], *stalled, [4, 5, 6], [7], [8], [9]])

    assert out[3:7] == frames(range(4))
    assert out[13:] == frames(range(5, 8))
    assert playout.buffer.late == 0
    assert playout.buffer.delays.depth > 480


def test_a_packet_that_its_successor_overtook_for_too_long_is_dropped_and_counted() -> None:
    playout = Playout()
    played(playout, [[0], [], [2], [3], [4], [1, 5], []])

    assert playout.buffer.late == 1


def test_for_a_late_packet_the_voice_is_held_once_so_that_the_next_is_in_time() -> None:
    tone = encode(a_tone(0.02, 400), Codec.PCMU)
    playout = Playout()
    arrivals: list[list[int]] = [[n] for n in range(40)]
    for late in (10, 20, 30):
        arrivals[late].remove(late)
        arrivals[late + 5].append(late)
    played(playout, arrivals, content=tone)

    assert playout.buffer.late == 1
    assert playout.repeated_frames >= 1


def test_what_the_network_held_back_is_caught_up_with_in_the_pauses() -> None:
    playout = Playout()
    quiet = encode(bytes(320), Codec.PCMU)
    stalled: list[list[int]] = [[] for _ in range(25)]
    released = [list(range(10, 36))]
    in_time = [[n] for n in range(10)]
    played(playout, in_time + stalled + released + [[n] for n in range(36, 90)], content=quiet)

    assert playout.skipped_frames >= 20
    assert playout.buffer.excess(0) <= 160


def test_a_voice_without_a_pause_is_shortened_by_its_pitch_and_loses_no_level() -> None:
    tone, playout = a_tone(6.0, 200), Playout()
    pieces = [encode(tone[at : at + 320], Codec.PCMU) for at in range(0, len(tone), 320)]
    out = []
    for number, piece in enumerate(pieces):
        put(playout, number, content=piece)
        if number >= 20:  # 400 ms have been held back
            out.append(playout.frame())

    levels = [energy(one) for one in out[5:]]
    assert playout.skipped_frames > 10
    assert playout.buffer.excess(0) < 5 * 160
    assert min(levels) > 0.8 * max(levels)


@pytest.mark.parametrize("ppm", [200, -200])
def test_a_clock_that_drifts_costs_frames_in_pauses_and_no_packet(ppm: int) -> None:
    playout, quiet, sent = Playout(), encode(bytes(320), Codec.PCMU), 0
    for tick in range(30_000):  # ten minutes
        while sent * 20 <= tick * 20 * (1 + ppm / 1e6):
            put(playout, sent, content=quiet)
            sent += 1
        playout.frame()

    assert playout.buffer.late == 0
    assert playout.buffer.restarts == 1
    assert abs(playout.buffer.excess(0)) <= 320
    assert playout.skipped_frames + playout.repeated_frames < 15


def test_a_jump_of_the_timestamps_does_not_delay_what_follows() -> None:
    playout = Playout()
    for number in (*range(10), *range(40, 50)):
        put(playout, number)
        out = playout.frame()

    assert out == frame(49 - 3)


def test_a_jump_back_of_the_timestamps_is_a_new_time_line() -> None:
    playout = Playout()
    for number in (*range(500, 510), *range(10)):
        put(playout, number)
        out = playout.frame()

    assert out == frame(9 - 3)
    assert playout.buffer.late == 0


def test_another_ssrc_starts_at_once() -> None:
    playout = Playout()
    played(playout, [[n] for n in range(10)])
    out = []
    for number in range(30_000, 30_010):
        put(playout, number, ssrc=8)
        out.append(playout.frame())

    assert out[4:] == frames(range(30_001, 30_007))


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60, 120])
@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.G722])
def test_packets_of_any_length_are_played_whole(codec: Codec, ptime_ms: int) -> None:
    encoder, playout, sound = encoder_of(codec), Playout(), a_tone(2.4, 500)
    size = 16 * ptime_ms
    pieces = [encoder.encode(sound[at : at + size]) for at in range(0, len(sound), size)]
    out, sent = b"", 0
    for tick in range(120):
        while sent < len(pieces) and sent * ptime_ms <= tick * 20:
            playout.buffer.put(pieces[sent], codec, 7, 8 * ptime_ms * sent, is_newest=True)
            sent += 1
        out += playout.frame()

    first = int(np.argmax(np.abs(np.frombuffer(out, dtype="<i2")) > 1000))
    level = np.abs(np.frombuffer(out, dtype="<i2")[first : first + 8 * 2000]).reshape(-1, 16)
    assert level.max(axis=1).min() > 7000
    assert playout.skipped_frames == playout.repeated_frames == 0


def test_nothing_comes_of_an_empty_or_an_enormous_payload() -> None:
    playout = Playout()
    playout.buffer.put(b"", Codec.PCMU, 7, 0, is_newest=True)
    playout.buffer.put(bytes(9000), Codec.PCMU, 7, 0, is_newest=True)

    assert not playout.buffer.has_begun


def test_a_hole_in_the_tone_is_filled_and_the_joints_are_smooth() -> None:
    tone = a_tone(1.0, 210)
    pieces = [encode(tone[at : at + 320], Codec.PCMU) for at in range(0, len(tone), 320)]
    playout, out = Playout(), b""
    for number, piece in enumerate(pieces):
        if number not in (20, 30):
            put(playout, number, content=piece)
        out += playout.frame()

    sound = np.frombuffer(out, dtype="<i2")[4 * 160 :].astype(int)
    assert np.abs(sound).reshape(-1, 40).max(axis=1).min() > 5_000
    assert np.abs(np.diff(sound)).max() < 2 * np.abs(np.diff(np.frombuffer(tone, "<i2"))).max()


def test_a_long_gap_fades_to_silence_after_60_ms() -> None:
    playout, tone = Playout(), encode(a_tone(0.02, 400), Codec.PCMU)
    played(playout, [[n] for n in range(20)], content=tone)
    for _ in range(3):
        playout.frame()
    gap = [energy(playout.frame()) for _ in range(5)]

    assert gap[0] > gap[1] > gap[2] > gap[3] == gap[4] == 0


def test_comfort_noise_fills_a_pause_at_its_level_and_ends_with_the_voice() -> None:
    playout = Playout()
    played(playout, [[n] for n in range(10)])
    playout.buffer.put(b"\x32", None, 7, (START + 1600) & 0xFFFF_FFFF, is_newest=True)
    for _ in range(6):
        playout.frame()
    pause = np.frombuffer(playout.frame(), dtype="<i2").astype(float)
    for _ in range(50):
        playout.frame()
    put(playout, 67)
    put(playout, 68)
    out = [playout.frame() for _ in range(8)]

    assert 20 * np.log10(32768 / np.sqrt(np.mean(pause**2))) == pytest.approx(50, abs=2)
    assert frame(67) in out
    assert playout.buffer.late == 0


def test_what_nobody_hears_passes_at_the_same_pace() -> None:
    playout = Playout()
    for number in range(100):
        put(playout, number)
        playout.skip()
    out = []
    for number in range(100, 110):
        put(playout, number)
        out.append(playout.frame())

    assert out in [frames(range(100 - depth, 110 - depth)) for depth in (1, 2, 3)]
    assert playout.buffer.late == 0


@given(st.data())
@settings(max_examples=60)
def test_whatever_is_sent_a_frame_comes_out_of_every_tick(data: st.DataObject) -> None:
    playout = Playout()
    codecs = st.sampled_from([*Codec, None])
    for _ in range(30):
        for _ in range(data.draw(st.integers(0, 3))):
            playout.buffer.put(
                data.draw(st.binary(max_size=300)),
                data.draw(codecs),
                data.draw(st.integers(1, 2)),
                data.draw(st.integers(0, 5000) | st.integers(0, 0xFFFF_FFFF)),
                is_newest=data.draw(st.booleans()),
            )
        assert len(playout.frame()) == 320


@pytest.mark.parametrize("passes", [Playout.frame, Playout.skip], ids=["heard", "unheard"])
def test_packets_that_come_around_the_tick_are_not_late(
    passes: Callable[[Playout], object],
) -> None:
    playout, chance, waiting, newest = Playout(), random.Random(7), list[int](), -1
    for tick in range(1500):
        waiting.append(tick)
        if chance.random() < 0.5:  # else the tick comes a moment too early for this one
            waiting, arrived = [], waiting
        else:
            waiting, arrived = waiting[-1:], waiting[:-1]
        for number in arrived:
            put(playout, number, is_newest=number > newest)
            newest = max(newest, number)
        passes(playout)

    assert playout.buffer.late < 10
