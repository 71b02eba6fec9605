"""What an agent says where its owner wrote nothing, by language."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    opted_out: str
    wrong_key: str
    no_input_goodbye: str
    transfer_failed: str


_ENGLISH = Phrases(
    opted_out="You will not be called again. Goodbye.",
    wrong_key="Sorry, that is not one of the choices.",
    no_input_goodbye="I did not receive an answer. Goodbye.",
    transfer_failed="Sorry, nobody can take the call now. Goodbye.",
)
_HINDI = Phrases(
    opted_out="आपको दोबारा कॉल नहीं किया जाएगा। धन्यवाद।",
    wrong_key="माफ़ कीजिए, यह विकल्प उपलब्ध नहीं है।",
    no_input_goodbye="हमें आपका जवाब नहीं मिला। धन्यवाद।",
    transfer_failed="माफ़ कीजिए, इस समय कोई उपलब्ध नहीं है। धन्यवाद।",
)


def phrases_for(language: str) -> Phrases:
    """`language` is a BCP 47 tag; English where there are none in it."""
    return _HINDI if language.lower().partition("-")[0] == "hi" else _ENGLISH
