from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.media import Codec
from movoice_box.rtp.g711 import SILENCE_FRAME
from movoice_box.rtp.jitter import JitterBuffer
from movoice_box.rtp.packet import RtpPacket

SILENCE = SILENCE_FRAME[Codec.PCMU]
DEPTH = [SILENCE] * 3  # the 60 ms before the first packet is played
START = 0xFFFF_FF00  # so that timestamps wrap in the first second


def frame(number: int) -> bytes:
    return bytes([number % 200]) * 160


def packet(number: int, *, ssrc: int = 7, payload_type: int = 0) -> RtpPacket:
    timestamp = (START + 160 * number) & 0xFFFF_FFFF
    return RtpPacket(payload_type, number & 0xFFFF, timestamp, ssrc, frame(number))


def played(buffer: JitterBuffer, arrivals: Iterable[list[int]]) -> list[bytes]:
    """What comes out when each tick brings the packets of these numbers."""
    newest, out = -1, []
    for arrival in arrivals:
        for number in arrival:
            buffer.put(packet(number), is_newest=number > newest)
            newest = max(newest, number)
        out.append(buffer.pop())
    return out


def frames(numbers: Iterable[int]) -> list[bytes]:
    return [frame(number) for number in numbers]


def test_nothing_is_played_before_the_first_packet() -> None:
    assert JitterBuffer().pop() == b""


def test_packets_in_time_are_played_in_order_after_the_depth() -> None:
    out = played(JitterBuffer(), [[n] for n in range(100)])

    assert out == DEPTH + frames(range(97))


@given(st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_up_to_the_depth_of_jitter_and_reordering_nothing_is_lost(delays: list[int]) -> None:
    delays[0] = 0
    arrivals: list[list[int]] = [[] for _ in range(66)]
    for number, delay in enumerate(delays):
        arrivals[number + delay].append(number)

    assert played(JitterBuffer(), arrivals)[3:63] == frames(range(60))


def test_a_lost_packet_is_a_frame_of_silence() -> None:
    out = played(JitterBuffer(), [[0], [1], [], [3], [], [], []])

    assert out == [*DEPTH, frame(0), frame(1), SILENCE, frame(3)]


def test_a_packet_after_its_time_is_dropped_and_counted() -> None:
    buffer = JitterBuffer()
    out = played(buffer, [[0], [], [2], [3], [4], [1, 5], []])

    assert out[3:] == [frame(0), SILENCE, frame(2), frame(3)]
    assert buffer.late == 1


def test_of_a_packet_that_comes_in_the_middle_of_its_time_the_rest_is_played() -> None:
    buffer = JitterBuffer()
    for number in (0, 2, 3):
        buffer.put(packet(number), is_newest=True)
    for _ in range(4):
        buffer.pop()
    late = RtpPacket(0, 1, (START + 80) & 0xFFFF_FFFF, 7, b"\1" * 80 + b"\2" * 80)
    buffer.put(late, is_newest=False)

    assert buffer.pop() == b"\2" * 80 + SILENCE[80:]


def test_playout_starts_anew_when_the_delay_has_grown_beyond_the_depth() -> None:
    buffer = JitterBuffer()
    in_time = [[n] for n in range(10)]
    stalled: list[list[int]] = [[] for _ in range(8)]
    after = [[n] for n in range(10, 20)] + [[]] * 3
    out = played(buffer, [*in_time, *stalled, *after])

    assert out[3:13] == frames(range(10))
    assert out[-10:] == frames(range(10, 20))
    assert (buffer.restarts, buffer.late) == (2, 0)


def test_what_the_network_held_back_is_played_and_the_delay_then_shrinks() -> None:
    buffer = JitterBuffer()
    stalled: list[list[int]] = [[] for _ in range(8)]
    released = [list(range(10, 19))]
    out = played(
        buffer,
        [[n] for n in range(10)] + stalled + released + [[n] for n in range(19, 600)],
    )

    assert out[21:41] == frames(range(10, 30))
    assert buffer.skipped_frames > 0
    assert out[-1] == frame(599 - 3)


def test_a_sender_whose_clock_is_fast_is_kept_up_with() -> None:
    buffer = JitterBuffer()
    arrivals = [[n] for n in range(3000)]
    for extra in range(0, 3000, 100):  # one packet in a hundred comes a tick early
        arrivals[extra].append(3000)
    numbers = iter(range(4000))
    out = played(buffer, [[next(numbers) for _ in arrival] for arrival in arrivals])

    assert out[-1] in frames(range(3030 - 6, 3030 - 3))


def test_a_jump_of_the_timestamps_does_not_delay_what_follows() -> None:
    buffer = JitterBuffer()
    for number in (*range(10), *range(40, 50)):
        buffer.put(packet(number), is_newest=True)
        out = buffer.pop()

    assert out == frame(49 - 3)


def test_another_ssrc_starts_at_once() -> None:
    buffer = JitterBuffer()
    played(buffer, [[n] for n in range(10)])
    out = []
    for number in range(30_000, 30_010):
        buffer.put(packet(number, ssrc=8), is_newest=True)
        out.append(buffer.pop())

    assert out == DEPTH + frames(range(30_000, 30_007))


def test_another_codec_starts_anew_with_its_own_silence() -> None:
    buffer = JitterBuffer()
    played(buffer, [[n] for n in range(10)])
    buffer.put(packet(10, payload_type=8), is_newest=True)

    assert buffer.pop() == SILENCE_FRAME[Codec.PCMA]
    assert buffer.codec is Codec.PCMA


def test_packets_of_thirty_milliseconds_are_played_whole() -> None:
    buffer = JitterBuffer()
    sound = bytes(n % 251 for n in range(240 * 20))
    out = b""
    for tick in range(35):
        arriving = [n for n in range(20) if 30 * n in range(20 * tick, 20 * tick + 20)]
        for n in arriving:
            payload = sound[240 * n : 240 * n + 240]
            buffer.put(RtpPacket(0, n, 240 * n, 7, payload), is_newest=True)
        out += buffer.pop()

    assert sound in out


def test_an_empty_or_enormous_payload_is_not_played() -> None:
    buffer = JitterBuffer()
    buffer.put(RtpPacket(0, 0, 0, 7, b""), is_newest=True)
    buffer.put(RtpPacket(0, 0, 0, 7, bytes(9000)), is_newest=True)

    assert buffer.pop() == b""
