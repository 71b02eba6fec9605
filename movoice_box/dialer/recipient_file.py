"""Recipients from a CSV file as owners really have them: any encoding, separator and columns."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import InputError

PHONE = "phone"
MAX_BYTES = 200 * 1024 * 1024
_PHONE_HEADER = re.compile(
    r"phone|mobile|cell|msisdn|whatsapp|contact.?(no|num)|\btel\b|telephone", re.IGNORECASE
)
_EXTENSION_HEADER = re.compile(r"\bext(ension|n)?\b", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One recipient as given, before anything was checked."""

    phone: str
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class RecipientFile:
    """A table: `columns` are the names of the first row, made unique; `rows` hold the rest."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, data: bytes, country: str | None = None) -> "RecipientFile":
        """Read UTF-8 (with or without BOM), UTF-16 or Windows-1252; `,` `;` tab; quoted newlines.

        With `country`, a first row that holds a phone number names no columns: it is a person
        already, and the columns are `phone`, or `column 1` and so on where there are several.
        Raises `InputError` naming the row where the file cannot be read.
        """
        text = _decode(data)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        lines = list(_lines(reader))
        if not lines:
            raise InputError("the file is empty: its first row must name the columns", field="file")
        if country and any(_is_number(value, country) for value in lines[0]):
            lines.insert(0, [PHONE] if len(lines[0]) == 1 else [""] * len(lines[0]))
        header, *rows = lines
        columns = _unique(header)
        for number, row in enumerate(rows, start=1):
            if len(row) > len(columns):
                raise InputError(
                    f"row {number} has {len(row)} values, the first row names {len(columns)} "
                    "columns: is a value with the separator in it not in quotes?",
                    field="file",
                    row=number,
                )
        width = len(columns)
        padded = (tuple(row) + ("",) * (width - len(row)) for row in rows)
        return cls(columns, tuple(row[:width] for row in padded))

    def guess_mapping(self, variables: Sequence[str]) -> dict[str, str]:
        """Column to variable where the names agree, and the likeliest phone column to `phone`."""
        wanted = {_plain(variable): variable for variable in variables if variable != PHONE}
        mapping = {
            column: wanted[_plain(column)] for column in self.columns if _plain(column) in wanted
        }
        phone = self._likeliest_phone_column(set(mapping))
        return {**mapping, phone: PHONE} if phone else mapping

    def recipients(self, mapping: Mapping[str, str]) -> list[RecipientRow]:
        """The rows as recipients. `mapping` is from column to variable; one column is `phone`.

        Raises `InputError` when it names an unknown column or none is the phone.
        """
        for column in mapping:
            if column not in self.columns:
                raise InputError(
                    f"mapping names the column '{column}', the file has: {', '.join(self.columns)}",
                    field="mapping",
                )
        places = [(self.columns.index(column), name) for column, name in mapping.items() if name]
        phones = [place for place, name in places if name == PHONE]
        if len(phones) != 1:
            raise InputError(
                f"mapping must send exactly one column to '{PHONE}', it sends {len(phones)}",
                field="mapping",
            )
        others = [(place, name) for place, name in places if name != PHONE]
        return [
            RecipientRow(
                row[phones[0]].strip(), {name: row[place].strip() for place, name in others}
            )
            for row in self.rows
        ]

    def _likeliest_phone_column(self, taken: set[str]) -> str | None:
        free = [column for column in self.columns if column not in taken]
        named = [
            column
            for header in (_PHONE_HEADER, _EXTENSION_HEADER)
            for column in free
            if header.search(column)
        ]
        return next(
            iter(named or (column for column in free if self._looks_dialable(column))), None
        )

    def _looks_dialable(self, column: str) -> bool:
        place = self.columns.index(column)
        values = [row[place] for row in self.rows[:50] if row[place].strip()]
        digits = [re.sub(r"\D", "", value) for value in values]
        return bool(values) and sum(8 <= len(one) <= 15 for one in digits) * 2 > len(values)


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise InputError(
            f"the file has {len(data) // 2**20} MB, at most {MAX_BYTES // 2**20} are read",
            field="file",
        )
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _decoded(data, encoding)
    if data[1:2] == b"\0":
        return _decoded(data, "utf-16-le")
    if data[:1] == b"\0":
        return _decoded(data, "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data, "cp1252")


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file is not {encoding.upper()} text from byte {error.start} on: "
            "save it as CSV UTF-8",
            field="file",
        ) from None


def _delimiter(text: str) -> str:
    """The separator that the first row uses most, outside quotes."""
    first = re.sub(r'"[^"]*"', "", text.lstrip().split("\n", 1)[0])
    return max(",;\t", key=first.count)


def _lines(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows that hold anything; raises `InputError` with the row where quoting breaks."""
    number = 0
    try:
        for line in reader:
            if any(value.strip() for value in line):
                yield line
                number += 1
    except csv.Error as error:
        raise InputError(
            f"row {number} cannot be read: {error}", field="file", row=number
        ) from None


def _unique(header: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for place, name in enumerate(header, start=1):
        base = " ".join(name.split()) or f"column {place}"
        copies = sum(other == base or other.startswith(f"{base} (") for other in names)
        names.append(f"{base} ({copies + 1})" if copies else base)
    return tuple(names)


def _is_number(text: str, country: str) -> bool:
    try:
        PhoneNumber.parse(text, country)
    except InputError:
        return False
    return True


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()
