from dataclasses import replace

import numpy as np
import pytest

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.domain.media import Codec
from movoice_box.rtp.early_media import EarlyMediaListener
from movoice_box.rtp.g711 import decode, encode
from movoice_box.rtp.tone_plan import (
    INDIAN_BUSY,
    INDIAN_RINGBACK,
    PROGRESS_TONES,
    ProgressTone,
)
from movoice_box.rtp.tones import progress_tone, special_information_tone
from tests.rtp.sounds import announcements, music, noise

SIT = special_information_tone()
SECOND = bytes(16_000)


def heard(pcm: bytes, *, codec: Codec = Codec.PCMA, loss: float = 0.0) -> EarlyMediaVerdict:
    """The verdict on `pcm` after the codec, with lost frames as silence."""
    listener, chance = EarlyMediaListener(), np.random.default_rng(7)
    line = decode(encode(pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES], codec), codec)
    for at in range(0, len(line), FRAME_BYTES):
        is_lost = chance.random() < loss
        listener.hear(bytes(FRAME_BYTES) if is_lost else line[at : at + FRAME_BYTES])
    return listener.verdict()


def lasting(tone: ProgressTone, seconds: float = 10.0, level_dbm0: float = -10.0) -> bytes:
    periods = 1 + int(1000 * seconds / sum(tone.cadence_ms))
    return progress_tone(tone, level_dbm0) * periods


def detuned(tone: ProgressTone, factor: float) -> ProgressTone:
    return replace(tone, hz=tuple(factor * hz for hz in tone.hz))


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
@pytest.mark.parametrize("tone", PROGRESS_TONES, ids=lambda tone: f"{tone.sound} {tone.where}")
def test_every_tone_of_the_plan_is_known(tone: ProgressTone, codec: Codec) -> None:
    assert heard(lasting(tone), codec=codec).sounds == (tone.sound,)


@pytest.mark.parametrize("level_dbm0", [-35.0, -3.0])
@pytest.mark.parametrize("factor", [0.98, 1.02])
@pytest.mark.parametrize("tone", PROGRESS_TONES[::3], ids=lambda tone: f"{tone.sound} {tone.where}")
def test_a_tone_may_be_faint_or_loud_and_off_by_two_percent_with_losses(
    tone: ProgressTone, factor: float, level_dbm0: float
) -> None:
    line = lasting(detuned(tone, factor), level_dbm0=level_dbm0)
    assert heard(line, loss=0.05).main is tone.sound


@pytest.mark.parametrize("start", range(0, 3_000, 230))
def test_ringback_is_known_from_wherever_it_is_first_heard(start: int) -> None:
    line = lasting(INDIAN_RINGBACK)[16 * start :]
    assert heard(line).main is EarlySound.RINGBACK


def test_one_ring_and_its_pause_are_ringback() -> None:
    european = PROGRESS_TONES[6]
    assert heard(progress_tone(european)[: 16 * 2_200]).sounds == (EarlySound.RINGBACK,)


def test_a_single_beep_is_no_tone_of_the_plan() -> None:
    beep = progress_tone(INDIAN_BUSY)[: 16 * 750]
    assert heard(beep + SECOND[:12_000]).sounds == (EarlySound.OTHER,)


def test_a_steady_tone_says_nothing() -> None:
    steady = ProgressTone(EarlySound.OTHER, (425,), (5_000, 0), "dial tone")
    assert heard(progress_tone(steady)).sounds == (EarlySound.OTHER,)


def test_busy_tone_after_ringback_is_both_by_their_length() -> None:
    line = lasting(INDIAN_RINGBACK, 8) + lasting(INDIAN_BUSY, 4)
    assert heard(line).sounds == (EarlySound.RINGBACK, EarlySound.BUSY)


@pytest.mark.parametrize("hz", [(950, 1400, 1800), (914, 1371, 1777), (985, 1429, 1777)])
def test_three_rising_tones_are_special_information(hz: tuple[float, ...]) -> None:
    parts = [progress_tone(ProgressTone(EarlySound.OTHER, (one,), (330, 20), "")) for one in hz]
    assert heard(b"".join(parts) + SECOND).sounds[0] is EarlySound.SPECIAL_INFORMATION


def test_three_falling_tones_are_not() -> None:
    parts = [
        progress_tone(ProgressTone(EarlySound.OTHER, (one,), (330, 20), ""))
        for one in (1800, 1400, 950)
    ]
    assert EarlySound.SPECIAL_INFORMATION not in heard(b"".join(parts)).sounds


@pytest.mark.parametrize("loss", [0.0, 0.05])
async def test_an_announcement_is_speech_in_every_language(loss: float) -> None:
    for pcm in (await announcements()).values():
        assert heard(pcm, loss=loss).sounds == (EarlySound.SPEECH,)
        assert heard(SIT + pcm, loss=loss).sounds == (
            EarlySound.SPEECH,
            EarlySound.SPECIAL_INFORMATION,
        )


async def test_ringback_and_then_an_announcement_are_told_apart() -> None:
    pcm = (await announcements())["en-IN"]
    verdict = heard(lasting(INDIAN_RINGBACK, 12) + pcm)
    assert verdict.sounds == (EarlySound.RINGBACK, EarlySound.SPEECH)
    assert verdict.heard_s == pytest.approx(15 + len(pcm) / 16_000, abs=0.03)


@pytest.mark.parametrize("seed", range(12))
def test_a_callers_melody_is_neither_speech_nor_a_tone(seed: int) -> None:
    assert heard(music(seed)).sounds == (EarlySound.OTHER,)


def test_noise_is_other_and_an_idle_line_is_silence() -> None:
    assert heard(noise(2_000)).sounds == (EarlySound.OTHER,)
    assert heard(noise(40)).sounds == (EarlySound.SILENCE,)


def test_tones_are_heard_above_the_noise_of_an_analogue_line() -> None:
    line = np.frombuffer(lasting(INDIAN_BUSY), "<i2") + np.frombuffer(noise(80, 10.5), "<i2")
    assert heard(line.astype("<i2").tobytes()).sounds == (EarlySound.BUSY,)


def test_nothing_heard_is_no_sound() -> None:
    assert EarlyMediaListener().verdict() == EarlyMediaVerdict(sounds=(), heard_s=0.0)
    assert EarlyMediaListener().verdict().main is EarlySound.NONE


def test_a_frame_of_any_length_and_content_is_heard() -> None:
    listener, draw = EarlyMediaListener(), np.random.default_rng(3)
    for length in (0, 1, 319, 321, *([320] * 50)):
        listener.hear(draw.bytes(length))
    assert listener.verdict().heard_s == pytest.approx(1.08)
