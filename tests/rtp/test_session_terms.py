"""What the two ends agree on: holds, codecs, keys of SRTP, packet lengths, key presses by INFO."""

import asyncio
from dataclasses import replace

import pytest

from movoice_box.domain.audio import FRAME_BYTES, LineClosed
from movoice_box.domain.media import (
    PTIMES_MS,
    Codec,
    DtmfMethod,
    MediaOffer,
    SrtpKey,
)
from movoice_box.rtp.g711 import encode
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
