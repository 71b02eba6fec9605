"""Phone numbers as E.164 (ITU-T E.164): one person, one spelling."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import phonenumbers

from movoice_box.errors import InputError

_INDIAN_MOBILE = re.compile(r"(?:\+91|0)?([6-9]\d{9})", re.ASCII)
_EXTENSION = re.compile(r"[0-9*#]{2,8}", re.ASCII)
_LONG_NUMBER = re.compile(r"(\+?\d{1,5})\d{2,}(\d{4})", re.ASCII)
_SEPARATORS = str.maketrans("", "", " -.()\u00a0\u200b\u200e\u202a\u202c\u2011\t")


class NumberFormat(StrEnum):
    """How a trunk wants the number written in the Request-URI."""

    E164 = "e164"  # +919876543210
    DIGITS = "digits"  # 919876543210
    NATIONAL = "national"  # 09876543210


@dataclass(frozen=True, slots=True, order=True)
class PhoneNumber:
    """A dialable number in E.164: `+`, country code, at most 15 digits in all.

    Or an extension of the owner's PBX, 2 to 8 digits, where `parse_extension` read it.
    """

    e164: str

    @classmethod
    def parse(cls, text: str, default_country: str) -> Self:
        """Read a number as people write it; without `+` it is one of `default_country` ("IN").

        Raises `InputError` with code `invalid_number`.
        """
        compact = text.translate(_SEPARATORS)
        if default_country == "IN" and (match := _INDIAN_MOBILE.fullmatch(compact)):
            return cls(f"+91{match[1]}")
        try:
            number = phonenumbers.parse(compact, default_country)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_valid_number(number) or number.extension:
            raise InputError(
                f"'{text}' is not a phone number: write it like +919876543210",
                code="invalid_number",
                field="phone",
            )
        return cls(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    @classmethod
    def parse_extension(cls, text: str) -> Self | None:
        """The extension of a PBX that `text` writes; None where it is none."""
        compact = text.translate(_SEPARATORS)
        return cls(compact) if _EXTENSION.fullmatch(compact) else None

    @classmethod
    def parse_any(cls, text: str, default_country: str) -> Self:
        """A number as `parse` reads it, or else an extension. Raises `InputError`."""
        try:
            return cls.parse(text, default_country)
        except InputError:
            extension = cls.parse_extension(text)
            if extension is None:
                raise
            return extension

    @classmethod
    def parse_caller(cls, text: str, default_country: str) -> Self | None:
        """Who calls, as a trunk writes it: also without the `+`. None where it is no number."""
        for written in (text, f"+{text.lstrip('+')}"):
            try:
                return cls.parse(written, default_country)
            except InputError:
                continue
        return cls.parse_extension(text)

    @property
    def is_extension(self) -> bool:
        return not self.e164.startswith("+")

    def written(self, number_format: NumberFormat) -> str:
        match number_format:
            case NumberFormat.E164:
                return self.e164
            case NumberFormat.DIGITS:
                return self.e164[1:]
            case NumberFormat.NATIONAL:
                national = phonenumbers.format_number(
                    phonenumbers.parse(self.e164), phonenumbers.PhoneNumberFormat.NATIONAL
                )
                return re.sub(r"\D", "", national)

    def __str__(self) -> str:
        return self.e164


WITHHELD = PhoneNumber("anonymous")
"""Stands for the number of a caller who withholds it (RFC 3323 4.1.1.3)."""


def check_country(country: str) -> None:
    """Raises `InputError` unless `country` is a code that `PhoneNumber.parse` knows."""
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise InputError(
            f"default_country ('{country}') must be two capital letters such as IN",
            field="default_country",
        )


def masked(sentence: str) -> str:
    """A sentence for a log: seven digits or more in a row become `+91987***3210`."""
    return _LONG_NUMBER.sub(r"\1***\2", sentence)
