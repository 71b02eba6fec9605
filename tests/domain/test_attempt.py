import pytest

from movoice_box.domain.attempt import Attempt, may_fail_over
from movoice_box.domain.call import Disposition

UNREACHABLE, FAILED = Disposition.UNREACHABLE, Disposition.FAILED


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        (UNREACHABLE, None),  # no transport, or no response at all
        (Disposition.NO_ANSWER, 408),
        (UNREACHABLE, 408),
        (FAILED, 500),
        (FAILED, 503),
        (UNREACHABLE, 503),
        (FAILED, 599),
    ],
)
def test_a_fault_of_the_trunk_goes_to_another(disposition: Disposition, status: int | None) -> None:
    assert may_fail_over(Attempt(disposition=disposition, sip_status=status))


@pytest.mark.parametrize(
    ("disposition", "status"),
    [
        (Disposition.ANSWERED, 200),
        (Disposition.BUSY, 486),
        (Disposition.BUSY, 503),  # a Q.850 cause or the owner's rules tell of the callee
        (Disposition.INVALID_NUMBER, 500),
        (Disposition.NO_ANSWER, 480),
        (Disposition.NO_ANSWER, 503),
        (Disposition.REJECTED, 603),
        (FAILED, 600),
        (FAILED, 488),
        (FAILED, None),
        (Disposition.CANCELED, None),
        (Disposition.CANCELED, 503),
        (Disposition.NO_ANSWER, None),  # rang out, without a ring that was heard of
    ],
)
def test_what_the_number_answers_goes_to_no_other_trunk(
    disposition: Disposition, status: int | None
) -> None:
    assert not may_fail_over(Attempt(disposition=disposition, sip_status=status))


@pytest.mark.parametrize("status", [None, 408, 500, 503])
def test_nothing_goes_to_another_trunk_once_a_phone_may_have_rung(status: int | None) -> None:
    attempt = Attempt(disposition=UNREACHABLE, sip_status=status, has_rung=True)
    assert not may_fail_over(attempt)
