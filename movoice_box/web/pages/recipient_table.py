"""Lists as people bring them to the page: a file, or text pasted from anywhere."""

import re
from collections.abc import Sequence

from movoice_box.dialer.recipient_file import PHONE, RecipientFile
from movoice_box.errors import InputError

_SEPARATORS = re.compile(r"[,;\t\r\n]+")
_LIKE_A_NUMBER = re.compile(r"\+?[\d\s().-]{7,24}")


def pasted(text: str) -> bytes:
    """Pasted text as a file. Bare numbers may stand in lines or be separated in any way.

    Raises `InputError` when there is nothing.
    """
    pieces = [piece.strip() for piece in _SEPARATORS.split(text) if piece.strip()]
    if not pieces:
        raise InputError("paste at least one phone number, or choose a file", field="numbers")
    if all(_LIKE_A_NUMBER.fullmatch(piece) for piece in pieces):
        return "\n".join([PHONE, *pieces]).encode()
    return text.encode()


def read_mapping(
    file: RecipientFile, chosen: Sequence[str], variables: Sequence[str]
) -> dict[str, str]:
    """Column to variable, from the choice made for each column; an empty one leaves it out.

    Raises `InputError` when two columns are the same variable, or no column is the phone or one of
    the agent's `variables`.
    """
    mapping = {
        column: variable for column, variable in zip(file.columns, chosen, strict=True) if variable
    }
    for variable in mapping.values():
        columns = [column for column, used_as in mapping.items() if used_as == variable]
        if len(columns) > 1:
            raise InputError(
                f"the columns {' and '.join(columns)} cannot both be '{variable}'", field="mapping"
            )
    if PHONE not in mapping.values():
        raise InputError("choose the column that holds the phone numbers", field="mapping")
    if missing := [name for name in variables if name not in mapping.values()]:
        raise InputError(
            f"the agent says {', '.join(missing)}: choose the column for it", field="mapping"
        )
    return mapping


def preselect(file: RecipientFile, variables: Sequence[str]) -> dict[str, str]:
    """The likeliest mapping; a column that the agent does not use keeps its own name."""
    guessed = file.guess_mapping(variables)
    taken = {PHONE, *variables}
    return {
        column: guessed.get(column, "" if column in taken else column) for column in file.columns
    }
