"""`{{variable}}` templates, as owners write them in greetings, questions and summaries."""

import re
from collections.abc import Iterable, Mapping

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def variables_in(texts: Iterable[str]) -> list[str]:
    """The variables that `texts` use, each once, in order of appearance."""
    return list(dict.fromkeys(name for text in texts for name in _VARIABLE.findall(text)))


def is_well_formed(text: str) -> bool:
    """Whether every pair of braces belongs to a `{{variable}}`."""
    rest = _VARIABLE.sub("", text)
    return "{{" not in rest and "}}" not in rest


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace each `{{variable}}` by its value; a missing one by nothing. Runs of space become one.

    Values are data: braces inside a value are never expanded.
    """
    return " ".join(_VARIABLE.sub(lambda match: values.get(match[1], ""), text).split())
