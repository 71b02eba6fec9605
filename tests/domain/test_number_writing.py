"""How a trunk wants numbers written: what PBXs, GSM gateways and carriers ask for."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.domain.number_writing import NumberWriting
from movoice_box.domain.phone import NumberFormat, PhoneNumber
from movoice_box.errors import InputError

RAHUL = PhoneNumber("+919876543210")
BERLIN = PhoneNumber("+493012345678")
PHONES = st.sampled_from([RAHUL, BERLIN, PhoneNumber("+14155552671"), PhoneNumber("+390612345678")])


@pytest.mark.parametrize(
    ("rules", "phone", "written"),
    [
        ({}, RAHUL, "+919876543210"),
        ({"number_format": NumberFormat.DIGITS}, RAHUL, "919876543210"),
        ({"number_format": NumberFormat.NATIONAL}, RAHUL, "09876543210"),
        ({"number_format": NumberFormat.NATIONAL}, BERLIN, "03012345678"),
        ({"prefix": "9"}, RAHUL, "9+919876543210"),
        ({"number_format": NumberFormat.DIGITS, "prefix": "00"}, RAHUL, "00919876543210"),
        ({"number_format": NumberFormat.DIGITS, "prefix": "1234#"}, RAHUL, "1234#919876543210"),
        ({"pattern": r"\+91(\d+)", "replacement": r"0\1"}, RAHUL, "09876543210"),
        ({"pattern": r"\+91(\d+)", "replacement": r"0\1"}, BERLIN, "+493012345678"),
        (
            {"pattern": r"(?P<cc>\+91)(?P<rest>\d+)", "replacement": r"\g<rest>"},
            RAHUL,
            "9876543210",
        ),
        ({"pattern": r"\+(\d+)", "replacement": r"\1", "prefix": "77"}, RAHUL, "77919876543210"),
        (
            {"pattern": r"91", "replacement": "x"},
            RAHUL,
            "+919876543210",
        ),  # the whole number or none
    ],
)
def test_a_number_is_written_as_the_trunk_asks(
    rules: dict[str, str], phone: PhoneNumber, written: str
) -> None:
    assert NumberWriting(**rules).write(phone) == written  # type: ignore[arg-type]


def test_an_extension_is_dialed_as_it_stands() -> None:
    rules = NumberWriting(prefix="0", pattern=r"(\d+)", replacement=r"9\1")
    assert rules.write(PhoneNumber("101")) == "101"


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"prefix": "00 "}, "number_prefix"),
        ({"prefix": "0" * 17}, "number_prefix"),
        ({"pattern": "(", "replacement": ""}, "number_pattern"),
        ({"pattern": "(" * 200 + ")" * 200}, "number_pattern"),
        ({"pattern": r"(\d+)", "replacement": r"\2"}, "number_replacement"),
        ({"pattern": r"\d+", "replacement": r"\1"}, "number_replacement"),
        ({"pattern": r"\d+", "replacement": r"\g<name>"}, "number_replacement"),
        ({"pattern": r"\d+", "replacement": "\\"}, "number_replacement"),
    ],
)
def test_rules_that_cannot_be_applied_name_their_field(rules: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as error:
        NumberWriting(**rules)  # type: ignore[arg-type]
    assert error.value.field == field


@pytest.mark.parametrize("replacement", ["", "a b", "x\r\nVia: y", '<sip:a>"', "é"])
def test_what_cannot_stand_in_a_request_line_is_not_dialed(replacement: str) -> None:
    rules = NumberWriting(pattern=r"\+\d+", replacement=replacement)
    with pytest.raises(InputError, match="cannot be dialed"):
        rules.write(RAHUL)


_PIECES = st.sampled_from(
    [
        r"\+",
        r"\d",
        r"(\d+)",
        "(?P<n>91)",
        "+",
        "*",
        "?",
        "|",
        ".",
        "[0-9]",
        "(",
        ")",
        "^",
        "$",
        "{2}",
    ]
)


@given(
    PHONES,
    st.sampled_from(NumberFormat),
    st.lists(_PIECES, max_size=5).map("".join) | st.none(),
    st.text(r"\0123456789g<n>+*# ", max_size=8),
    st.text("0123456789+*#", max_size=4),
)
def test_any_rules_write_a_dialable_number_or_say_what_is_wrong(
    phone: PhoneNumber,
    number_format: NumberFormat,
    pattern: str | None,
    replacement: str,
    prefix: str,
) -> None:
    with contextlib.suppress(InputError):
        rules = NumberWriting(
            number_format=number_format, pattern=pattern, replacement=replacement, prefix=prefix
        )
        written = rules.write(phone)
        assert re.fullmatch(r"[!-~]{1,128}", written)
        assert written.startswith(prefix)


@given(PHONES, st.sampled_from(NumberFormat), st.text("0123456789*#", max_size=8))
def test_without_a_pattern_every_number_can_be_dialed(
    phone: PhoneNumber, number_format: NumberFormat, prefix: str
) -> None:
    written = NumberWriting(number_format=number_format, prefix=prefix).write(phone)
    assert written == prefix + phone.written(number_format)
    assert len(re.sub(r"\D", "", phone.written(number_format))) >= 9
