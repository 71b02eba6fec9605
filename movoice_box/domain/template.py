"""`{{variable}}` templates, as owners write them in greetings, questions and summaries."""

import re
from collections.abc import Callable, Iterable, Mapping

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def variables_in(texts: Iterable[str]) -> list[str]:
    """The variables that `texts` use, each once, in order of appearance."""
    return list(dict.fromkeys(name for text in texts for name in _VARIABLE.findall(text)))


def fill(
    text: str, values: Mapping[str, str], write: Callable[[str], str] = lambda value: value
) -> str:
    """Replace each `{{variable}}` by its value passed through `write`; a missing one by nothing.

    Values are data: braces inside a value are never expanded.
    """
    filled = _VARIABLE.sub(lambda match: write(values.get(match[1], "")), text)
    return " ".join(filled.split())
