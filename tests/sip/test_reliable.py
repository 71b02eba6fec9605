"""Which provisional responses are acknowledged by PRACK."""

import pytest

from movoice_box.sip.messages import Response
from movoice_box.sip.reliable import ReliableSequence, rack, rseq_of


def a_response(status: int = 183, *, tag: str = ";tag=t", **headers: str) -> Response:
    response = Response(status=status)
    response.headers.add("To", f"<sip:x@h>{tag}")
    for name, value in headers.items():
        response.headers.add(name, value)
    return response


@pytest.mark.parametrize("require", ["100rel", "timer, 100REL"])
def test_reliable_response_has_a_number(require: str) -> None:
    assert rseq_of(a_response(Require=require, RSeq=" 7 ")) == 7


@pytest.mark.parametrize(
    "response",
    [
        a_response(RSeq="7"),
        a_response(Require="timer", RSeq="7"),
        a_response(Require="100rel"),
        a_response(Require="100rel", RSeq="0"),
        a_response(Require="100rel", RSeq="4294967296"),
        a_response(Require="100rel", RSeq="-1"),
        a_response(100, Require="100rel", RSeq="7"),
        a_response(200, Require="100rel", RSeq="7"),
        a_response(tag="", Require="100rel", RSeq="7"),
        a_response(Require='"100rel', RSeq="7"),
    ],
)
def test_other_responses_have_none(response: Response) -> None:
    assert rseq_of(response) is None


def test_each_response_counts_once_and_in_order() -> None:
    sequence = ReliableSequence()

    assert [sequence.is_next(rseq) for rseq in (7, 7, 9, 8, 7, 9)] == [
        *(True, False, False),
        *(True, False, True),
    ]


def test_prack_names_what_it_acknowledges() -> None:
    assert rack(7, 2) == ("RAck", "7 2 INVITE")
