from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movoice_box.domain.agent import Agent, OptOut
from movoice_box.errors import InputError

ANSWER = {"keys": "1", "outcome": "BOOKED"}
QUESTION = {"id": "q", "ask": "Come?", "answers": [ANSWER]}
DOCUMENT: dict[str, Any] = {
    "name": "Note",
    "greeting": "Hello {{name}}.",
    "questions": [QUESTION],
    "outcomes": ["BOOKED"],
}


def an_answer(**changes: object) -> dict[str, object]:
    return {"questions": [{**QUESTION, "answers": [{**ANSWER, **changes}]}]}


def read(**changes: object) -> Agent:
    return Agent.from_document({**DOCUMENT, **changes})


def test_what_is_left_out_has_a_default() -> None:
    agent = read()
    assert agent.language == "en-IN"
    assert agent.opt_out == OptOut(key="9", reply="You will not be called again. Goodbye.")
    assert agent.questions[0].answers[0].label == "1"
    assert agent.questions[0].answers[0].next == "end"


def test_a_document_written_out_reads_back_the_same() -> None:
    agent = read(opt_out=False, **an_answer(collect={"when": "{{key}}"}, reply="Fine."))
    assert Agent.from_document(agent.to_document()) == agent


def test_a_hindi_agent_apologises_in_hindi() -> None:
    agent = read(language="hi-IN", no_input={"wait_s": 4})
    assert agent.no_input.goodbye.startswith("हमें")
    assert agent.opt_out is not None
    assert agent.opt_out.reply.startswith("आपको")


def test_numbers_are_taken_for_text() -> None:
    assert read(**an_answer(keys=12)).questions[0].answers[0].keys == "12"


def test_recipients_bring_what_is_not_collected() -> None:
    second = {"id": "r", "ask": "{{rating}} of 5? {{other}}", "answers": [{"keys": "1"}]}
    first = {**QUESTION, "answers": [{"keys": "5", "collect": {"rating": "{{key}}"}, "next": "r"}]}
    assert read(questions=[first, second]).variables == ["name", "other"]


def test_a_variable_of_the_opening_is_brought_even_when_it_is_collected_later() -> None:
    agent = read(greeting="Hello {{name}}, {{rating}}?", **an_answer(collect={"rating": "5"}))
    assert agent.variables == ["name", "rating"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"greeting": None}, "greeting"),
        ({"greeting": "x" * 2001}, "greeting"),
        ({"greeting": True}, "greeting"),
        ({"greeting": "Hello {{name"}, "greeting"),
        ({"greeting": "Hello {{}}"}, "greeting"),
        ({"greeting": "You pressed {{key}}"}, "greeting"),
        ({"language": "English (India)"}, "language"),
        ({"words_per_minute": 500}, "words_per_minute"),
        ({"max_duration_s": 1.5}, "max_duration_s"),
        ({"record": "yes"}, "record"),
        ({"colour": "red"}, "colour"),
        ({"questions": "none"}, "questions"),
        ({"questions": [1]}, "questions[0]"),
        ({"questions": [{"id": "q", "ask": "?"}]}, "questions[0].answers"),
        ({"questions": [{**QUESTION, "id": "end"}]}, "questions[0].id"),
        ({"questions": [QUESTION, QUESTION]}, "questions[1].id"),
        ({"questions": [QUESTION, {**QUESTION, "id": "r"}]}, "questions[1].id"),
        ({"questions": [{**QUESTION, "reprompt": "{{key}}?"}]}, "questions[0].reprompt"),
        ({"questions": [{**QUESTION, "answers": [ANSWER, ANSWER]}]}, "questions[0].answers"),
        (an_answer(keys="x"), "questions[0].answers[0].keys"),
        (an_answer(keys="11"), "questions[0].answers"),
        (an_answer(keys="19"), "questions[0].answers[0].keys"),
        (an_answer(outcome="LOST"), "questions[0].answers[0].outcome"),
        (an_answer(next="nowhere"), "questions[0].answers[0].next"),
        (an_answer(collect=["x"]), "questions[0].answers[0].collect"),
        (an_answer(collect={"x": None}), "questions[0].answers[0].collect.x"),
        (an_answer(collect={"": "x"}), "questions[0].answers[0].collect"),
        (an_answer(collect={"key": "x"}), "questions[0].answers[0].collect"),
        (an_answer(collect={"x": "{{"}), "questions[0].answers[0].collect.x"),
        (an_answer(reply="}}"), "questions[0].answers[0].reply"),
        ({"outcomes": ["booked"]}, "outcomes[0]"),
        ({"outcomes": ["BOOKED", "BOOKED"]}, "outcomes[1]"),
        ({"outcomes": [None]}, "outcomes[0]"),
        ({"opt_out": True}, "opt_out"),
        ({"opt_out": {"key": "99"}}, "opt_out.key"),
        ({"no_input": {"wait_s": 0}}, "no_input.wait_s"),
        ({"no_input": {"patience": 1}}, "no_input.patience"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        read(**changes)
    assert caught.value.field == field
    assert field in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=8), items),
    max_leaves=8,
)
NEARLY_RIGHT = JSON | st.sampled_from(["{{name}}", "{{", "1", "9", "q", "end", "BOOKED", ""])
ANSWERS = st.fixed_dictionaries(
    {"keys": NEARLY_RIGHT},
    optional={
        "label": NEARLY_RIGHT,
        "outcome": NEARLY_RIGHT,
        "summary": NEARLY_RIGHT,
        "collect": NEARLY_RIGHT,
        "reply": NEARLY_RIGHT,
        "next": NEARLY_RIGHT,
    },
)
QUESTIONS = st.fixed_dictionaries(
    {"id": NEARLY_RIGHT, "ask": NEARLY_RIGHT, "answers": st.lists(ANSWERS, max_size=2) | JSON}
)
DOCUMENTS = st.fixed_dictionaries(
    {"name": NEARLY_RIGHT, "greeting": NEARLY_RIGHT},
    optional={
        "questions": st.lists(QUESTIONS, max_size=2) | JSON,
        "outcomes": st.just(["BOOKED"]) | JSON,
        "opt_out": JSON,
        "no_input": JSON,
        "language": JSON,
        "words_per_minute": JSON,
        "max_duration_s": JSON,
        "record": JSON,
    },
)


def read_or_field(document: object) -> Agent | str | None:
    try:
        return Agent.from_document(document)
    except InputError as error:
        return error.field


@settings(deadline=None, max_examples=400)
@given(JSON | DOCUMENTS)
def test_any_document_is_an_agent_or_an_error_that_names_a_field(document: object) -> None:
    result = read_or_field(document)
    assert result
    assert isinstance(result, str) or read_or_field(result.to_document()) == result


def _transferring(**changes: object) -> Agent:
    answer = {"keys": "1", "transfer": "+919800000000", **changes}
    return read(questions=[{**QUESTION, "answers": [answer]}])


def test_a_row_brings_the_number_that_takes_over() -> None:
    assert _transferring(transfer="{{desk}}").variables == ["name", "desk"]


@pytest.mark.parametrize("to", ["+919800000000", "201", "{{desk}}"])
def test_a_number_an_extension_and_a_variable_may_take_over(to: str) -> None:
    agent = _transferring(transfer=to)
    assert Agent.from_document(agent.to_document()).questions[0].answers[0].transfer == to


@pytest.mark.parametrize(
    "changes",
    [
        {"transfer": "09800000000"},
        {"transfer": "the desk"},
        {"transfer": "{{desk"},
        {"outcome": "BOOKED"},
        {"summary": "Done."},
        {"next": "q"},
    ],
)
def test_a_transfer_that_cannot_be_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InputError) as refusal:
        _transferring(**changes)
    assert refusal.value.field == "questions[0].answers[0].transfer"
