import pytest

from movoice_box.errors import SpeechError
from movoice_box.voice.speech.espeak_voices import EspeakVoice, nearest_voice

BRITISH = EspeakVoice("gmw/en", "English (Great Britain)", ((2, "en-gb"), (2, "en")))
AMERICAN = EspeakVoice("gmw/en-US", "English (America)", ((2, "en-us"), (3, "en")))
CARIBBEAN = EspeakVoice("gmw/en-029", "English (Caribbean)", ((5, "en-029"), (10, "en")))
HINDI = EspeakVoice("inc/hi", "Hindi", ((5, "hi"),))
MBROLA_HINDI = EspeakVoice("mb/mb-in1", "hindi-mbrola-1", ((1, "hi"),))
CHINESE = EspeakVoice("sit/cmn", "Chinese", ((5, "cmn"), (5, "zh-cmn")))
VOICES = (MBROLA_HINDI, CARIBBEAN, AMERICAN, BRITISH, HINDI, CHINESE)


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("en-US", AMERICAN),
        ("en-GB", BRITISH),
        ("en-IN", BRITISH),  # none of its own: what espeak-ng calls plain English
        ("en", BRITISH),
        ("EN-us", AMERICAN),
        ("hi-IN", HINDI),  # the better one needs data that is not there
        ("zh-CN", CHINESE),
    ],
)
def test_the_nearest_voice_speaks(language: str, voice: EspeakVoice) -> None:
    assert nearest_voice(language, VOICES) == voice


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(SpeechError, match="no voice for 'xx-YY'; it has cmn, en, hi"):
        nearest_voice("xx-YY", VOICES)
