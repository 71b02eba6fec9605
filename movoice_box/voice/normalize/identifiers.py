"""Numbers that name something, such as phones and accounts, and are said digit by digit."""

import re
from re import Match

from movoice_box.voice.normalize.wording import Rule, Wording

_GROUP_SIZES = {5: 5, 6: 3, 9: 3, 10: 5}  # by length; four otherwise
_ENDS = r"(?![\w-]|[.,]\d)"
_LABELS = (
    "account|card|order|invoice|ticket|reference|ref|otp|pin|pin code|pnr|code|id|number"
    "|नंबर|संख्या|खाता|कोड|ओटीपी"
)


def _digits(wording: Wording, match: Match[str]) -> str:
    """With a pause between groups: those written, or the usual ones for the length."""
    groups = re.findall(r"\d+", match["digits"])
    if len(groups) == 1:
        digits = groups[0]
        size = _GROUP_SIZES.get(len(digits), 4)
        groups = [digits[start : start + size] for start in range(0, len(digits), size)]
    return ", ".join(wording.digits(group) for group in groups)


def _labelled(wording: Wording, match: Match[str]) -> str:
    return match["label"] + _digits(wording, match)


def _masked(wording: Wording, match: Match[str]) -> str:
    return wording.ending_in(wording.digits(match["digits"]))


def _mixed(wording: Wording, match: Match[str]) -> str:
    characters = match[0].replace("-", "")
    return " ".join(wording.digits(c) if c.isdigit() else c for c in characters)


IDENTIFIERS: tuple[Rule, ...] = (
    (re.compile(r"(?<!\w)[Xx*•][Xx*•\s-]{0,24}[Xx*•][\s-]?(?P<digits>\d{3,6})\b"), _masked),
    (re.compile(r"\+(?P<digits>\d[\d().\s-]{6,20}\d)"), _digits),  # a phone in E.164
    (
        re.compile(
            r"(?<![\w.,-])(?P<digits>\d{5}[\s-]\d{5}|0\d{2,4}[\s-]\d{6,8}"
            rf"|\d{{3,4}}[\s-]\d{{3,4}}[\s-]\d{{3,4}}(?:[\s-]\d{{3,4}})?){_ENDS}"
        ),
        _digits,
    ),
    (re.compile(rf"(?<![\w.,])(?P<digits>\d{{7,}}|0\d+){_ENDS}"), _digits),
    (
        re.compile(
            rf"(?P<label>\b(?:{_LABELS})\.?(?:\s(?:number|no\.?|is|है))*\s?[:#-]?\s?)"
            rf"(?P<digits>\d{{4,}}){_ENDS}",
            re.IGNORECASE,
        ),
        _labelled,
    ),
    (
        re.compile(r"\b(?=[A-Z0-9-]*[A-Z])(?=(?:[A-Z-]*\d){3})[A-Z0-9][A-Z0-9-]{2,}[A-Z0-9]\b"),
        _mixed,
    ),
)
