import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from movoice_box.errors import SpeechError
from movoice_box.voice.speech.espeak import EspeakSynthesizer
from movoice_box.voice.speech.tts import Voice

ENGLISH, HINDI = Voice("en-IN"), Voice("hi-IN")


@pytest.fixture
async def espeak() -> AsyncIterator[EspeakSynthesizer]:
    async with EspeakSynthesizer() as espeak:
        yield espeak


def children() -> set[int]:
    return set(
        map(int, Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())
    )


def seconds(pcm: bytes) -> float:
    return len(pcm) / 16_000


async def test_text_becomes_speech_of_a_sensible_length_and_loudness(
    espeak: EspeakSynthesizer,
) -> None:
    pcm = await espeak.synthesize("Hello Rahul Sharma, this is an automated call.", ENGLISH)
    samples = np.frombuffer(pcm, "<i2") / 32_768
    assert 1.8 < seconds(pcm) < 4.5
    assert -26 < 20 * np.log10(np.sqrt(np.mean(samples**2))) < -17
    assert np.abs(samples).max() < 0.9
    assert np.abs(samples[:800]).max() > 0.01  # it starts within 100 ms


async def test_hindi_is_spoken_by_a_hindi_voice(espeak: EspeakSynthesizer) -> None:
    hindi = await espeak.synthesize("आपका भुगतान कल देय है।", HINDI)
    assert 1.0 < seconds(hindi) < 4.0
    assert "hi-IN by Hindi" in await espeak.describe(["hi-IN"])


async def test_faster_speech_is_shorter(espeak: EspeakSynthesizer) -> None:
    slow = await espeak.synthesize("One two three four five.", Voice("en-IN", 100))
    fast = await espeak.synthesize("One two three four five.", Voice("en-IN", 250))
    assert len(fast) < 0.7 * len(slow)


async def test_the_voice_of_a_request_does_not_stay_for_the_next(
    espeak: EspeakSynthesizer,
) -> None:
    first = await espeak.synthesize("Sunday.", ENGLISH)
    await espeak.synthesize("रविवार", Voice("hi-IN", 250))
    assert seconds(await espeak.synthesize("Sunday.", ENGLISH)) == pytest.approx(
        seconds(first), abs=0.05
    )


@pytest.mark.parametrize("text", ["", " ", "...", "\0", "<speak>[[_x]]</speak>", "😀", "\ud800"])
async def test_no_text_breaks_the_engine(espeak: EspeakSynthesizer, text: str) -> None:
    await espeak.synthesize(text, ENGLISH)
    assert await espeak.synthesize("Still here.", ENGLISH)


async def test_voices_are_listed_with_the_version(espeak: EspeakSynthesizer) -> None:
    tags = {tag for voice in await espeak.voices() for _, tag in voice.languages}
    assert {"en-gb", "en-us", "hi"} <= tags
    assert (await espeak.identity()).startswith("espeak-ng 1.")
    assert "en-IN by English (Great Britain)" in await espeak.describe(["en-IN", "hi-IN"])


async def test_an_unknown_language_is_an_error_and_the_next_request_is_served(
    espeak: EspeakSynthesizer,
) -> None:
    with pytest.raises(SpeechError, match="no voice for 'xx-XX'"):
        await espeak.synthesize("Hello.", Voice("xx-XX"))
    assert await espeak.synthesize("Hello.", ENGLISH)


async def test_one_worker_serves_all_and_the_same_text_is_made_once(
    espeak: EspeakSynthesizer,
) -> None:
    before = children()
    texts = [f"Sentence number {number % 10}." for number in range(50)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(espeak.synthesize(text, ENGLISH)) for text in texts]
    results = [task.result() for task in tasks]
    assert len({id(pcm) for pcm in results}) == 10
    assert len(children() - before) == 1


async def test_a_worker_that_was_killed_is_started_again(espeak: EspeakSynthesizer) -> None:
    before = children()
    first = await espeak.synthesize("Hello.", ENGLISH)
    (worker,) = children() - before
    os.kill(worker, signal.SIGKILL)
    assert len(await espeak.synthesize("Hello.", ENGLISH)) == len(first)


async def test_a_caller_that_leaves_does_not_disturb_the_others(
    espeak: EspeakSynthesizer,
) -> None:
    await espeak.identity()
    async with asyncio.TaskGroup() as group:
        leaving = [
            group.create_task(espeak.synthesize(f"I leave {number}.", ENGLISH))
            for number in range(5)
        ]
        staying = group.create_task(espeak.synthesize("I leave 0.", ENGLISH))
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
    assert staying.result()
    assert await espeak.synthesize("I leave 3.", ENGLISH)


async def test_a_missing_library_says_what_to_install() -> None:
    async with EspeakSynthesizer("libno-such-thing.so.1") as espeak:
        with pytest.raises(SpeechError, match="apt install libespeak-ng1"):
            await espeak.synthesize("Hello.", ENGLISH)
        with pytest.raises(SpeechError, match="apt install libespeak-ng1"):
            await espeak.describe(["en-IN"])


async def test_the_worker_ends_with_the_block_and_waiting_callers_are_told() -> None:
    before = children()
    async with asyncio.TaskGroup() as group, EspeakSynthesizer() as espeak:
        await espeak.identity()
        late = group.create_task(_error_of(espeak.synthesize("Too late.", ENGLISH)))
        await asyncio.sleep(0)
    assert "stopped" in late.result()
    assert children() == before


async def _error_of(speech: object) -> str:
    try:
        await speech  # type: ignore[misc]
    except SpeechError as error:
        return error.message
    return ""


async def test_an_error_within_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with EspeakSynthesizer():
            raise ValueError("mine")


PARENT = """
import asyncio
from movoice_box.voice.speech.espeak import EspeakSynthesizer
async def main():
    async with EspeakSynthesizer() as espeak:
        await espeak.identity()
        print("ready", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("is_stuck", [False, True])
def test_the_worker_dies_with_a_parent_that_is_killed(is_stuck: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (worker,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        watched = os.pidfd_open(int(worker))
        os.kill(int(worker), signal.SIGSTOP if is_stuck else 0)
        parent.kill()
    try:
        ended, _, _ = select.select([watched], [], [], 10)
        if not ended:
            signal.pidfd_send_signal(watched, signal.SIGKILL)
    finally:
        os.close(watched)
    assert ended
