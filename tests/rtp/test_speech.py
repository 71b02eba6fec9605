"""Speech through bad networks: what is heard has to be like what was said, and in its place."""

import pytest

from movoice_box.domain.media import Codec
from tests.rtp.network import Network, a_receiver, heard, packets_of, speech, understood

SPEECH = speech(20.0)


LOSS = [  # what is left: the likeness of the envelope, the share of the pieces found again
    (Codec.PCMU, 0.0, 0.99, 1.0),
    (Codec.PCMU, 0.05, 0.97, 0.98),
    (Codec.PCMU, 0.2, 0.92, 0.88),
    (Codec.PCMA, 0.05, 0.97, 0.98),
    (Codec.PCMA, 0.2, 0.92, 0.88),
    (Codec.G722, 0.0, 0.99, 1.0),
    (Codec.G722, 0.05, 0.955, 0.95),
    (Codec.G722, 0.2, 0.82, 0.80),
    (Codec.OPUS, 0.0, 0.99, 1.0),
    (Codec.OPUS, 0.05, 0.97, 0.95),
    (Codec.OPUS, 0.2, 0.90, 0.75),
]


@pytest.mark.parametrize(("codec", "loss", "envelope", "segments"), LOSS)
def test_speech_survives_loss(codec: Codec, loss: float, envelope: float, segments: float) -> None:
    found = understood(SPEECH, heard(packets_of(SPEECH, codec), Network(loss=loss)))

    assert found.envelope >= envelope
    assert found.segments >= segments
    assert found.energy > 0.65
    assert found.delay_ms < 70
    assert found.spread_ms < 50


@pytest.mark.parametrize("codec", Codec)
def test_speech_survives_jitter_of_80_ms_with_reordering(codec: Codec) -> None:
    receiver = a_receiver()
    found = understood(SPEECH, heard(packets_of(SPEECH, codec), Network(jitter_ms=80), receiver))

    assert found.envelope > 0.98
    assert found.segments > 0.99
    assert found.delay_ms < 140
    assert receiver.playout.buffer.late <= 5
    assert receiver.sequence.lost == 0


@pytest.mark.parametrize("codec", Codec)
def test_speech_survives_jitter_reordering_and_loss_together(codec: Codec) -> None:
    network = Network(jitter_ms=80, loss=0.05, seed=3)
    found = understood(SPEECH, heard(packets_of(SPEECH, codec), network))

    assert found.envelope > 0.94
    assert found.segments > 0.88


@pytest.mark.parametrize("ptimes_ms", [(10,), (30,), (40,), (60,), (10, 20, 30, 60, 20)], ids=str)
def test_speech_in_packets_of_any_length_survives_loss_and_jitter(
    ptimes_ms: tuple[int, ...],
) -> None:
    packets = packets_of(SPEECH, Codec.PCMA, ptimes_ms)
    found = understood(SPEECH, heard(packets, Network(loss=0.03, jitter_ms=40)))

    assert found.envelope > 0.93
    assert found.segments > 0.93
    assert found.spread_ms < 50


@pytest.mark.parametrize("ppm", [200, -200])
def test_a_clock_that_drifts_moves_speech_by_no_more_than_frames(ppm: int) -> None:
    said, receiver = speech(240.0), a_receiver()
    out = heard(packets_of(said, ppm=ppm), receiver=receiver)
    found = understood(said, out)

    assert found.segments > 0.99
    assert found.delay_ms < 120
    assert found.spread_ms < 80  # 48 ms of drift in all, met by whole frames
    assert receiver.playout.buffer.late == 0


def test_a_route_that_becomes_longer_in_mid_call_costs_a_moment() -> None:
    network = Network(delay_ms=lambda at_ms: 150.0 if at_ms > 8_000 else 0.0)
    receiver = a_receiver()
    found = understood(SPEECH, heard(packets_of(SPEECH), network, receiver))

    assert found.segments > 0.97
    assert receiver.playout.buffer.restarts == 1


def test_what_a_stalled_network_held_back_is_heard_and_caught_up_with() -> None:
    network = Network(delay_ms=lambda at_ms: max(0.0, 6_000 - at_ms) if at_ms > 5_500 else 0.0)
    found = understood(SPEECH, heard(packets_of(SPEECH), network))

    assert found.segments > 0.95
    assert found.delay_ms < 100
