"""English: numbers, amounts, dates and times in words, Indian or international."""

import re
from typing import Literal

from movoice_box.voice.normalize.wording import Currency, Number

_SMALL = str.split(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = str.split("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MONTHS = str.split(
    "January February March April May June July August September October November December"
)
_Groups = tuple[tuple[int, str], ...]
_INDIAN: _Groups = ((10**7, "crore"), (10**5, "lakh"), (10**3, "thousand"))
_INTERNATIONAL: _Groups = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_CURRENCIES = {  # one and many of the unit, one and many of its hundredth
    Currency.RUPEE: ("rupee", "rupees", "paisa", "paise"),
    Currency.DOLLAR: ("dollar", "dollars", "cent", "cents"),
    Currency.EURO: ("euro", "euros", "cent", "cents"),
    Currency.POUND: ("pound", "pounds", "penny", "pence"),
}


def _abbreviation(pattern: str, replacement: str) -> tuple[re.Pattern[str], str]:
    return re.compile(pattern, re.IGNORECASE), replacement


class English:
    """`region` is the country of the tag: "in" counts in lakh and crore, "us" writes month/day."""

    range_word = "to"
    acronyms = re.compile(
        r"\b(?:ATM|COD|DND|EMI|FAQ|GST|IFSC|IMPS|IST|IVR|KYC|OTP|PNR|SBI|UPI|URL)\b"
    )
    abbreviations = (
        _abbreviation(r"\bMr\b\.?", "Mister"),
        _abbreviation(r"\bMrs\b\.?", "Missus"),
        _abbreviation(r"\bMs\.(?=\s)", "Miz"),
        _abbreviation(r"\bDr\b\.?(?=\s+\w)", "Doctor"),
        _abbreviation(r"\bProf\.", "Professor"),
        _abbreviation(r"\bPvt\b\.?", "Private"),
        _abbreviation(r"\bLtd\b\.?", "Limited"),
        _abbreviation(r"\bNos?\.\s*(?=\d)", "number "),
        _abbreviation(r"\ba/c\b\.?", "account"),
        _abbreviation(r"\bacct\b\.?", "account"),
        _abbreviation(r"\bapprox\b\.?", "approximately"),
        _abbreviation(r"\be\.g\.", "for example"),
        _abbreviation(r"\bi\.e\.", "that is"),
        _abbreviation(r"\betc\b\.", "et cetera"),
        _abbreviation(r"(?<=\d)\s*hrs?\b\.?", " hours"),
        _abbreviation(r"(?<=\d)\s*mins?\b\.?", " minutes"),
        _abbreviation(r"(?<=\d)\s*kms?\b", " kilometres"),
        _abbreviation(r"(?<=\d)\s*kgs?\b", " kilograms"),
        (re.compile(r"\s*&\s*"), " and "),
        (re.compile(r"(?<=[\w.])@(?=\w)"), " at "),
        (re.compile(r"(?<=\w)\.(?=(?:com|in|org|net|co|io|gov|edu)\b)"), " dot "),
        (re.compile(r"\bwww\."), "W W W dot "),
        (re.compile(r"(?<!\S)\*(?!\S)"), "star"),
        (re.compile(r"(?<!\S)#(?!\S)"), "hash"),
        (re.compile(r"#(?=\d)"), "number "),
    )

    def __init__(self, region: str) -> None:
        self.is_month_first = region == "us"
        self._groups = _INDIAN if region == "in" else _INTERNATIONAL
        self._and = "" if region == "us" else "and "  # "one hundred and five", not in America

    def digits(self, digits: str) -> str:
        return " ".join(_SMALL[int(digit)] for digit in digits)

    def number(self, number: Number) -> str:
        return self._number(number, self._groups)

    def ordinal(self, number: int) -> str:
        head, separator, last = self._cardinal(number, self._groups).rpartition(" ")
        tens, hyphen, unit = last.rpartition("-")
        if unit in _ORDINALS:
            unit = _ORDINALS[unit]
        else:
            unit = f"{unit[:-1]}ieth" if unit.endswith("y") else f"{unit}th"
        return f"{head}{separator}{tens}{hyphen}{unit}"

    def money(self, number: Number, currency: Currency) -> str:
        one, many, hundredth, hundredths = _CURRENCIES[currency]
        groups = _INDIAN if currency is Currency.RUPEE else _INTERNATIONAL
        if number.scale or len(number.fraction) > 2:
            return f"{self._number(number, groups)} {many}"
        major, minor = int(number.whole), int(number.fraction.ljust(2, "0"))
        parts = []
        if major or not minor:
            parts.append(f"{self._cardinal(major, groups)} {one if major == 1 else many}")
        if minor:
            unit = hundredth if minor == 1 else hundredths
            parts.append(f"{self._cardinal(minor, groups)} {unit}")
        return _signed(number, " and ".join(parts))

    def percent(self, number: Number) -> str:
        return f"{self.number(number)} percent"

    def date(self, day: int | None, month: int, year: int | None, *, day_first: bool) -> str:
        name = _MONTHS[month - 1]
        parts = [name]
        if day is not None:
            ordinal = self.ordinal(day)
            parts = [ordinal, name] if day_first and not self.is_month_first else [name, ordinal]
        if year is not None:
            parts.append(self.year(year))
        return " ".join(parts)

    def year(self, year: int) -> str:
        century, rest = divmod(year, 100)
        if year % 1000 < 10:
            return self._cardinal(year, self._groups).replace(" and ", " ")
        head = self._cardinal(century, self._groups)
        if rest == 0:
            return f"{head} hundred"
        return f"{head} {'oh ' if rest < 10 else ''}{self._cardinal(rest, self._groups)}"

    def time(self, hour: int, minute: int, half: Literal["AM", "PM"] | None) -> str:
        if hour == 12 and minute == 0 and half:
            return "twelve noon" if half == "PM" else "twelve midnight"
        words = _SMALL[hour]
        if minute:
            oh = "oh " if minute < 10 else ""
            words += f" {oh}{self._cardinal(minute, self._groups)}"
        elif not half:
            words += " o'clock"
        return f"{words} {half}" if half else words

    def ending_in(self, digits: str) -> str:
        return f"ending in {digits}"

    def _number(self, number: Number, groups: _Groups) -> str:
        words = self._cardinal(int(number.whole), groups)
        if number.fraction:
            words += f" point {self.digits(number.fraction)}"
        if number.scale:
            words += f" {number.scale.name.lower()}"
        return _signed(number, words)

    def _cardinal(self, number: int, groups: _Groups) -> str:
        if number < 20:
            return _SMALL[number]
        if number < 100:
            tens, unit = divmod(number, 10)
            return f"{_TENS[tens]}-{_SMALL[unit]}" if unit else _TENS[tens]
        if number < 1000:
            hundreds, rest = divmod(number, 100)
            words = f"{_SMALL[hundreds]} hundred"
            return f"{words} {self._and}{self._cardinal(rest, groups)}" if rest else words
        size, name = next(group for group in groups if number >= group[0])
        count, rest = divmod(number, size)
        words = f"{self._cardinal(count, groups)} {name}"
        if not rest:
            return words
        return f"{words} {self._and if rest < 100 else ''}{self._cardinal(rest, groups)}"


def _signed(number: Number, words: str) -> str:
    return f"minus {words}" if number.is_negative else words
