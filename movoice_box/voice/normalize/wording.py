"""What a language must be able to say for texts to be normalized to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from re import Match, Pattern
from typing import Literal, Protocol


class Currency(Enum):
    RUPEE = "INR"
    DOLLAR = "USD"
    EURO = "EUR"
    POUND = "GBP"


class Scale(Enum):
    """Words that multiply the number before them."""

    THOUSAND = 10**3
    LAKH = 10**5
    MILLION = 10**6
    CRORE = 10**7
    BILLION = 10**9


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, grouping removed. `fraction` are the digits after the point."""

    whole: str
    fraction: str = ""
    scale: Scale | None = None
    is_negative: bool = False


class Wording(Protocol):
    @property
    def is_month_first(self) -> bool:
        """Whether 04/05/2026 is in April."""
        ...

    @property
    def range_word(self) -> str:
        """What the dash of "2-3 days" says."""
        ...

    @property
    def acronyms(self) -> Pattern[str]:
        """Capitals that are spelled, though they could be read as a word."""
        ...

    @property
    def abbreviations(self) -> Sequence[tuple[Pattern[str], str]]:
        """Replaced in this order, before anything is put into words."""
        ...

    def digits(self, digits: str) -> str:
        """One by one."""
        ...

    def number(self, number: Number) -> str: ...

    def ordinal(self, number: int) -> str: ...

    def money(self, number: Number, currency: Currency) -> str: ...

    def percent(self, number: Number) -> str: ...

    def date(self, day: int | None, month: int, year: int | None, *, day_first: bool) -> str:
        """A date without its year, or a month of a year."""
        ...

    def year(self, year: int) -> str: ...

    def time(self, hour: int, minute: int, half: Literal["AM", "PM"] | None) -> str:
        """`hour` from 1 to 12."""
        ...

    def ending_in(self, digits: str) -> str:
        """The visible end of a masked number, such as XXXX1234. `digits` are in words."""
        ...


Rule = tuple[Pattern[str], Callable[[Wording, Match[str]], str]]
