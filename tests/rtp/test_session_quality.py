"""What a session says of itself while the call goes on: quality, silence, RTCP beside it."""

import socket
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.media import Codec
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.recorder import Recorder
from movoice_box.rtp.rtcp import Goodbye, SenderReport, parse_compound
from movoice_box.rtp.rtcp_link import RtcpLink
from movoice_box.rtp.session import RtpSession
from movoice_box.settings import Rtp
from tests.rtp.ends import (
    LOOPBACK,
    HandTicker,
    Loss,
    a_call,
    a_target,
    received,
    udp_socket,
)


def a_link() -> RtcpLink:
    return RtcpLink(udp_socket(), SystemClock())


@pytest.fixture
async def session() -> AsyncIterator[RtpSession]:
    ticker = HandTicker()
    session = RtpSession(udp_socket(), ticker, Recorder(), open_rtcp=a_link)
    yield session
    await session.close()


async def test_before_any_packet_there_is_no_quality(session: RtpSession) -> None:
    assert session.quality is None


async def test_a_call_without_a_fault_is_as_good_as_telephony_gets() -> None:
    async with a_call(codec=Codec.G722) as call:
        await call.tick(100)
        quality = call.far.quality

    assert quality is not None
    assert quality.codec is Codec.G722
    assert quality.packets_sent == 100
    assert quality.packets_heard == pytest.approx(100, abs=2)
    assert quality.loss_heard == 0
    assert quality.loss_sent is quality.round_trip_ms is None
    assert quality.mos == pytest.approx(4.36, abs=0.03)


async def test_loss_is_told_as_a_share_and_costs_opinion() -> None:
    async with a_call(Loss([0, 0, 0, 0, 1])) as call:
        await call.tick(200)
        quality = call.far.quality

    assert quality is not None
    assert quality.loss_heard == pytest.approx(0.2, abs=0.02)
    assert quality.mos is not None
    assert quality.mos < 3


async def test_of_a_far_end_that_is_never_heard_there_is_no_opinion() -> None:
    async with a_call(Loss([1])) as call:
        await call.tick(20)
        quality = call.far.quality

    assert quality is not None
    assert (quality.packets_heard, quality.mos) == (0, None)


async def test_the_last_report_says_goodbye_when_the_call_ends() -> None:
    far = udp_socket()
    ticker = HandTicker()
    session = RtpSession(udp_socket(), ticker, Recorder(), open_rtcp=a_link)
    session.connect(replace(a_target(9), rtcp=far.getsockname()))
    for _ in range(20):
        ticker.tick()
    await session.close()
    (datagram,) = received(far)
    far.close()

    report, *_, last = parse_compound(datagram)
    assert isinstance(report, SenderReport)
    assert report.packets == 20
    assert isinstance(last, Goodbye)


async def test_silence_is_counted_from_the_last_packet_and_not_while_on_hold() -> None:
    async with a_call() as call:
        assert call.near.silent_for_s <= 0.02
        await call.tick(10)
        assert call.near.silent_for_s <= 0.02
        await call.far.close()
        await call.tick(100)
        assert call.near.silent_for_s == pytest.approx(2.0, abs=0.1)

        call.near.connect(replace(a_target(call.far.offer.port), is_sending=False))
        await call.tick(100)
        assert call.near.silent_for_s == 0

        call.near.connect(a_target(call.far.offer.port))
        await call.tick(50)
        assert call.near.silent_for_s == pytest.approx(1.0, abs=0.1)


async def test_a_digit_by_info_is_heard_like_any_other(session: RtpSession) -> None:
    session.inject_digit("7")

    assert await session.next_digit() == "7"


def bound_to(port: int) -> socket.socket:
    """Raises `OSError` where another one has it."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.bind((LOOPBACK, port))
    except OSError:
        bound.close()
        raise
    return bound


async def test_rtcp_is_received_on_the_port_above_until_the_call_ends() -> None:
    engine = MediaEngine(Rtp(port_min=40_000, port_max=49_998), SystemClock())
    session = await engine.open(LOOPBACK)
    session.connect(a_target(9))
    with pytest.raises(OSError, match="in use"):
        bound_to(session.offer.port + 1)
    await session.close()

    bound_to(session.offer.port + 1).close()


async def test_a_call_goes_without_rtcp_where_its_port_is_taken() -> None:
    engine = MediaEngine(Rtp(port_min=40_000, port_max=49_998), SystemClock())
    first = await engine.open(LOOPBACK)
    with closing(bound_to(first.offer.port + 3)):
        second = await engine.open(LOOPBACK)
        second.connect(replace(a_target(9), rtcp=(LOOPBACK, 10)))
        await second.close()
    await first.close()

    assert second.offer.port == first.offer.port + 2
