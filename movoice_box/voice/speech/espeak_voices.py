"""Which of espeak-ng's voices speaks a language best."""

from collections.abc import Iterable
from dataclasses import dataclass

from movoice_box.errors import SpeechError


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """`languages` are pairs of a priority (the lower, the better it fits) and a BCP 47 tag."""

    identifier: str
    name: str
    languages: tuple[tuple[int, str], ...]

    @property
    def tag(self) -> str:
        return self.languages[0][1]


def nearest_voice(language: str, voices: Iterable[EspeakVoice]) -> EspeakVoice:
    """The voice of `language`, else of the same language elsewhere: en-IN is spoken as en-gb.

    espeak-ng itself takes any voice it likes for a tag it does not know. Raises `SpeechError`.
    """
    voices = [voice for voice in voices if not voice.identifier.startswith(("mb/", "!v/"))]
    wanted = language.lower()
    primary = wanted.partition("-")[0]
    fits = [
        (_misfit(tag, wanted, primary), priority, voice.identifier, voice)
        for voice in voices
        for priority, tag in voice.languages
        if tag.partition("-")[0] == primary
    ]
    if not fits:
        known = sorted({voice.tag.partition("-")[0] for voice in voices})
        raise SpeechError(f"espeak-ng has no voice for '{language}'; it has {', '.join(known)}")
    return min(fits, key=lambda fit: fit[:3])[3]


def _misfit(tag: str, wanted: str, primary: str) -> int:
    return 0 if tag == wanted else 1 if tag == primary else 2
