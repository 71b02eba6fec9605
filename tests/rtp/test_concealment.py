import numpy as np
import pytest
from numpy.typing import NDArray

from movoice_box.rtp.concealment import ComfortNoise, Concealment, is_quiet, pitch_of, shorten
from tests.rtp.ends import a_tone, energy, loudest_hz

STEEPEST = 2_800  # from one sample to the next, of a tone of 400 Hz at 8 000


def samples(pcm: bytes) -> NDArray[np.int64]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int64)


def steepest(*pieces: bytes) -> int:
    return int(np.abs(np.diff(samples(b"".join(pieces)))).max())


def buzz(hz: float, seconds: float = 0.2) -> bytes:
    """A voice of this pitch, rich in harmonics."""
    at = np.arange(int(8000 * seconds)) / 8000
    wave = sum(np.cos(2 * np.pi * hz * k * at) / k for k in range(1, 8))
    return (5_000 * np.asarray(wave)).astype("<i2").tobytes()


@pytest.mark.parametrize("hz", [70, 85, 100, 120, 150, 190])
def test_the_pitch_of_a_voice_is_found(hz: int) -> None:
    past = samples(buzz(hz)).astype(np.float32)

    assert pitch_of(past) == pytest.approx(8000 / hz, abs=1)


def test_the_last_periods_go_on_at_full_level_for_10_ms_and_fade_until_60_ms() -> None:
    gap = Concealment(buzz(100)).fill(8 * 80)
    levels = [energy(gap[at : at + 160]) for at in range(0, len(gap), 160)]

    assert levels[0] == pytest.approx(energy(buzz(100)[:160]), rel=0.15)
    assert levels[:6] == sorted(levels[:6], reverse=True)
    assert levels[5] > 0
    assert levels[6:] == [0, 0]


def test_a_gap_sounds_the_same_in_whatever_pieces_it_is_filled() -> None:
    whole = Concealment(buzz(110)).fill(400)
    one = Concealment(buzz(110))
    pieces = b"".join(one.fill(count) for count in (80, 80, 160, 80))

    assert pieces == whole


@pytest.mark.parametrize("hz", [100, 210, 333])
def test_the_gap_begins_where_the_voice_ended(hz: int) -> None:
    past = a_tone(0.0613, hz)

    assert steepest(past, Concealment(past).fill(160)) < STEEPEST


@pytest.mark.parametrize("gap_ms", [5, 20, 40, 100])
def test_the_voice_that_comes_back_with_another_phase_makes_no_click(gap_ms: int) -> None:
    past = a_tone(0.06, 400)
    opposite = (-samples(a_tone(0.0217, 400))).astype("<i2").tobytes()[-320:]
    gap = Concealment(past)
    filled = gap.fill(8 * gap_ms)

    assert steepest(past, filled, gap.merge(opposite)) < STEEPEST


def test_after_a_short_history_the_rest_counts_as_silence() -> None:
    assert Concealment(b"").fill(160) == bytes(320)
    assert len(Concealment(a_tone(0.01)).fill(160)) == 320


def test_a_voice_is_shortened_by_one_period_without_a_click() -> None:
    voice = a_tone(0.08, 125)
    shorter = shorten(voice)

    assert len(voice) - len(shorter) == pytest.approx(2 * 64, abs=4)
    assert steepest(shorter) <= 1.1 * steepest(voice)
    assert loudest_hz(shorter) == pytest.approx(125, abs=15)


def test_breath_is_quiet_and_a_soft_voice_is_not() -> None:
    noise = ComfortNoise()

    assert is_quiet(noise.fill(160, 50))
    assert not is_quiet(noise.fill(160, 35))


@pytest.mark.parametrize("level", [20, 45, 70])
def test_comfort_noise_has_the_level_asked_for(level: int) -> None:
    noise = samples(ComfortNoise().fill(1600, level)).astype(float)

    assert -20 * np.log10(np.sqrt(np.mean(noise**2)) / 32_768) == pytest.approx(level, abs=0.7)
