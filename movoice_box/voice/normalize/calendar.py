"""How people write dates and times, and which words say them."""

import re
from datetime import date
from re import Match
from typing import Literal

from movoice_box.voice.normalize.wording import Rule, Wording

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "january jan जनवरी",
            "february feb फ़रवरी फरवरी",
            "march mar मार्च",
            "april apr अप्रैल",
            "may मई",
            "june jun जून",
            "july jul जुलाई",
            "august aug अगस्त",
            "september sept sep सितंबर सितम्बर",
            "october oct अक्टूबर",
            "november nov नवंबर नवम्बर",
            "december dec दिसंबर दिसम्बर",
        ),
        start=1,
    )
    for name in names.split()
}
_ALSO_VERBS = {"may", "march", "mar"}  # months only with a capital

_WORD_ENDS = r"(?![\w\u0900-\u097F])"
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))}){_WORD_ENDS}"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DASH = r"\s?[-\u2013]\s?"


def _named_date(wording: Wording, match: Match[str]) -> str:
    groups = match.groupdict()
    day, year = groups.get("day"), groups.get("year")
    month = _MONTHS[match["month"].lower()]
    is_verb = match["month"] in _ALSO_VERBS
    if is_verb or (day and not _exists(int(year or 2000), month, int(day))):
        return match[0]
    return wording.date(
        int(day) if day else None,
        month,
        int(year) if year else None,
        day_first=day is not None and match.start("day") < match.start("month"),
    )


def _numeric_date(wording: Wording, match: Match[str]) -> str:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if len(match[4]) == 2:
        year += 2000 if year < 69 else 1900  # as POSIX strptime reads %y
    readings = [(second, first), (first, second)]  # month and day
    for month, day in reversed(readings) if wording.is_month_first else readings:
        if _exists(year, month, day):
            return wording.date(day, month, year, day_first=True)
    return match[0]


def _iso_date(wording: Wording, match: Match[str]) -> str:
    year, month, day = (int(match[group]) for group in (1, 2, 3))
    if not _exists(year, month, day):
        return match[0]
    return wording.date(day, month, year, day_first=True) + (" " if match[4] else "")


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _time_range(wording: Wording, _: Match[str]) -> str:
    return f" {wording.range_word} "


def _time(wording: Wording, match: Match[str]) -> str:
    groups = match.groupdict()
    hour, minute = int(match["hour"]), int(groups["minute"] or 0)
    half: Literal["AM", "PM"] | None = None
    if letter := groups.get("half") or groups.get("dotted_half"):
        half = "AM" if letter in "aA" else "PM"
    if hour > 23 or minute > 59:
        return match[0]
    if hour > 12 or hour == 0:
        half = "PM" if hour else "AM"
    elif half is None and match["hour"].startswith("0"):
        half = "AM"
    rest = match.string[match.end() :]
    full_stop = "." if match[0].endswith(".") and re.match(r"\s+[A-Z]|\s*$", rest) else ""
    return wording.time((hour - 1) % 12 + 1, minute, half) + full_stop


_OCLOCK_IN_HINDI = r"(?:\s?बजे)?"  # the words for a time bring their own

DATES: tuple[Rule, ...] = (
    (re.compile(r"(?<![\w-])(\d{4})-(\d{1,2})-(\d{1,2})(?:(T)(?=\d)|(?![\w-]))"), _iso_date),
    (re.compile(r"(?<![\w/.-])(\d{1,2})([/-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-])"), _numeric_date),
    (re.compile(r"(?<![\w/.-])(\d{1,2})(\.)(\d{1,2})\.(\d{4})(?![\w/-])"), _numeric_date),
    (
        re.compile(rf"\b{_MONTH}\.?[\s-]{_DAY}(?:,?\s{_YEAR})?(?![\w%:]|[.,]\d)", re.IGNORECASE),
        _named_date,
    ),
    (
        re.compile(
            rf"(?<![\w.,/:-]){_DAY}(?:\sof)?[\s-]?{_MONTH}(?:\.?,?[\s-]{_YEAR})?(?!\w)",
            re.IGNORECASE,
        ),
        _named_date,
    ),
    (re.compile(rf"\b{_MONTH}\.?,?[\s-]{_YEAR}(?![\w%]|[.,]\d)", re.IGNORECASE), _named_date),
)
TIMES: tuple[Rule, ...] = (
    (
        re.compile(
            rf"(?<=\d){_DASH}(?=\d{{1,2}}(?:[:.]\d\d)?\s?[ap]\.?m\b)"
            rf"|(?<=\d:\d\d){_DASH}(?=\d{{1,2}}:\d\d)",
            re.IGNORECASE,
        ),
        _time_range,
    ),
    (
        re.compile(
            r"(?<![\w:.,])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?\s?"
            rf"(?:(?P<half>[ap])m\b|(?P<dotted_half>[ap])\.m\b\.?){_OCLOCK_IN_HINDI}",
            re.IGNORECASE,
        ),
        _time,
    ),
    (
        re.compile(
            r"(?<![\w:.,])(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::[0-5]\d)?(?![\w:])"
            + _OCLOCK_IN_HINDI
        ),
        _time,
    ),
)
