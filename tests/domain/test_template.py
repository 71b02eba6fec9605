from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.template import fill, is_well_formed, variables_in


def test_variables_are_listed_once_in_order_of_appearance() -> None:
    texts = ["Hello {{name}}, {{ amount due }}", "{{name}} {{नाम}} {single}"]
    assert variables_in(texts) == ["name", "amount due", "नाम"]


def test_values_are_filled_in_and_space_is_tidied() -> None:
    assert fill("Hello  {{ name }} ,\n you owe {{amount}}", {"name": "A", "amount": "₹5"}) == (
        "Hello A , you owe ₹5"
    )


def test_a_missing_value_is_nothing() -> None:
    assert fill("Hello {{name}}.", {}) == "Hello ."


@given(st.text())
def test_a_value_is_never_expanded(value: str) -> None:
    filled = fill("{{a}}", {"a": value, "b": "SECRET"})
    assert filled == " ".join(value.split())


def test_braces_that_are_no_variable_are_seen() -> None:
    assert is_well_formed("{{a}} {b} }{")
    assert not is_well_formed("{{a")
    assert not is_well_formed("a}} {{b}}")
    assert not is_well_formed("{{a{b}}")
