"""Reading owner-written documents (YAML, JSON) field by field, with errors that say where."""

from collections.abc import Mapping, Sequence
from typing import Any

from movoice_box.errors import InputError

_LONGEST_TEXT = 2_000  # characters; two minutes of speech


class Fields:
    """The fields of one mapping. Each is read once; `done` refuses what no one read.

    `path` is where the mapping stands, such as `questions[0].`; all methods raise `InputError`
    with the full path as `field`.
    """

    def __init__(self, document: object, path: str = "") -> None:
        if not isinstance(document, Mapping):
            name = path.rstrip(".") or "document"
            raise InputError(f"{name} must be a mapping of fields", field=name)
        self._left: dict[Any, Any] = dict(document)
        self._path = path

    def text(self, name: str, default: str | None = None) -> str:
        """Text without the space around it; one that is empty counts as missing."""
        value = self._left.pop(name, None)
        if value is None:
            return self._default(name, default)
        return self._as_text(name, value) or self._default(name, default)

    def optional_text(self, name: str) -> str | None:
        return self.text(name, "") or None

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(name, f"must be a whole number from {low} to {high}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise self.error(name, "must be true or false")
        return value

    def is_off(self, name: str) -> bool:
        """Whether an optional part is turned off by `name: false`."""
        return self._left.get(name) is False and self._left.pop(name) is False

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(
            self._item(f"{name}[{index}]", item) for index, item in enumerate(self._list(name))
        )

    def text_map(self, name: str) -> dict[str, str]:
        value = self._left.pop(name, None) or {}
        if not isinstance(value, Mapping):
            raise self.error(name, "must be a mapping of names to text")
        return {
            self._item(name, key): self._item(f"{name}.{key}", item) for key, item in value.items()
        }

    def group(self, name: str) -> "Fields":
        return Fields(self._left.pop(name, None) or {}, f"{self._path}{name}.")

    def groups(self, name: str) -> list["Fields"]:
        return [
            Fields(item, f"{self._path}{name}[{index}].")
            for index, item in enumerate(self._list(name))
        ]

    def done(self) -> None:
        for name in self._left:
            raise self.error(str(name), "is not a field that is known here")

    def error(self, name: str, problem: str) -> InputError:
        return InputError(f"{self._path}{name} {problem}", field=f"{self._path}{name}")

    def _list(self, name: str) -> Sequence[object]:
        value = self._left.pop(name, None) or []
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self.error(name, "must be a list")
        return value

    def _item(self, name: str, value: object) -> str:
        return self._as_text(name, value) or self._default(name, None)

    def _as_text(self, name: str, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(name, "must be text: put it in quotes")
        text = str(value).strip()
        if len(text) > _LONGEST_TEXT:
            raise self.error(name, f"is longer than {_LONGEST_TEXT} characters")
        return text

    def _default(self, name: str, default: str | None) -> str:
        if default is None:
            raise self.error(name, "is missing")
        return default
