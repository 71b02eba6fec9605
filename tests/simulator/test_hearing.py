import numpy as np

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.simulator.callees import Step
from movoice_box.simulator.hearing import Attention, Patience

SILENCE = bytes(FRAME_BYTES)
SPEECH = (3_000 * np.sin(np.arange(160) / 5)).astype("<i2").tobytes()
NOISE = (100 * np.sin(np.arange(160) / 5)).astype("<i2").tobytes()
ANSWER = Step(press="1", speech_ms=400, silence_ms=600, at_most_ms=10_000)


def _frames_until_step(attention: Attention, *parts: tuple[bytes, int]) -> int | None:
    """How many frames of `parts` it heard before it acted; None where it never did."""
    frames = [frame for frame, milliseconds in parts for _ in range(milliseconds // 20)]
    acted = (number for number, frame in enumerate(frames, 1) if attention.hear(frame))
    return next(acted, None)


def test_a_question_is_answered_when_the_agent_has_stopped_talking() -> None:
    acted_at = _frames_until_step(Attention((ANSWER,)), (SPEECH, 2_000), (SILENCE, 2_000))
    assert acted_at == (2_000 + 600) // 20


def test_a_pause_between_sentences_is_waited_out() -> None:
    attention = Attention((ANSWER,))
    parts = [(SPEECH, 500), (SILENCE, 500), (SPEECH, 500), (SILENCE, 580)]
    assert _frames_until_step(attention, *parts) is None
    assert attention.hear(SILENCE) == ANSWER


def test_line_noise_is_no_speech() -> None:
    assert _frames_until_step(Attention((ANSWER,)), (NOISE, 5_000)) is None


def test_an_agent_that_says_nothing_is_answered_in_the_end() -> None:
    acted_at = _frames_until_step(Attention((ANSWER,)), (SILENCE, 20_000))
    assert acted_at == 10_000 // 20


def test_without_silence_the_agent_is_interrupted() -> None:
    rude = Step(press="1", speech_ms=400, silence_ms=0, at_least_ms=700)
    assert _frames_until_step(Attention((rude,)), (SPEECH, 2_000)) == 700 // 20


def test_each_step_waits_for_speech_of_its_own() -> None:
    attention = Attention((ANSWER, ANSWER))
    assert _frames_until_step(attention, (SPEECH, 600), (SILENCE, 600)) == 60
    assert _frames_until_step(attention, (SILENCE, 5_000)) is None
    assert _frames_until_step(attention, (SPEECH, 600), (SILENCE, 600)) == 60


def test_after_the_last_step_there_is_only_listening() -> None:
    attention = Attention((ANSWER,))
    _frames_until_step(attention, (SPEECH, 600), (SILENCE, 600))
    assert _frames_until_step(attention, (SPEECH, 9_000), (SILENCE, 9_000)) is None
    assert attention.heard.speech_ms == 9_600
    assert attention.heard.listened_ms == 600 + 600 + 18_000
    assert 2_000 < attention.heard.loudest_rms < 2_300


def test_patience_ends_when_packets_stop_and_not_before() -> None:
    patience = Patience(0.1)
    assert not any(patience.is_over(received) for received in range(1, 20))
    assert [patience.is_over(19) for _ in range(6)] == [False] * 5 + [True]
