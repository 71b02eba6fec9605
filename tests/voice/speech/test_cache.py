from pathlib import Path

import pytest

from movoice_box.errors import SpeechError
from movoice_box.voice.speech.cache import CachedSpeech
from movoice_box.voice.speech.tts import Voice

VOICE = Voice("en-IN")
SPEECH = b"\x01\x00" * 500


class Engine:
    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.asked: list[str] = []

    async def identity(self) -> str:
        return f"engine {self.version}"

    async def synthesize(self, text: str, voice: Voice) -> bytes:
        self.asked.append(text)
        if text == "fail":
            raise SpeechError("no")
        return text.encode() + SPEECH


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_text_is_made_once_and_stays_across_restarts(tmp_path: Path) -> None:
    engine = Engine()
    cache = CachedSpeech(engine, tmp_path / "speech")
    first = await cache.synthesize("Hello.", VOICE)
    assert await cache.synthesize("Hello.", VOICE) is first
    assert await CachedSpeech(engine, tmp_path / "speech").synthesize("Hello.", VOICE) == first
    assert engine.asked == ["Hello."]


@pytest.mark.parametrize("other", [Voice("en-US"), Voice("en-IN", 200)])
async def test_another_voice_is_another_entry(tmp_path: Path, other: Voice) -> None:
    engine = Engine()
    cache = CachedSpeech(engine, tmp_path)
    await cache.synthesize("Hello.", VOICE)
    await cache.synthesize("Hello.", other)
    assert len(engine.asked) == 2


async def test_another_version_of_the_engine_makes_it_anew(tmp_path: Path) -> None:
    await CachedSpeech(Engine("1"), tmp_path).synthesize("Hello.", VOICE)
    newer = Engine("2")
    await CachedSpeech(newer, tmp_path).synthesize("Hello.", VOICE)
    assert newer.asked == ["Hello."]


async def test_a_torn_file_is_made_again(tmp_path: Path) -> None:
    await CachedSpeech(Engine(), tmp_path).synthesize("Hello.", VOICE)
    (file,) = entries(tmp_path)
    for torn in (b"", b"123", file.read_bytes()[:-1], file.read_bytes()[:-1] + b"x"):
        file.write_bytes(torn)
        engine = Engine()
        assert (
            await CachedSpeech(engine, tmp_path).synthesize("Hello.", VOICE) == b"Hello." + SPEECH
        )
        assert engine.asked == ["Hello."]


async def test_the_disk_holds_no_more_than_its_bound(tmp_path: Path) -> None:
    cache = CachedSpeech(Engine(), tmp_path, memory_bytes=0, disk_bytes=10_000)
    for number in range(40):
        await cache.synthesize(f"Text {number}", VOICE)
    assert sum(file.stat().st_size for file in entries(tmp_path)) <= 10_000


async def test_what_was_used_last_is_dropped_last(tmp_path: Path) -> None:
    engine = Engine()
    cache = CachedSpeech(engine, tmp_path, memory_bytes=0, disk_bytes=10_000)
    for number in range(40):
        await cache.synthesize("Often", VOICE)
        await cache.synthesize(f"Once {number}", VOICE)
    assert engine.asked.count("Often") == 1


async def test_memory_is_bounded_too(tmp_path: Path) -> None:
    engine = Engine()
    cache = CachedSpeech(engine, tmp_path, memory_bytes=1_500)
    first = await cache.synthesize("One", VOICE)
    await cache.synthesize("Two", VOICE)
    again = await cache.synthesize("One", VOICE)
    assert again == first
    assert again is not first  # it came from the disk
    assert engine.asked == ["One", "Two"]


async def test_a_disk_that_cannot_be_written_costs_no_speech(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "speech").write_text("a file where the folder should be")
    cache = CachedSpeech(Engine(), tmp_path / "speech")
    assert await cache.synthesize("Hello.", VOICE) == b"Hello." + SPEECH
    assert await cache.synthesize("Again.", VOICE) == b"Again." + SPEECH
    assert [record.message[:27] for record in caplog.records] == ["speech is not cached on dis"]


async def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    cache = CachedSpeech(Engine(), tmp_path)
    with pytest.raises(SpeechError):
        await cache.synthesize("fail", VOICE)
    assert entries(tmp_path) == []
