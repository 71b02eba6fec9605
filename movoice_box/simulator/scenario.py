"""Who lives at which number: by number, by its last digits, or by lot."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from movoice_box.domain.document import Fields
from movoice_box.errors import InputError
from movoice_box.simulator.callees import CALLEES, Callee, read_callee

_SUBSCRIBER_DIGITS = 10  # what is left of a number however it was written: +91, 0, 0091 or bare


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Names of callees: `numbers` wins over `endings`, the longest ending over shorter ones.

    All other numbers draw from `mix` by weight; the lot of a number is always the same.
    """

    numbers: Mapping[str, str] = field(default_factory=dict)
    endings: Mapping[str, str] = field(default_factory=dict)
    mix: Mapping[str, int] = field(default_factory=lambda: {"presses_1": 1})
    callees: Mapping[str, Callee] = field(default_factory=lambda: CALLEES)

    def callee_for(self, number: str) -> Callee:
        return self.callees[self.name_for(number)]

    def name_for(self, number: str) -> str:
        """The name of the callee at `number`, in any writing."""
        subscriber = _subscriber(number)
        for listed, name in self.numbers.items():
            if _subscriber(listed) == subscriber:
                return name
        for ending in sorted(self.endings, key=len, reverse=True):
            if subscriber.endswith(ending):
                return self.endings[ending]
        return self._draw(subscriber)

    def _draw(self, subscriber: str) -> str:
        digest = hashlib.sha256(subscriber.encode()).digest()
        lot = int.from_bytes(digest[:8], "big") % sum(self.mix.values())
        for name, weight in self.mix.items():
            if lot < weight:
                return name
            lot -= weight
        raise AssertionError("a lot is below the sum of the weights")


SCENARIOS = {
    "payment-demo": Scenario(
        numbers={
            "+919876543210": "presses_1",
            "+919876543211": "interrupts_2",
            "+919876543212": "busy",
        }
    ),
    "all-answer": Scenario(),
    "mixed": Scenario(
        mix={
            "hurries_1": 26,
            "interrupts_1": 18,
            "interrupts_2": 14,
            "interrupts_3": 6,
            "interrupts_9": 4,
            "presses_1": 2,
            "hangs_up": 4,
            "busy": 9,
            "declines": 6,
            "no_answer": 4,
            "switched_off": 3,
            "wrong_number": 3,
            "rings_out": 1,
        }
    ),
    "busy": Scenario(mix={"busy": 1}),
    "no-answer": Scenario(mix={"no_answer": 1}),
    "silent": Scenario(mix={"silent": 1}),
    "announcements": Scenario(
        mix={"announced_off": 4, "announced_unknown": 2, "busy_tone": 2, "early_media": 2}
    ),
}
"""Scenarios that the command line knows by name."""


def load_scenario(name: str) -> Scenario:
    """A scenario by name, or the YAML or JSON file of that path. Raises `InputError`."""
    if name in SCENARIOS:
        return SCENARIOS[name]
    file = Path(name)
    if not file.is_file():
        raise InputError(
            f"'{name}' is neither a file nor one of {', '.join(SCENARIOS)}", field="scenario"
        )
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        return _read(document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{file} cannot be read: {error}", field="scenario") from error
    except InputError as error:
        raise InputError(f"{file}: {error.message}", field=error.field) from None


def _read(document: object) -> Scenario:
    described = document.pop("callees", None) or {} if isinstance(document, dict) else {}
    if not isinstance(described, Mapping):
        raise InputError("callees must be a mapping from names to callees", field="callees")
    callees = {
        **CALLEES,
        **{
            str(name): read_callee(Fields(it, f"callees.{name}.")) for name, it in described.items()
        },
    }
    fields = Fields(document)
    numbers, endings = fields.text_map("numbers"), fields.text_map("endings")
    weights = fields.text_map("mix") or {"presses_1": "1"}
    fields.done()
    mix = {name: _weight(fields, name, text) for name, text in weights.items()}
    for part, names in (("numbers", numbers.values()), ("endings", endings.values()), ("mix", mix)):
        for name in names:
            if name not in callees:
                raise fields.error(part, f"names '{name}': no such callee")
    return Scenario(numbers=numbers, endings=endings, mix=mix, callees=callees)


def _weight(fields: Fields, name: str, text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII):
        raise fields.error(f"mix.{name}", "must be a whole number from 1 to 999999")
    return int(text)


def _subscriber(number: str) -> str:
    return re.sub(r"\D", "", number)[-_SUBSCRIBER_DIGITS:]
