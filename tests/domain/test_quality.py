import pytest

from movoice_box.domain.quality import mean_opinion


def test_a_line_without_loss_and_delay_is_as_good_as_telephony_gets() -> None:
    assert mean_opinion(0.0, 0.0) == pytest.approx(4.41, abs=0.01)


@pytest.mark.parametrize(
    ("loss", "delay_ms", "mos"),
    [
        (0.01, 0, 4.33),  # R 89.6
        (0.05, 0, 3.93),  # R 77.4
        (0.20, 0, 2.65),  # R 51.1
        (0.0, 150, 4.34),  # R 89.6
        (0.0, 400, 3.02),  # R 59.1
        (0.05, 250, 3.28),  # R 63.4
    ],
)
def test_the_score_is_that_of_the_e_model(loss: float, delay_ms: float, mos: float) -> None:
    assert mean_opinion(loss, delay_ms) == pytest.approx(mos, abs=0.06)


def test_no_score_is_below_one_however_bad_the_line() -> None:
    assert mean_opinion(1.0, 5_000) == 1.0


def test_more_loss_or_more_delay_never_sounds_better() -> None:
    by_loss = [mean_opinion(percent / 100, 60) for percent in range(101)]
    by_delay = [mean_opinion(0.02, ms) for ms in range(0, 1000, 10)]

    assert by_loss == sorted(by_loss, reverse=True)
    assert by_delay == sorted(by_delay, reverse=True)
