"""How people write amounts, percentages and numbers, and which words say them."""

import re
from re import Match

from movoice_box.voice.normalize.wording import Currency, Number, Rule, Scale, Wording

_SCALES = {
    "k": Scale.THOUSAND,
    "thousand": Scale.THOUSAND,
    "हज़ार": Scale.THOUSAND,
    "हजार": Scale.THOUSAND,
    "l": Scale.LAKH,
    "lac": Scale.LAKH,
    "lacs": Scale.LAKH,
    "lakh": Scale.LAKH,
    "lakhs": Scale.LAKH,
    "लाख": Scale.LAKH,
    "m": Scale.MILLION,
    "mn": Scale.MILLION,
    "million": Scale.MILLION,
    "cr": Scale.CRORE,
    "crore": Scale.CRORE,
    "crores": Scale.CRORE,
    "करोड़": Scale.CRORE,
    "bn": Scale.BILLION,
    "billion": Scale.BILLION,
}
_CURRENCIES = {
    "₹": Currency.RUPEE,
    "rs": Currency.RUPEE,
    "inr": Currency.RUPEE,
    "रु": Currency.RUPEE,
    "/-": Currency.RUPEE,
    "$": Currency.DOLLAR,
    "us$": Currency.DOLLAR,
    "usd": Currency.DOLLAR,
    "€": Currency.EURO,
    "eur": Currency.EURO,
    "£": Currency.POUND,
    "gbp": Currency.POUND,
}
_LONGEST = 15  # digits; a longer number is said digit by digit


def _any_of(words: list[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_WORD_ENDS = r"(?![\w\u0900-\u097F])"  # \b takes a Devanagari vowel sign for the end of a word
_MINUS = r"(?P<minus>[-\u2212])?"
_NUMBER = r"(?P<whole>\d{1,3}(?:,\d{2,3})+|\d+)(?:\.(?P<fraction>\d+))?(?!\d)"
_MONEY_SCALE = rf"(?:\s?(?P<scale>{_any_of(list(_SCALES))}){_WORD_ENDS})?"
_PLAIN_SCALE = rf"(?:\s?(?P<scale>{_any_of([s for s in _SCALES if len(s) > 2])}){_WORD_ENDS})?"


def _number(match: Match[str]) -> Number:
    groups = match.groupdict()
    scale = groups.get("scale")
    return Number(
        whole=groups["whole"].replace(",", ""),
        fraction=groups["fraction"] or "",
        scale=_SCALES[scale.lower()] if scale else None,
        is_negative=bool(groups.get("minus")),
    )


def _money(wording: Wording, match: Match[str]) -> str:
    number = _number(match)
    if len(number.whole) > _LONGEST:
        return wording.digits(number.whole)
    return wording.money(number, _CURRENCIES[match["code"].lower().rstrip(".")])


def _percent(wording: Wording, match: Match[str]) -> str:
    return wording.percent(_number(match))


def _plain(wording: Wording, match: Match[str]) -> str:
    number = _number(match)
    return wording.digits(number.whole) if len(number.whole) > _LONGEST else wording.number(number)


def _range(wording: Wording, match: Match[str]) -> str:
    return f"{match[1]} {wording.range_word} "


def _ordinal(wording: Wording, match: Match[str]) -> str:
    return wording.ordinal(int(match[1]))


RANGE: Rule = (
    re.compile(
        r"(?<![\w-])([1-9]\d{0,3}|\d{1,3}(?:,\d{2,3})+)\s?[-\u2013]\s?"
        r"(?=[₹$€£]?(?:[1-9]\d{0,3}|\d{1,3}(?:,\d{2,3})+)(?![\d-]))"
    ),
    _range,
)
MONEY: tuple[Rule, ...] = (
    (
        re.compile(
            rf"(?<![\w.])(?P<code>us\$|usd|rs\.?|inr|रु\.?|eur|gbp|[₹$€£])\s?{_MINUS}"
            rf"{_NUMBER}{_MONEY_SCALE}(?:\s?/-)?",
            re.IGNORECASE,
        ),
        _money,
    ),
    (
        re.compile(
            rf"(?<![\w.,])(?<!\d-){_MINUS}{_NUMBER}{_MONEY_SCALE}"
            rf"\s?(?P<code>[₹€£]|/-|(?:inr|usd|eur|gbp|rs){_WORD_ENDS})",
            re.IGNORECASE,
        ),
        _money,
    ),
)
PERCENT: Rule = (re.compile(rf"(?<![\w.,]){_MINUS}{_NUMBER}\s?%"), _percent)
ORDINAL: Rule = (re.compile(r"\b(\d{1,6})(?:st|nd|rd|th)\b", re.IGNORECASE), _ordinal)
PLAIN: tuple[Rule, ...] = (
    (re.compile(rf"(?<![\w.,]){_NUMBER}(?P<scale>k)\b", re.IGNORECASE), _plain),
    (re.compile(rf"(?<![\w.,]){_MINUS}{_NUMBER}{_PLAIN_SCALE}(?!\w)", re.IGNORECASE), _plain),
)
