import asyncio
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from movoice_box.domain.audio import FRAME_BYTES, LineClosed
from movoice_box.domain.media import (
    G711,
    PTIMES_MS,
    Codec,
    DtmfMethod,
    MediaOffer,
    MediaTarget,
    SrtpKey,
)
from movoice_box.rtp.g711 import SILENCE_FRAME, encode
from movoice_box.rtp.packet import RtpPacket
from movoice_box.rtp.recorder import Recorder
from movoice_box.rtp.session import RtpSession
from movoice_box.rtp.ticker import Ticker
from tests.rtp.ends import (
    LOOPBACK,
    Call,
    Ear,
    HandTicker,
    a_call,
    a_target,
    a_tone,
    received,
    settle,
    through,
    udp_socket,
)


def a_session(ticker: Ticker) -> RtpSession:
    return RtpSession(udp_socket(), ticker, Recorder(), randbits=lambda _bits: 7)


@pytest.fixture
def ticker() -> HandTicker:
    return HandTicker()


@pytest.fixture
async def session(ticker: Ticker) -> AsyncIterator[RtpSession]:
    session = a_session(ticker)
    yield session
    await session.close()


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
    assert payloads[2][80:] == SILENCE_FRAME[Codec.PCMU][80:]
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
    assert first != SILENCE_FRAME[Codec.PCMU]
    assert second == SILENCE_FRAME[Codec.PCMU]
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
    assert [packet.payload for packet in packets] == [SILENCE_FRAME[Codec.PCMU]] * 5
    assert (session.statistics.sent, session.statistics.send_errors) == (5, 0)
    peer.close()


async def test_a_hold_stops_the_clip_and_the_resume_goes_on_with_it() -> None:
    clip = a_tone(0.2)
    async with a_call() as call, asyncio.TaskGroup() as group:
        playing = group.create_task(call.near.play(clip))
        await settle()
        await call.tick(5)
        sent = call.near.statistics.sent
        call.near.connect(replace(a_target(call.far.offer.port), is_sending=False))
        await call.tick(5)
        assert call.near.statistics.sent == sent
        assert not playing.done()
        call.near.connect(a_target(call.far.offer.port))
        await call.tick_until(playing)

        assert call.near.statistics.sent == sent + 5


async def test_a_new_codec_in_a_re_invite_goes_on_with_the_clip() -> None:
    clip = a_tone(0.4)
    async with a_call() as call, asyncio.TaskGroup() as group:
        ear = Ear(call.far, group)
        playing = group.create_task(call.near.play(clip))
        await settle()
        await call.tick(10)
        call.near.connect(a_target(call.far.offer.port, Codec.PCMA))
        await call.tick_until(playing)
        await call.tick(5)
        await call.far.close()

    assert through(clip[3200:], Codec.PCMA) in ear.pcm


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


KEYS = SrtpKey(1, bytes(range(30))), SrtpKey(1, bytes(range(30, 60)))


def a_secure_session(ticker: Ticker, key: SrtpKey) -> RtpSession:
    bound = udp_socket()
    offer = MediaOffer(address=LOOPBACK, port=bound.getsockname()[1], srtp=key)
    return RtpSession(bound, ticker, Recorder(), offer=offer)


async def test_two_secure_ends_hear_each_other_and_nobody_else_can(ticker: HandTicker) -> None:
    ours, theirs = KEYS
    near, far = a_secure_session(ticker, ours), a_secure_session(ticker, theirs)
    far.connect(replace(a_target(near.offer.port), srtp=ours))
    near.connect(replace(a_target(far.offer.port), srtp=theirs))
    clip = a_tone(0.5)
    call = Call(near, far, ticker)
    async with asyncio.TaskGroup() as group:
        ear = Ear(far, group)
        await call.tick_until(group.create_task(near.play(clip)))
        await call.tick(8)
        far.connect(replace(a_target(near.offer.port), srtp=theirs))  # a wrong key
        await call.tick(5)
        await far.close()
    await near.close()

    assert through(clip) in ear.pcm
    assert (far.statistics.invalid, far.statistics.lost) == (5, 0)


async def test_packets_leave_at_the_pace_and_under_the_number_of_the_far_end(
    ticker: HandTicker, session: RtpSession
) -> None:
    peer = udp_socket()
    target = a_target(peer.getsockname()[1], Codec.G722)
    session.connect(replace(target, payload_type=96, ptime_ms=60))
    for _ in range(12):
        ticker.tick()

    packets = [RtpPacket.parse(datagram) for datagram in received(peer)]
    assert [len(packet.payload) for packet in packets] == [480] * 4
    assert {packet.payload_type for packet in packets} == {96}
    assert packets[1].timestamp - packets[0].timestamp == 480
    peer.close()


@pytest.mark.parametrize("packet_ms", PTIMES_MS)
async def test_frames_played_one_by_one_leave_whole_whatever_the_ptime(
    ticker: HandTicker, session: RtpSession, packet_ms: int
) -> None:
    peer, clip = udp_socket(), a_tone(1.2)
    session.connect(replace(a_target(peer.getsockname()[1]), ptime_ms=packet_ms))

    async def play_frames() -> None:
        for at in range(0, len(clip), FRAME_BYTES):
            await session.play(clip[at : at + FRAME_BYTES])

    async with asyncio.TaskGroup() as group:
        playing = group.create_task(play_frames())
        while not playing.done():
            await settle()
            ticker.tick()
    ticker.tick()

    sound = b"".join(RtpPacket.parse(datagram).payload for datagram in received(peer))
    assert encode(clip, Codec.PCMU) in sound
    peer.close()


async def test_key_presses_go_by_info_where_the_trunk_wants_them(ticker: HandTicker) -> None:
    session = RtpSession(udp_socket(), ticker, Recorder(), dtmf=DtmfMethod.INFO)
    sent = []

    async def send(digits: str) -> None:
        sent.append(digits)

    session.send_digits_by(send)
    await session.send_digits("12#")
    await session.close()

    assert sent == ["12#"]
    with pytest.raises(LineClosed):
        await session.send_digits("4")
