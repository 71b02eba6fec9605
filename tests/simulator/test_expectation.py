import pytest

from movoice_box.domain.agent import Agent
from movoice_box.domain.call import UNANSWERED_OUTCOMES
from movoice_box.simulator.callees import CALLEES, REFUSALS, Callee, Step
from movoice_box.simulator.expectation import expected_disposition, expected_outcome
from movoice_box.sip.disposition import disposition_of
from tests.builders import an_agent

SURVEY = [
    {"id": "liked", "ask": "Liked?", "answers": [{"keys": "12345", "next": "again"}]},
    {
        "id": "again",
        "ask": "Again?",
        "answers": [{"keys": "1", "outcome": "BOOKED"}, {"keys": "2", "outcome": "REFUSED"}],
    },
]


def _agent(**changes: object) -> Agent:
    return an_agent(outcomes=["BOOKED", "REFUSED"], **changes)


def _presses(*keys: str) -> Callee:
    return Callee(steps=tuple(Step(press=key) for key in keys))


@pytest.mark.parametrize(
    ("callee", "outcome"),
    [
        (CALLEES["presses_1"], "BOOKED"),
        (CALLEES["interrupts_2"], "REFUSED"),
        (CALLEES["presses_9"], "OPTED_OUT"),
        (CALLEES["mistaken"], "BOOKED"),
        (CALLEES["silent"], "NO_INPUT"),
        (_presses("7", "7", "7"), "NO_INPUT"),
        (_presses("7", "7", "1"), "BOOKED"),
        (CALLEES["hangs_up"], "HUNG_UP"),
        (CALLEES["busy"], "BUSY"),
        (CALLEES["declines"], "REJECTED"),
        (CALLEES["no_answer"], "NO_ANSWER"),
        (CALLEES["rings_out"], "NO_ANSWER"),
        (CALLEES["wrong_number"], "INVALID_NUMBER"),
        (CALLEES["no_circuit"], "FAILED"),
        (CALLEES["announced_off"], "NO_ANSWER"),
        (CALLEES["announced_unknown"], "INVALID_NUMBER"),
        (CALLEES["busy_tone"], "BUSY"),
    ],
)
def test_a_callee_implies_an_outcome(callee: Callee, outcome: str) -> None:
    assert expected_outcome(callee, _agent()) == outcome


@pytest.mark.parametrize(
    ("callee", "outcome"),
    [
        (_presses("3", "2"), "REFUSED"),
        (_presses("31"), "BOOKED"),
        (_presses("3"), "NO_INPUT"),
        (Callee(steps=(Step(press="3"), Step(hangs_up=True))), "HUNG_UP"),
        (Callee(steps=(Step(press="3"), Step(press="1"), Step(hangs_up=True))), "BOOKED"),
    ],
)
def test_every_question_on_the_way_is_walked_through(callee: Callee, outcome: str) -> None:
    assert expected_outcome(callee, _agent(questions=SURVEY)) == outcome


def test_an_agent_whose_answers_set_no_outcome_completes() -> None:
    questions = [{"id": "q", "ask": "Well?", "answers": [{"keys": "1"}]}]
    assert expected_outcome(_presses("1"), _agent(questions=questions)) == "COMPLETED"


def test_without_an_opt_out_its_key_is_a_wrong_one() -> None:
    assert expected_outcome(_presses("9", "1"), _agent(opt_out=False)) == "BOOKED"


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("cause", [None, 1, 17, 18, 19, 20, 21, 27, 28, 34])
def test_the_network_means_to_the_box_what_the_simulator_means(
    status: int, cause: int | None
) -> None:
    expected = expected_disposition(Callee(status=status, q850_cause=cause))
    assert expected is disposition_of(status, cause)
    assert expected in UNANSWERED_OUTCOMES
