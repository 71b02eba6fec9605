"""The ports of a GSM gateway: named channels, each with a SIM and what may be asked of it."""

import re
from dataclasses import dataclass

from movoice_box.errors import InputError

_NAME = re.compile(r"[^\s/][^/\n\r]{0,39}")
_PREFIX = re.compile(r"[0-9+*#]{0,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GsmPort:
    """One port carries one call at a time. The gateway chooses it by the `prefix` of the number.

    Zero means without a limit: `calls_per_day`, `minutes_per_day` (talk time, rounded up per call),
    `gap_s` between the end of a call and the next, and `rest_after_calls` calls in a row without
    any answer, after which the port cools down for `rest_minutes`. Days are the box's own.
    Raises `InputError` naming the field.
    """

    name: str
    prefix: str = ""
    calls_per_day: int = 0
    minutes_per_day: int = 0
    gap_s: int = 0
    rest_after_calls: int = 10
    rest_minutes: int = 30

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"ports: a name ('{self.name}') must be 1 to 40 characters", field="ports"
            )
        if not _PREFIX.fullmatch(self.prefix):
            raise InputError(
                f"ports: prefix of '{self.name}' must be up to 16 of the digits, +, * and #",
                field="ports",
            )
        ranges = {
            "calls_per_day": 10_000,
            "minutes_per_day": 1_440,
            "gap_s": 3_600,
            "rest_after_calls": 1_000,
            "rest_minutes": 1_440,
        }
        for field, most in ranges.items():
            if not 0 <= getattr(self, field) <= most:
                raise InputError(
                    f"ports: {field} of '{self.name}' must be from 0 to {most}", field="ports"
                )
