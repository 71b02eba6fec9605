"""Reading owner-written documents (YAML, JSON) field by field, with errors that say where."""

from collections.abc import Mapping, Sequence
from typing import Any

from movoice_box.errors import InputError


class Fields:
    """The fields of one mapping. Each is read once; `done` refuses what no one read.

    `path` is where the mapping stands, such as `questions[0].`; all methods raise `InputError`
    with the full path as `field`.
    """

    def __init__(self, document: object, path: str = "") -> None:
        if not isinstance(document, Mapping):
            name = path.rstrip(".") or "the document"
            raise InputError(f"{name} must be a mapping of fields", field=path.rstrip(".") or None)
        self._left: dict[Any, Any] = dict(document)
        self._path = path

    def text(self, name: str, default: str | None = None) -> str:
        value = self._left.pop(name, None)
        if value is None or value == "":
            if default is None:
                raise self.error(name, "is missing")
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(name, "must be text")
        return str(value).strip()

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

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(
            self._text_item(name, index, item) for index, item in enumerate(self._list(name))
        )

    def text_map(self, name: str) -> dict[str, str]:
        value = self._left.pop(name, None) or {}
        if not isinstance(value, Mapping):
            raise self.error(name, "must be a mapping of names to text")
        return {str(key): str(item) for key, item in value.items()}

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

    def _text_item(self, name: str, index: int, item: object) -> str:
        if not isinstance(item, str) or not item.strip():
            raise self.error(f"{name}[{index}]", "must be text")
        return item.strip()
