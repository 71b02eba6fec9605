from collections import Counter
from pathlib import Path

import pytest

from movoice_box.domain.early_media import EarlySound
from movoice_box.errors import InputError
from movoice_box.simulator.callees import CALLEES, Callee, Step
from movoice_box.simulator.scenario import SCENARIOS, Scenario, load_scenario

FILE = """
callees:
  pays:
    ring_ms: 100
    steps:
      - {press: "1", speech_ms: 300, silence_ms: 0}
      - {say: "Thank you", hangs_up: true}
  deaf: {status: false}
  gone: {status: 480, tone: special_information, announcement: "No such number"}
numbers: {"+919876543210": pays, "098765 43211": deaf}
endings: {"7": gone, "00": busy, "500": declines}
mix: {silent: 3, pays: 1}
"""


def _file(folder: Path, text: str) -> str:
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("writing", ["+919876543210", "919876543210", "09876543210", "9876543210"])
def test_a_number_is_found_however_the_trunk_writes_it(writing: str) -> None:
    scenario = Scenario(numbers={"+91 98765 43210": "busy"})
    assert scenario.name_for(writing) == "busy"


def test_a_file_describes_callees_numbers_endings_and_the_rest(tmp_path: Path) -> None:
    scenario = load_scenario(_file(tmp_path, FILE))
    pays = Callee(
        ring_ms=100,
        steps=(
            Step(press="1", speech_ms=300, silence_ms=0),
            Step(say="Thank you", hangs_up=True),
        ),
    )
    assert scenario.callee_for("+919876543210") == pays
    assert scenario.callee_for("+919876543211").status is None
    assert scenario.callee_for("+919876500500") == CALLEES["declines"]
    assert scenario.callee_for("+919876500600") == CALLEES["busy"]
    assert scenario.callee_for("+919876500007") == Callee(
        status=480, tone=EarlySound.SPECIAL_INFORMATION, announcement="No such number"
    )
    drawn = Counter(scenario.name_for(f"+9198760{number:05d}1") for number in range(1_000))
    assert 700 < drawn["silent"] < 800
    assert drawn["silent"] + drawn["pays"] == 1_000


def test_a_number_always_draws_the_same_lot() -> None:
    numbers = [f"+9198765{number:05d}" for number in range(50)]
    first = [SCENARIOS["mixed"].name_for(number) for number in numbers]
    assert first == [SCENARIOS["mixed"].name_for(number) for number in numbers]
    assert len(set(first)) > 5


@pytest.mark.parametrize("name", SCENARIOS)
def test_named_scenarios_name_known_callees(name: str) -> None:
    scenario = load_scenario(name)
    named = {*scenario.numbers.values(), *scenario.endings.values(), *scenario.mix}
    assert named <= set(scenario.callees)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("numbers: {'1': nobody}", "numbers names 'nobody': no such callee"),
        ("endings: {'1': nobody}", "endings names 'nobody'"),
        ("mix: {nobody: 1}", "mix names 'nobody'"),
        ("mix: {busy: 0}", "mix.busy must be a whole number"),
        ("mix: [busy]", "mix must be a mapping"),
        ("callees: [busy]", "callees must be a mapping"),
        ("callees: {a: {status: 302}}", "callees.a.status (302) must be false"),
        ("callees: {a: {ring_ms: -1}}", "callees.a.ring_ms must be a whole number"),
        ("callees: {a: {steps: [{press: x}]}}", "callees.a.steps[0].press 'x' must be keys"),
        ("callees: {a: {tone: jingle}}", "callees.a.tone ('jingle') must be one of ringback"),
        ("callees: {a: {sings: true}}", "callees.a.sings is not a field"),
        ("colour: red", "colour is not a field"),
        ("numbers: {", "cannot be read"),
        ("just text", "must be a mapping"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    assert complaint in caught.value.message
    assert path in caught.value.message


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="'friday' is neither a file nor one of payment-demo"):
        load_scenario("friday")
