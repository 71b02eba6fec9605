import asyncio
import logging
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from movoice_box.domain.media import Codec
from movoice_box.rtp.g711 import encode
from movoice_box.rtp.recorder import Moment, Recorder, Recording
from tests.rtp.ends import a_call, a_tone, through, until

SILENCE = np.zeros(160, dtype=np.int16)


def read(path: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Left and right of a file, by the standard library's idea of WAV."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return sound[0::2], sound[1::2]


def moment(heard: int, sent: int) -> Moment:
    """Both sides at a constant level."""
    level = {n: encode(np.full(160, n, dtype="<i2").tobytes(), Codec.PCMU) for n in (heard, sent)}
    return Moment(level[heard], Codec.PCMU, level[sent], Codec.PCMU)


async def test_callee_is_left_and_agent_right_from_the_same_moment_on(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "call.wav"
    question, answer = a_tone(0.2, 440), a_tone(0.2, 880)
    async with a_call() as call, asyncio.TaskGroup() as group:
        call.near.start_recording(path)
        asking = group.create_task(call.near.play(question))
        answering = group.create_task(call.far.play(answer))
        await call.tick_until(asking)
        await call.tick_until(answering)
        await call.tick(10)
        await call.near.close()

    left, right = read(path)
    assert len(left) == len(right) == 20 * 160
    assert right[: len(question) // 2].tobytes() == through(question)
    assert through(answer) in left[: 16 * 160].tobytes()


async def test_a_recording_can_be_played_at_any_moment_before_its_end(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    for seconds in range(1, 4):
        for _ in range(50):
            recording.add(moment(0, 4000))
        recording.write(recording.take())

        assert len(read(recording.path)[0]) == seconds * 8000


def test_skipped_ticks_keep_their_place_in_time(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    recording.add(moment(0, 4000))
    recording.add(moment(0, 4000), skipped=3)
    recording.write(recording.take())

    _, right = read(recording.path)
    assert np.count_nonzero(right.reshape(5, 160).any(axis=1)) == 2
    assert right.reshape(5, 160)[4].any()


def test_a_stalled_disk_loses_the_oldest_sound_but_not_the_time(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    for _ in range(1600):
        recording.add(moment(4000, 4000))
    recording.write(recording.take())

    left, _ = read(recording.path)
    assert len(left) == 1600 * 160
    assert not left[: 100 * 160].any()
    assert left[100 * 160 :].all()


def test_chunks_written_out_of_order_land_in_their_places(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    recording.add(moment(4000, 4000))
    first = recording.take()
    recording.add(moment(-4000, -4000))
    second = recording.take()
    recording.write(second)
    recording.write(first)

    left, _ = read(recording.path)
    assert left[0] > 0 > left[-1]


def test_a_change_of_codec_is_decoded_where_it_happens(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    tone = a_tone(0.02)
    for codec in (Codec.PCMU, Codec.PCMA, Codec.PCMU):
        recording.add(Moment(encode(tone, codec), codec, b"", Codec.PCMU))
    recording.write(recording.take())

    left, right = read(recording.path)
    expected = through(tone) + through(tone, Codec.PCMA) + through(tone)
    assert left.tobytes() == expected
    assert not right.any()


def test_a_disk_that_fails_is_logged_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    recording = Recording(tmp_path / "file" / "call.wav")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            recording.add(moment(0, 0))
            recording.write(recording.take())

    assert len(caplog.records) == 1


async def test_the_recorder_writes_while_the_call_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(write_every_s=0.01)
    recording = recorder.start(tmp_path / "call.wav")
    recording.add(moment(0, 4000))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(recorder.run())
        await until(lambda: recording.path.exists() and recording.path.stat().st_size > 44)
        recording.add(moment(0, 4000))
        await recorder.finish(recording)
        running.cancel()

    assert len(read(recording.path)[0]) == 320
