"""Text as people write it -> the words that are spoken, in the agent's language."""

import re
import unicodedata
from functools import lru_cache, partial

from movoice_box.voice.normalize.amounts import MONEY, ORDINAL, PERCENT, PLAIN, RANGE
from movoice_box.voice.normalize.calendar import DATES, TIMES
from movoice_box.voice.normalize.english import English
from movoice_box.voice.normalize.hindi import Hindi
from movoice_box.voice.normalize.identifiers import IDENTIFIERS
from movoice_box.voice.normalize.wording import Rule, Wording

# A later rule sees only what the ones before it left; words hold no digits, so none matches twice.
_RULES: tuple[Rule, ...] = (
    *DATES,
    *TIMES,
    RANGE,
    *MONEY,
    PERCENT,
    *IDENTIFIERS,
    ORDINAL,
    *PLAIN,
)
_SENTENCE_END = re.compile(r"(?<=[.!?।])(?<!\b\w\.)\s+")  # not after an initial: "A. Kumar"
_UNSPEAKABLE = re.compile(r"[_~`|<>\\^{}\[\]\u200b-\u200f\u202a-\u202e\ufeff]+")
_LONGEST = 5_000
_DIGITS = {code: str(unicodedata.decimal(chr(code))) for code in range(0x0966, 0x0970)}


@lru_cache(maxsize=4096)  # an agent's own sentences come with every call
def spoken_text(text: str, language: str) -> str:
    """`text` in words, as a voice of `language` (a BCP 47 tag) says it and as a page shows it.

    English and Hindi are put into words; in other languages numbers are left to the engine. Beyond
    5 000 characters, five minutes of speech, it is cut.
    """
    text = " ".join(_UNSPEAKABLE.sub(" ", unicodedata.normalize("NFC", text[:_LONGEST])).split())
    if (wording := _wording(language)) is None:
        return text
    text = text.translate(_DIGITS)
    for pattern, replacement in wording.abbreviations:
        text = pattern.sub(replacement, text)
    for pattern, say in _RULES:
        text = pattern.sub(partial(say, wording), text)
    text = wording.acronyms.sub(lambda match: " ".join(match[0]), text)
    return " ".join(text.split())


def sentences(spoken: str) -> list[str]:
    """Split at the ends of sentences. `spoken` comes from `spoken_text`: no abbreviations left."""
    return [sentence for sentence in _SENTENCE_END.split(spoken.strip()) if sentence]


def _wording(language: str) -> Wording | None:
    primary, _, region = language.lower().partition("-")
    match primary:
        case "en":
            return English(region)
        case "hi":
            return Hindi()
        case _:
            return None
