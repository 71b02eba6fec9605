"""Text as people write it -> the words that are spoken, in the agent's language."""

import re

_SENTENCE_END = re.compile(r"(?<=[.!?।])(?<!\b\w\.)\s+")  # not after an initial: "A. Kumar"


def spoken_text(text: str, language: str) -> str:
    return " ".join(text.split())


def sentences(spoken: str) -> list[str]:
    """Split at the ends of sentences. `spoken` comes from `spoken_text`: no abbreviations left."""
    return [sentence for sentence in _SENTENCE_END.split(spoken.strip()) if sentence]
