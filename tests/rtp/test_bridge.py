import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from movoice_box.rtp.bridge import bridge, ring_back
from tests.rtp.ends import Call, Ear, a_call, a_tone, energy, loudest_hz, settle, through

SECOND = 16_000  # bytes


@asynccontextmanager
async def _joined() -> AsyncIterator[tuple[Call, Call, asyncio.Task[None]]]:
    """Two calls of the box, whose near ends are bridged."""
    async with a_call() as one, a_call() as other, asyncio.TaskGroup() as group:
        yield one, other, group.create_task(bridge(one.near, other.near))
        await one.near.close()


async def _tick(one: Call, other: Call, ticks: int) -> None:
    for _ in range(ticks):
        await one.tick()
        await other.tick()


async def test_each_side_hears_the_other_whole_and_in_order() -> None:
    async with _joined() as (one, other, _), asyncio.TaskGroup() as group:
        ears = Ear(one.far, group), Ear(other.far, group)
        clips = a_tone(0.5, 440), a_tone(0.5, 700)
        talking = [
            group.create_task(call.far.play(clip))
            for call, clip in zip((one, other), clips, strict=True)
        ]
        await _tick(one, other, 40)
        assert all(task.done() for task in talking)
        await one.far.close()
        await other.far.close()
    assert through(through(clips[0])) in ears[1].pcm
    assert through(through(clips[1])) in ears[0].pcm


async def test_a_key_of_one_side_reaches_the_other() -> None:
    async with _joined() as (one, other, _), asyncio.TaskGroup() as group:
        pressed = group.create_task(one.far.send_digits("5"))
        heard = group.create_task(other.far.next_digit())
        await _tick(one, other, 40)
        assert pressed.done()
        assert heard.done()
    assert heard.result() == "5"


@pytest.mark.parametrize("side", [0, 1])
async def test_the_end_of_either_side_is_the_end_of_both(side: int) -> None:
    async with _joined() as (one, other, joined):
        await _tick(one, other, 3)
        (one, other)[side].near.end_line()
        await settle()
        assert joined.done()


async def test_a_side_that_falls_behind_loses_what_is_oldest_and_no_more() -> None:
    async with _joined() as (one, other, _), asyncio.TaskGroup() as group:
        ear = Ear(other.far, group)
        await _tick(one, other, 5)
        group.create_task(one.far.play(a_tone(0.5, 440)))
        for _ in range(10):  # a third of it, while the other side is not ticked
            await one.tick()
        await _tick(one, other, 40)
        await other.far.close()
    heard = ear.pcm.rstrip(b"\0")
    assert 0.25 * SECOND < sum(1 for byte in heard if byte) < 0.45 * SECOND


async def test_the_ringing_is_heard_until_it_is_stopped() -> None:
    async with a_call() as call, asyncio.TaskGroup() as group:
        ear = Ear(call.far, group)
        ringing = group.create_task(ring_back(call.near))
        await call.tick(200)
        ringing.cancel()
        await call.tick(3)
        await call.far.close()
    first, pause, again = (
        ear.pcm[: SECOND * 2 // 5],
        ear.pcm[SECOND * 3 // 2 : SECOND * 5 // 2],
        ear.pcm[SECOND * 3 :],
    )
    assert loudest_hz(first) == pytest.approx(400, abs=30)
    assert energy(pause) < 0.001 * energy(first) < energy(again)
