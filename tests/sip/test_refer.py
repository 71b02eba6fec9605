"""The course of a transfer (RFC 3515), each second of it by hand."""

import pytest

from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import Request, Response, build_request
from movoice_box.sip.refer import Done, Report, Transfer, is_report, refer_headers
from tests.sip.harness import Harness

TO = "+14155550100"


def a_report(status_line: str, state: str = "active;expires=60", event: str = "refer") -> Request:
    headers = [("Event", event), ("Subscription-State", state)]
    return build_request("NOTIFY", parse_uri("sip:b@h"), headers, sdp=status_line.encode())


def a_transfer(status: int = 202, phrase: str = "Accepted") -> tuple[Transfer, Harness]:
    transfer = Transfer(TO)
    harness = Harness(transfer)
    harness.perform(transfer.on_response(Response(status=status, phrase=phrase)))
    return transfer, harness


def hear(transfer: Transfer, harness: Harness, *reports: Request) -> list[object]:
    return [
        action
        for report in reports
        for action in harness.perform(transfer.on_report(Report.of(report)))
    ]


def test_number_that_answers_is_a_success() -> None:
    transfer, harness = a_transfer()

    heard = hear(
        transfer,
        harness,
        a_report("SIP/2.0 100 Trying\r\n"),
        a_report("SIP/2.0 180 Ringing\r\n"),
        a_report("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"),
    )

    assert heard == [Done()]
    assert harness.running_timers == set()


@pytest.mark.parametrize(
    ("line", "state", "why"),
    [
        ("SIP/2.0 486 Busy Here", "terminated", f"the transfer to {TO} failed: 486 Busy Here"),
        ("SIP/2.0 603", "active", f"the transfer to {TO} failed: 603"),
        ("SIP/2.0 180 Ringing", "terminated;reason=giveup", "stopped reporting"),
        ("nonsense", "Terminated", "stopped reporting"),
    ],
)
def test_number_that_does_not_answer_is_a_failure(line: str, state: str, why: str) -> None:
    transfer, harness = a_transfer()

    (done,) = hear(transfer, harness, a_report(line, state))

    assert isinstance(done, Done)
    assert why in done.failure


@pytest.mark.parametrize(
    ("status", "phrase", "why"),
    [
        (603, "Decline", f"the far end refused to transfer the call to {TO}: 603 Decline"),
        (403, "", f"the far end refused to transfer the call to {TO}: 403"),
        (405, "No", "the far end cannot transfer calls: it answered REFER with 405 No"),
        (501, "No", "the far end cannot transfer calls: it answered REFER with 501 No"),
    ],
)
def test_refusal_says_what_the_far_end_said(status: int, phrase: str, why: str) -> None:
    _, harness = a_transfer(status, phrase)

    assert harness.actions == [Done(why, is_refused=True)]


@pytest.mark.parametrize("status", [408, 481])
def test_call_that_the_far_end_has_lost_is_no_refusal(status: int) -> None:
    _, harness = a_transfer(status)

    (done,) = harness.actions
    assert isinstance(done, Done)
    assert (bool(done.failure), done.is_refused) == (True, False)


def test_silence_after_the_202_is_a_failure() -> None:
    _, harness = a_transfer()

    assert harness.pass_time(31.9) == []
    (done,) = harness.pass_time(0.1)

    assert isinstance(done, Done)
    assert "no word of the transfer" in done.failure


def test_ringing_number_gets_its_time() -> None:
    transfer, harness = a_transfer()
    harness.pass_time(30)
    hear(transfer, harness, a_report("SIP/2.0 180 Ringing"))

    assert harness.pass_time(179) == []
    assert hear(transfer, harness, a_report("SIP/2.0 200 OK")) == [Done()]


def test_bye_after_the_202_is_a_success_and_before_it_a_failure() -> None:
    accepted, harness = a_transfer()
    asked = Transfer(TO)

    assert harness.perform(accepted.on_bye()) == [Done()]
    assert "the call ended" in str(asked.on_bye()[-1])


def test_report_may_overtake_the_202() -> None:
    transfer = Transfer(TO)
    harness = Harness(transfer)

    hear(transfer, harness, a_report("SIP/2.0 100 Trying"))
    harness.perform(transfer.on_response(Response(status=202)))

    assert hear(transfer, harness, a_report("SIP/2.0 200 OK")) == [Done()]


def test_nothing_counts_after_the_outcome() -> None:
    transfer, harness = a_transfer(603)

    harness.perform(transfer.on_response(Response(status=202)))
    harness.perform(transfer.on_failure())
    harness.perform(transfer.on_bye())
    hear(transfer, harness, a_report("SIP/2.0 200 OK"))

    assert len(harness.actions) == 1


def test_refer_says_where_to_and_who_asks() -> None:
    headers = refer_headers(parse_uri("sip:+1415@gw"), '"Box" <sip:box@gw>;tag=1')

    assert headers == [("Refer-To", "<sip:+1415@gw>"), ("Referred-By", "<sip:box@gw>")]


@pytest.mark.parametrize(
    ("event", "is_one"), [("refer", True), ("Refer;id=2", True), ("message-summary", False)]
)
def test_only_reports_of_a_refer_count(event: str, is_one: bool) -> None:
    assert is_report(a_report("SIP/2.0 200 OK", event=event)) is is_one
