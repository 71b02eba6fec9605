import asyncio
from collections.abc import AsyncIterator

import pytest

from movoice_box.clock import SystemClock
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from tests.rtp.ends import LOOPBACK, Ear, a_target, a_tone, through


@pytest.fixture
async def media() -> AsyncIterator[MediaEngine]:
    engine = MediaEngine(Rtp(port_min=40_000, port_max=49_998), SystemClock())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run())
        yield engine
        running.cancel()


async def test_two_calls_of_one_engine_hear_each_other(media: MediaEngine) -> None:
    clip = a_tone(0.2)
    near, far = await media.open(LOOPBACK), await media.open(LOOPBACK)
    near.connect(a_target(far.offer.port))
    far.connect(a_target(near.offer.port))
    async with asyncio.TaskGroup() as group:
        ear = Ear(far, group)
        await near.play(clip)
        await near.send_digits("7")
        assert await far.next_digit() == "7"
        await near.close()
        await far.close()

    assert through(clip) in ear.pcm
    assert media.statistics.ticks > 0


async def test_the_offer_names_an_even_port_of_the_range_and_the_address_asked_for(
    media: MediaEngine,
) -> None:
    session = await media.open(LOOPBACK)
    await session.close()

    assert session.offer.address == LOOPBACK
    assert session.offer.port in range(40_000, 49_998, 2)
