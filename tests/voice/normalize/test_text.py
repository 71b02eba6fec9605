import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movoice_box.voice.normalize.text import sentences, spoken_text

PIECES = st.sampled_from(
    ["₹", "Rs. ", "12", "2500", "05", ",", ".", ":", "/", "-", " ", "%", "April", "मई", "PM", "XX",
     "+91", "lakh", "th", "₹1,00,000", "K", "रु", "बजे", "#", "T", "१"]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.text(max_size=40) | st.lists(PIECES, max_size=12).map("".join),
    st.sampled_from(["en-IN", "en-US", "hi-IN", "fr-FR", "", "-"]),
)
def test_any_text_can_be_spoken(text: str, language: str) -> None:
    spoken = spoken_text(text, language)
    assert spoken == " ".join(spoken.split())


@settings(deadline=None)
@given(st.integers(0, 10**12), st.sampled_from(["en-IN", "en-US", "hi-IN"]))
def test_no_digit_of_an_amount_is_left_over(amount: int, language: str) -> None:
    assert not re.search(r"\d", spoken_text(f"₹{amount}.50", language))


def test_other_languages_are_left_to_the_engine() -> None:
    assert spoken_text("  2 500 € le 25/04/2026 ", "fr-FR") == "2 500 € le 25/04/2026"


def test_a_text_without_end_is_cut() -> None:
    assert len(spoken_text("1-" * 1_000_000, "en-IN")) < 50_000


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("Hello Rahul. It is due! Really? Yes.", ["Hello Rahul.", "It is due!", "Really?", "Yes."]),
        ("Mister A. Kumar called.", ["Mister A. Kumar called."]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ("no end", ["no end"]),
        ("", []),
        ("  ", []),
    ],
)
def test_sentences_are_split_at_their_ends(spoken: str, expected: list[str]) -> None:
    assert sentences(spoken) == expected
