"""Early media that was announced, and never came."""

import asyncio

from movoice_box.clock import SystemClock
from movoice_box.dialer.early_listening import EarlyListening
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.domain.media import MediaWishes
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp


async def test_a_line_on_which_nothing_comes_is_told_from_one_that_announced_nothing() -> None:
    media = MediaEngine(Rtp(port_min=20_000, port_max=29_998), SystemClock())
    session = await media.open("127.0.0.1", MediaWishes())
    async with asyncio.TaskGroup() as group:
        listening = EarlyListening(session)
        before = await listening.verdict()
        started = [listening.start(group), listening.start(group)]
        after = await listening.verdict()
        listening.stop()
    await session.close()

    assert before is None
    assert started == [True, False]
    assert after == EarlyMediaVerdict(sounds=(EarlySound.NONE,), heard_s=0.0)
