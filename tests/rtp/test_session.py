import asyncio
import wave
from pathlib import Path

import pytest

from movoice_box.domain.audio import LineClosed
from movoice_box.domain.media import (
    G711,
    Codec,
    MediaTarget,
)
from movoice_box.rtp.g711 import SILENCE_BYTE
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.recorder import Recorder
from movoice_box.rtp.session import RtpSession
from movoice_box.rtp.ticker import Ticker
from tests.rtp.ends import (
    LOOPBACK,
    Ear,
    a_call,
    a_target,
    a_tone,
    received,
    settle,
    through,
    udp_socket,
)


def sound(number: int, *, ssrc: int = 9, payload_type: int = 0) -> bytes:
    return RtpPacket(payload_type, number, 160 * number, ssrc, b"\x10" * 160).pack()


@pytest.mark.parametrize("codec", G711)
async def test_what_one_end_plays_the_other_hears(codec: Codec) -> None:
    clip = a_tone(0.5)
    async with a_call(codec=codec) as call, asyncio.TaskGroup() as group:
        ear = Ear(call.far, group)
        await call.tick_until(group.create_task(call.near.play(clip)))
        await call.tick(5)
        await call.far.close()

    assert through(clip, codec) in ear.pcm


async def test_clips_played_in_a_row_are_heard_without_a_gap() -> None:
    one, two = a_tone(0.1, 440), a_tone(0.1, 880)

    async with a_call() as call, asyncio.TaskGroup() as group:
        ear = Ear(call.far, group)

        async def play_both() -> None:
            await call.near.play(one)
            await call.near.play(two)

        await call.tick_until(group.create_task(play_both()))
        await call.tick(5)
        await call.far.close()

    assert through(one + two) in ear.pcm


async def test_play_returns_when_its_last_frame_has_left(
    ticker: Ticker, session: RtpSession
) -> None:
    peer = udp_socket()
    session.connect(a_target(peer.getsockname()[1]))
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(session.play(a_tone(0.05)))
        await settle()
        for _ in range(3):
            assert not playing.done()
            ticker.tick()
            await settle()
        assert playing.done()

    payloads = [RtpPacket.parse(datagram).payload for datagram in received(peer)]
    assert len(payloads) == 3
    assert payloads[2][80:] == SILENCE_BYTE[Codec.PCMU] * 80
    peer.close()


async def test_cancelling_play_stops_within_a_frame(ticker: Ticker, session: RtpSession) -> None:
    peer = udp_socket()
    session.connect(a_target(peer.getsockname()[1]))
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(session.play(a_tone(1.0)))
        await settle()
        ticker.tick()
        playing.cancel()
        await settle()
        ticker.tick()

    first, second = (RtpPacket.parse(datagram).payload for datagram in received(peer))
    assert first != SILENCE_BYTE[Codec.PCMU] * 160
    assert second == SILENCE_BYTE[Codec.PCMU] * 160
    peer.close()


async def test_silence_is_sent_from_connect_to_close(ticker: Ticker, session: RtpSession) -> None:
    peer = udp_socket()
    ticker.tick()
    assert received(peer) == []

    session.connect(a_target(peer.getsockname()[1]))
    for _ in range(5):
        ticker.tick()
    await session.close()
    ticker.tick()

    packets = [RtpPacket.parse(datagram) for datagram in received(peer)]
    assert [packet.payload for packet in packets] == [SILENCE_BYTE[Codec.PCMU] * 160] * 5
    assert (session.statistics.sent, session.statistics.send_errors) == (5, 0)
    peer.close()


async def test_digits_are_heard_once_each_and_kept_until_asked_for() -> None:
    async with a_call() as call, asyncio.TaskGroup() as group:
        await call.tick_until(group.create_task(call.near.send_digits("11#0")))
        await call.tick(3)

        assert [await call.far.next_digit() for _ in range(4)] == ["1", "1", "#", "0"]
        assert call.far.statistics.lost == 0


async def test_digits_pressed_before_the_line_closed_are_still_read() -> None:
    async with a_call() as call, asyncio.TaskGroup() as group:
        await call.tick_until(group.create_task(call.near.send_digits("5")))
        await call.tick(3)
        await call.far.close()

        assert await call.far.next_digit() == "5"
        with pytest.raises(LineClosed):
            await call.far.next_digit()


async def test_media_goes_to_the_source_seen_rather_than_the_address_answered(
    ticker: Ticker, session: RtpSession
) -> None:
    answered, seen = udp_socket(), udp_socket()
    session.connect(a_target(answered.getsockname()[1]))
    ticker.tick()
    assert len(received(answered)) == 1

    seen.sendto(sound(1), (LOOPBACK, session.offer.port))
    ticker.tick()
    received(answered)
    ticker.tick()
    assert len(received(answered)) == 0
    assert len(received(seen)) == 1
    answered.close()
    seen.close()


async def test_an_icmp_refusal_or_a_full_buffer_does_not_end_the_call(
    ticker: Ticker, session: RtpSession
) -> None:
    session.connect(a_target(9))
    for _ in range(5):
        ticker.tick()

    assert session.statistics.sent == 5


async def test_what_this_box_cannot_send_is_counted(ticker: Ticker, session: RtpSession) -> None:
    broadcast = "255.255.255.255"
    session.connect(MediaTarget(address=broadcast, port=4000, codec=Codec.PCMU))
    ticker.tick()

    assert session.statistics.send_errors == 1
    assert session.statistics.sent == 0


async def test_audio_from_before_the_answer_is_not_played_late(
    ticker: Ticker, session: RtpSession
) -> None:
    early = udp_socket()
    for number in range(20):
        early.sendto(sound(number), (LOOPBACK, session.offer.port))
    session.connect(a_target(early.getsockname()[1]))
    ticker.tick()

    assert session.statistics.received == 0
    early.close()


async def test_a_flood_is_read_a_piece_at_a_time(ticker: Ticker, session: RtpSession) -> None:
    peer = udp_socket()
    session.connect(a_target(peer.getsockname()[1]))
    for number in range(120):
        peer.sendto(sound(number), (LOOPBACK, session.offer.port))
    ticker.tick()

    assert session.statistics.received == 50
    peer.close()


async def test_a_reader_that_falls_behind_loses_the_oldest_frames() -> None:
    async with a_call() as call, asyncio.TaskGroup() as group:
        frames = call.far.frames()

        async def read_one() -> None:
            await anext(frames)

        await call.tick_until(group.create_task(read_one()))
        await call.tick(60)

        assert call.far.statistics.dropped_frames == 10
        await frames.aclose()  # type: ignore[attr-defined]
        assert call.far.statistics.dropped_frames == 10


async def test_every_wait_ends_when_the_line_closes() -> None:
    async with a_call() as call, asyncio.TaskGroup() as group:
        ear = Ear(call.near, group)
        waits = [
            group.create_task(_ends_with_line_closed(call.near, what))
            for what in ("play", "queued play", "digit")
        ]
        await call.tick(3)
        await call.near.close()
        await call.near.close()
        await settle()

        assert all(wait.done() for wait in waits)
        assert ear.task.done()
        for act in (call.near.play(a_tone(0.1)), call.near.send_digits("1")):
            with pytest.raises(LineClosed):
                await act
        assert [frame async for frame in call.near.frames()] == []


async def _ends_with_line_closed(session: RtpSession, what: str) -> None:
    with pytest.raises(LineClosed):
        await (session.next_digit() if what == "digit" else session.play(a_tone(5.0)))


async def test_connecting_after_the_close_does_nothing(ticker: Ticker, session: RtpSession) -> None:
    await session.close()
    session.connect(a_target(9))
    ticker.tick()

    assert session.statistics.sent == 0


async def test_playing_nothing_returns_at_once(session: RtpSession) -> None:
    await session.play(b"")
    await session.send_digits("")


async def test_a_line_that_was_ended_for_a_fault_plays_nothing_and_keeps_its_recording(
    ticker: Ticker, tmp_path: Path
) -> None:
    recorder = Recorder()
    session = RtpSession(udp_socket(), ticker, recorder)
    async with asyncio.TaskGroup() as group:
        recording = group.create_task(recorder.run())
        session.connect(a_target(9))
        session.start_recording(tmp_path / "call.wav")
        ticker.tick()
        session.end_line()
        with pytest.raises(LineClosed):
            await session.play(a_tone(0.1))
        with pytest.raises(LineClosed):
            await session.next_digit()
        await session.close()
        recording.cancel()

    with wave.open(str(tmp_path / "call.wav")) as heard:
        assert heard.getnframes() == 160
