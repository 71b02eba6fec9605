import random

import phonenumbers
import pytest

from movoice_box.domain.phone import NumberFormat, PhoneNumber, masked
from movoice_box.errors import InputError


def test_a_country_is_assumed_only_without_a_plus() -> None:
    assert PhoneNumber.parse("020 7946 0018", "GB").e164 == "+442079460018"
    assert PhoneNumber.parse("+44 20 7946 0018", "IN").e164 == "+442079460018"


def _ours(text: str) -> str | None:
    try:
        return PhoneNumber.parse(text, "IN").e164
    except InputError:
        return None


def _by_library(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "IN")
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if phonenumbers.is_valid_number(number) else None


def test_the_fast_path_for_indian_mobiles_agrees_with_the_library() -> None:
    chance = random.Random(7)
    texts = [
        chance.choice(["", "0", "+91", "91"]) + "".join(chance.choices("0123456789", k=10))
        for _ in range(3_000)
    ]
    assert list(map(_ours, texts)) == list(map(_by_library, texts))


@pytest.mark.parametrize(
    ("number_format", "written"),
    [
        (NumberFormat.E164, "+919876543210"),
        (NumberFormat.DIGITS, "919876543210"),
        (NumberFormat.NATIONAL, "09876543210"),
    ],
)
def test_a_trunk_gets_the_number_as_it_wants_it(number_format: NumberFormat, written: str) -> None:
    assert PhoneNumber("+919876543210").written(number_format) == written


def test_logs_show_a_number_masked() -> None:
    assert (
        masked("1#0919876543210 of +919876543210 is on") == "1#09198***3210 of +91987***3210 is on"
    )
    assert masked("101 did not answer in 32 s") == "101 did not answer in 32 s"


@pytest.mark.parametrize("text", ["+919876543210 ext. 5", "0", "+", "abc", "+1 800 FLOWERS" * 5])
def test_what_cannot_be_dialed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write it like"):
        PhoneNumber.parse(text, "IN")
