import asyncio

import pytest

from movoice_box.domain.audio import LineClosed
from movoice_box.domain.media import Codec
from movoice_box.rtp.session import RtpStatistics
from tests.rtp.ends import (
    Delay,
    Ear,
    Impairment,
    Loss,
    Repeat,
    a_call,
    a_tone,
    energy,
    loudest_hz,
    through,
)

CLIP = a_tone(1.0)


async def heard_through(*impairments: Impairment) -> tuple[bytes, RtpStatistics]:
    """What the far end hears of a second of tone, and what it counted."""
    async with a_call(*impairments) as call, asyncio.TaskGroup() as group:
        ear = Ear(call.far, group)
        await call.tick(5)
        await call.tick_until(group.create_task(call.near.play(CLIP)))
        await call.tick(40)
        statistics = call.far.statistics
        await call.far.close()
    return ear.pcm, statistics


@pytest.mark.parametrize(
    "impairment",
    [
        pytest.param(Loss([0]), id="none"),
        pytest.param(Delay(ms=80), id="a steady delay"),
        pytest.param(Delay(ms=40, jitter_ms=[0, 20, 40, 20]), id="jitter"),
        pytest.param(Delay(ms=0, jitter_ms=[0, 40, 0, 0, 0]), id="reordering"),
        pytest.param(Repeat(3), id="repeats"),
    ],
)
async def test_what_the_jitter_buffer_can_mend_is_heard_whole(impairment: Impairment) -> None:
    pcm, statistics = await heard_through(impairment)

    assert through(CLIP) in pcm
    assert statistics.lost == statistics.late == 0


async def test_losses_are_counted_and_filled() -> None:
    pcm, statistics = await heard_through(Loss([0, 0, 1]))

    assert energy(pcm) / energy(through(CLIP)) == pytest.approx(0.9, abs=0.1)
    assert loudest_hz(pcm) == pytest.approx(440, abs=5)
    assert statistics.lost / (statistics.lost + statistics.received) == pytest.approx(1 / 3, 0.05)


async def test_the_delay_grows_until_the_latest_packets_are_in_time() -> None:
    pcm, statistics = await heard_through(Delay(ms=0, jitter_ms=[0, 0, 0, 0, 160]))

    assert energy(pcm) / energy(through(CLIP)) == pytest.approx(1, abs=0.1)
    assert 0 < statistics.late < 5


async def test_loss_jitter_and_repeats_together_leave_the_tone_to_be_recognised() -> None:
    pcm, _ = await heard_through(
        Loss([0, 0, 0, 0, 0, 1, 1, 0, 0, 0]), Delay(ms=60, jitter_ms=[0, 40, 20]), Repeat(2)
    )

    assert energy(pcm) / energy(through(CLIP)) == pytest.approx(0.9, abs=0.1)
    assert loudest_hz(pcm) == pytest.approx(440, abs=5)


@pytest.mark.parametrize(
    "impairments",
    [
        [Loss([1, 0])],
        [Loss([1, 1, 0, 1])],
        [Repeat(2)],
        [Delay(ms=0, jitter_ms=[80, 0, 40])],
        [Loss([0, 1, 1]), Delay(ms=20, jitter_ms=[0, 60]), Repeat(3)],
    ],
    ids=repr,
)
async def test_every_key_press_is_heard_once_through(impairments: list[Impairment]) -> None:
    async with a_call(*impairments) as call, asyncio.TaskGroup() as group:
        await call.tick_until(group.create_task(call.near.send_digits("1122#")))
        await call.tick(10)
        await call.far.close()
        digits = [await call.far.next_digit() for _ in range(5)]

        assert digits == ["1", "1", "2", "2", "#"]
        with pytest.raises(LineClosed):
            await call.far.next_digit()


async def test_a_key_press_without_telephone_events_is_heard_as_tones() -> None:
    async with (
        a_call(codec=Codec.PCMA, telephone_event_payload_type=None) as call,
        asyncio.TaskGroup() as group,
    ):
        ear = Ear(call.far, group)
        await call.tick_until(group.create_task(call.near.send_digits("1")))
        await call.tick(5)
        await call.far.close()

    assert loudest_hz(ear.pcm) in (pytest.approx(697, abs=10), pytest.approx(1209, abs=10))
