import asyncio
import logging
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from movoice_box.domain.media import Codec
from movoice_box.rtp.recorder import Recorder, Recording
from tests.rtp.ends import a_call, a_tone, energy, loudest_hz, through, until

SILENCE = np.zeros(160, dtype=np.int16)


def read(path: Path) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Left and right of a file, by the standard library's idea of WAV."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return sound[0::2], sound[1::2]


def level(value: int) -> bytes:
    return np.full(160, value, dtype="<i2").tobytes()


def add(recording: Recording, heard: int, sent: int, skipped: int = 0) -> None:
    """Both sides at a constant level."""
    recording.add_sent(level(sent))
    recording.add(level(heard), skipped)


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
    assert right[: len(question) // 2].tobytes() == question
    assert through(answer) in left[: 16 * 160].tobytes()


async def test_a_recording_can_be_played_at_any_moment_before_its_end(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    for seconds in range(1, 4):
        for _ in range(50):
            add(recording, 0, 4000)
        recording.write(recording.take())

        assert len(read(recording.path)[0]) == seconds * 8000


def test_skipped_ticks_keep_their_place_in_time(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    add(recording, 0, 4000)
    add(recording, 0, 4000, skipped=3)
    recording.write(recording.take())

    _, right = read(recording.path)
    assert np.count_nonzero(right.reshape(5, 160).any(axis=1)) == 2
    assert right.reshape(5, 160)[4].any()


def test_a_stalled_disk_loses_the_oldest_sound_but_not_the_time(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    for _ in range(1600):
        add(recording, 4000, 4000)
    recording.write(recording.take())

    left, _ = read(recording.path)
    assert len(left) == 1600 * 160
    assert not left[: 100 * 160].any()
    assert left[100 * 160 :].all()


def test_chunks_written_out_of_order_land_in_their_places(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "call.wav")
    add(recording, 4000, 4000)
    first = recording.take()
    add(recording, -4000, -4000)
    second = recording.take()
    recording.write(second)
    recording.write(first)

    left, _ = read(recording.path)
    assert left[0] > 0 > left[-1]


@pytest.mark.parametrize("codec", Codec)
async def test_either_side_is_recorded_in_any_codec(tmp_path: Path, codec: Codec) -> None:
    path = tmp_path / "call.wav"
    question, answer = a_tone(0.4, 440), a_tone(0.4, 880)
    async with a_call(codec=codec) as call, asyncio.TaskGroup() as group:
        call.near.start_recording(path)
        asking = group.create_task(call.near.play(question))
        answering = group.create_task(call.far.play(answer))
        await call.tick_until(asking)
        await call.tick_until(answering)
        await call.tick(10)
        await call.near.close()

    left, right = read(path)
    assert loudest_hz(left.tobytes()) == pytest.approx(880, abs=5)
    assert loudest_hz(right.tobytes()) == pytest.approx(440, abs=5)
    assert energy(right.tobytes()) == pytest.approx(energy(question), rel=0.01)


@pytest.mark.parametrize("packet_ms", [10, 20, 30, 50, 60])
def test_what_leaves_in_packets_of_any_length_is_recorded_whole(
    tmp_path: Path, packet_ms: int
) -> None:
    recording = Recording(tmp_path / "call.wav")
    sound = np.arange(1, 300 * 8 + 1, dtype="<i2").tobytes()
    for at_ms in range(0, 400, 10):
        if at_ms % packet_ms == 0:
            packet = sound[16 * at_ms : 16 * (at_ms + packet_ms)]
            recording.add_sent(packet.ljust(16 * packet_ms, b"\0"))
        if at_ms % 20 == 0:
            recording.add(b"")
    recording.write(recording.take())

    left, right = read(recording.path)
    assert not left.any()
    assert right[right != 0].tobytes() == sound
    assert len(right) == 400 * 8


def test_a_disk_that_fails_is_logged_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    recording = Recording(tmp_path / "file" / "call.wav")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            add(recording, 0, 0)
            recording.write(recording.take())

    assert len(caplog.records) == 1


async def test_the_recorder_writes_while_the_call_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(write_every_s=0.01)
    recording = recorder.start(tmp_path / "call.wav")
    add(recording, 0, 4000)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(recorder.run())
        await until(lambda: recording.path.exists() and recording.path.stat().st_size > 44)
        add(recording, 0, 4000)
        await recorder.finish(recording)
        running.cancel()

    assert len(read(recording.path)[0]) == 320
