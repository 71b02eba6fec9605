"""What a person typed into a form, read field by field; errors name the field."""

import re
from enum import StrEnum
from typing import TypeVar

from litestar.datastructures import UploadFile

from movoice_box.errors import InputError
from movoice_box.web.pages.view import PageRequest

_DECIMAL = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)

Choice = TypeVar("Choice", bound=StrEnum)


class Form:
    """The text fields of a form as they were typed, and its files."""

    def __init__(self, fields: dict[str, list[str]], files: dict[str, UploadFile]) -> None:
        self._fields = fields
        self.files = files

    @classmethod
    async def read(cls, request: PageRequest) -> "Form":
        form = await request.form()
        fields: dict[str, list[str]] = {}
        files: dict[str, UploadFile] = {}
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files[name] = value
            else:
                fields.setdefault(name, []).append(str(value))
        return cls(fields, files)

    @property
    def typed(self) -> dict[str, str]:
        """Every field once, to be shown again."""
        return {name: values[-1] for name, values in self._fields.items()}

    def keep(self, name: str, text: str) -> None:
        """Show `text` again as if it had been typed: browsers forget the files of a form."""
        self._fields[name] = [text]

    def text(self, name: str) -> str:
        return self._fields.get(name, [""])[-1].strip()

    def all(self, name: str) -> list[str]:
        """Every value of a field that may stand more than once, such as a row of checkboxes."""
        return self._fields.get(name, [])

    def is_checked(self, name: str) -> bool:
        return name in self._fields

    def needed(self, name: str, what: str) -> str:
        """Raises `InputError` when nothing was typed."""
        if not (text := self.text(name)):
            raise InputError(f"{what} is missing", field=name)
        return text

    def number(self, name: str, what: str, low: int, high: int) -> int:
        """Raises `InputError` for anything but a whole number from `low` to `high`."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise InputError(f"{what} must be a whole number from {low} to {high}", field=name)
        return int(text)

    def maybe_number(self, name: str, what: str, low: int, high: int) -> int | None:
        """`number`, or None when nothing was typed."""
        return self.number(name, what, low, high) if self.text(name) else None

    def maybe_decimal(self, name: str, what: str) -> float | None:
        """A number that need not be whole; None when nothing was typed. Raises `InputError`."""
        text = self.text(name).replace(",", ".")
        if not text:
            return None
        if not _DECIMAL.fullmatch(text):
            raise InputError(f"{what} must be a number such as 0.5", field=name)
        return float(text)

    def choice(self, name: str, what: str, kind: type[Choice]) -> Choice:
        """Raises `InputError` for anything but one of `kind`."""
        try:
            return kind(self.text(name))
        except ValueError:
            raise InputError(f"{what} must be one of {', '.join(kind)}", field=name) from None
