"""What final responses and causes mean."""

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.sip.disposition import disposition_of


@pytest.mark.parametrize(
    ("disposition", "statuses"),
    [
        (Disposition.BUSY, [486, 600]),
        (Disposition.NO_ANSWER, [480, 408, 487]),
        (Disposition.REJECTED, [603, 403, 607, 608]),
        (Disposition.INVALID_NUMBER, [404, 484, 604, 410, 485]),
        (Disposition.FAILED, [300, 302, 400, 401, 407, 420, 488, 500, 502, 503, 504, 606, 699]),
    ],
)
def test_statuses(disposition: Disposition, statuses: list[int]) -> None:
    assert {disposition_of(status) for status in statuses} == {disposition}


@pytest.mark.parametrize(
    ("disposition", "causes"),
    [
        (Disposition.INVALID_NUMBER, [1, 3, 22, 28]),
        (Disposition.BUSY, [17]),
        (Disposition.NO_ANSWER, [18, 19, 20]),
        (Disposition.REJECTED, [21, 55, 57, 87]),
        (Disposition.FAILED, [27, 34, 38, 41, 42, 102]),
    ],
)
def test_causes_go_before_the_status(disposition: Disposition, causes: list[int]) -> None:
    assert {disposition_of(500, cause) for cause in causes} == {disposition}


@pytest.mark.parametrize("cause", [16, 31, 127, 0, 9999])
def test_causes_that_say_nothing_leave_it_to_the_status(cause: int) -> None:
    assert disposition_of(486, cause) is Disposition.BUSY
