"""What an examination finds: one line each, and what to do where something is wrong."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"  # a fact that is neither good nor bad
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`topic` is one word such as "OPTIONS"; `advice` says what to change, and where."""

    level: Level
    topic: str
    text: str
    advice: str = ""


def ok(topic: str, text: str) -> Finding:
    return Finding(level=Level.OK, topic=topic, text=text)


def note(topic: str, text: str, advice: str = "") -> Finding:
    return Finding(level=Level.NOTE, topic=topic, text=text, advice=advice)


def warning(topic: str, text: str, advice: str = "") -> Finding:
    return Finding(level=Level.WARNING, topic=topic, text=text, advice=advice)


def failure(topic: str, text: str, advice: str = "") -> Finding:
    return Finding(level=Level.FAILURE, topic=topic, text=text, advice=advice)
