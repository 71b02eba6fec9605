import pytest

from movoice_box.domain.call import RESERVED_OUTCOMES, Disposition
from movoice_box.domain.summary import callee_name, summary_of, summary_without_conversation


@pytest.mark.parametrize("disposition", Disposition)
def test_every_disposition_has_a_sentence(disposition: Disposition) -> None:
    sentence = summary_without_conversation(disposition, "Rahul Sharma")
    assert "Rahul Sharma" in sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")


@pytest.mark.parametrize("outcome", sorted(RESERVED_OUTCOMES))
def test_every_outcome_of_the_box_has_a_sentence_of_its_own(outcome: str) -> None:
    assert outcome not in summary_of(outcome, "Rahul")


def test_an_outcome_of_the_owner_is_named() -> None:
    assert summary_of("BOOKED", "{outcome}") == "The call with {outcome} ended with BOOKED."


def test_the_callee_without_a_name_still_starts_a_sentence() -> None:
    assert summary_of("NO_ANSWER", callee_name({"phone": "1"})) == "The callee did not pick up."


def test_the_name_is_found_however_its_column_is_written() -> None:
    assert callee_name({"Full Name": " Priya ", "name": " "}) == "Priya"
    assert callee_name({"NAME": "Amit"}) == "Amit"
