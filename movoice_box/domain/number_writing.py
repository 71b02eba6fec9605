"""How a trunk wants numbers written (ordinary PBX trunks refuse `+E.164`)."""

import re
from dataclasses import dataclass

from movoice_box.domain.phone import NumberFormat, PhoneNumber
from movoice_box.errors import InputError

_PREFIX = re.compile(r"[0-9+*#]{0,16}")
_WRITTEN = re.compile(r"[A-Za-z0-9+*#._~!&=$,;?/%@-]{1,128}")  # a SIP user part as it stands
_LONGEST_PATTERN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberWriting:
    r"""First the format, then the pattern with its replacement, then the (tech) prefix.

    `pattern` is a regular expression over the whole formatted number, `replacement` may use its
    groups as \1; a number that it does not match stays as it is. Extensions get none of it.
    Raises `InputError` naming the field.
    """

    number_format: NumberFormat = NumberFormat.E164
    pattern: str | None = None
    replacement: str = ""
    prefix: str = ""

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise InputError(
                f"number_prefix ('{self.prefix}') must be up to 16 of the digits, +, * and #",
                field="number_prefix",
            )
        if self.pattern is None:
            return
        if len(self.pattern) > _LONGEST_PATTERN:
            raise InputError(
                f"number_pattern must be up to {_LONGEST_PATTERN} characters",
                field="number_pattern",
            )
        try:
            compiled = re.compile(self.pattern, re.ASCII)
        except re.error as error:
            raise InputError(
                f"number_pattern ('{self.pattern}') is no regular expression: {error}",
                field="number_pattern",
            ) from None
        names = {number: f"?P<{name}>" for name, number in compiled.groupindex.items()}
        groups = "".join(f"({names.get(n, '')})" for n in range(1, compiled.groups + 1))
        try:
            re.sub(f"x{groups}", self.replacement, "x")
        except (re.error, IndexError) as error:
            raise InputError(
                f"number_replacement ('{self.replacement}') does not fit the pattern: {error}",
                field="number_replacement",
            ) from None

    def write(self, phone: PhoneNumber) -> str:
        """The user part of the Request-URI. Raises `InputError` where it could not be one."""
        if phone.is_extension:
            return phone.e164
        written = phone.written(self.number_format)
        if self.pattern and (match := re.fullmatch(self.pattern, written, re.ASCII)):
            written = match.expand(self.replacement)
        written = self.prefix + written
        if not _WRITTEN.fullmatch(written):
            raise InputError(
                f"the trunk's number rules turn {phone.e164} into '{written}', which cannot be "
                "dialed: see its number format",
                field="number_pattern",
            )
        return written
