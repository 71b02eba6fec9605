"""Session timers by the tables of RFC 4028, each second of it by hand."""

import pytest

from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import HeaderList, Request, Response, build_request, response_to
from movoice_box.sip.session_timer import SessionExpires, SessionTimer, Step
from tests.sip.harness import Harness

HEADERS = [
    ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
    ("From", "<sip:a@h>;tag=a"),
    ("To", "<sip:b@h>;tag=b"),
    ("Call-ID", "c"),
    ("CSeq", "1 UPDATE"),
]


def a_request(expires: str = "", *, supports: bool = True, min_se: int = 0) -> Request:
    lines = [("Supported", "100rel, timer")] if supports else []
    if expires:
        lines.append(("Session-Expires", expires))
    if min_se:
        lines.append(("Min-SE", str(min_se)))
    return build_request("UPDATE", parse_uri("sip:b@h"), [*HEADERS, *lines])


def a_response(expires: str = "", status: int = 200, min_se: int = 0) -> Response:
    lines = [("Session-Expires", expires)] if expires else []
    if min_se:
        lines.append(("Min-SE", str(min_se)))
    return response_to(a_request(), status, headers=lines)


def a_session(answer: str) -> tuple[SessionTimer, Harness]:
    """After our INVITE was accepted with this Session-Expires."""
    session = SessionTimer()
    harness = Harness(session)
    harness.perform(session.on_accepted(a_response(answer)))
    return session, harness


def value(headers: HeaderList, name: str) -> str | None:
    return dict(headers).get(name)


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("1800", SessionExpires(1800)),
        ("90;refresher=uac", SessionExpires(90, "uac")),
        ("90 ; Refresher = UAS ;x=y", SessionExpires(90, "uas")),
        ("90;refresher=nobody", SessionExpires(90)),
        ("soon", None),
        ("", None),
    ],
)
def test_header_is_read(header: str, read: SessionExpires | None) -> None:
    assert SessionExpires.of(a_response(header)) == read


def test_first_invite_proposes_half_an_hour_and_leaves_the_refresher_open() -> None:
    headers = SessionTimer().request_headers()

    assert headers == [("Supported", "timer"), ("Session-Expires", "1800")]


def test_refresher_refreshes_at_half_and_gives_up_32_seconds_before_the_end() -> None:
    _, harness = a_session("1800;refresher=uac")

    harness.pass_time(1800)

    assert harness.done == [(900, Step.REFRESH), (1768, Step.EXPIRE)]


def test_short_session_is_given_up_at_two_thirds() -> None:
    _, harness = a_session("90;refresher=uas")

    harness.pass_time(90)

    assert harness.done == [(60, Step.EXPIRE)]


def test_refresh_that_was_accepted_starts_the_session_anew() -> None:
    session, harness = a_session("90;refresher=uac")
    for _ in range(3):
        assert harness.pass_time(45) == [Step.REFRESH]
        harness.perform(session.on_accepted(a_response("90;refresher=uac")))

    assert harness.now == 135


def test_refresh_names_who_refreshes_as_seen_by_its_sender() -> None:
    ours, _ = a_session("600;refresher=uac")
    theirs, _ = a_session("600;refresher=uas")

    assert value(ours.request_headers(), "Session-Expires") == "600;refresher=uac"
    assert value(theirs.request_headers(), "Session-Expires") == "600;refresher=uas"


def test_refused_refresh_is_tried_again_until_the_session_ends() -> None:
    session, harness = a_session("120;refresher=uac")
    while Step.EXPIRE not in harness.actions:
        if harness.pass_time(1) == [Step.REFRESH]:
            harness.perform(session.on_alive())

    assert [at for at, _ in harness.done] == [60, 70, 80, 88]


def test_far_end_without_timers_is_only_asked_whether_it_lives() -> None:
    session, harness = a_session("")
    assert harness.pass_time(900) == [Step.PROBE]
    harness.perform(session.on_alive())

    assert harness.pass_time(3600) == [Step.PROBE]
    assert harness.running_timers == set()  # the next starts with the answer


def test_far_end_may_take_over_the_refresh() -> None:
    session, harness = a_session("600;refresher=uac")

    headers, actions = session.accept(a_request("600;refresher=uac"))
    harness.perform(actions)

    assert value(headers, "Session-Expires") == "600;refresher=uac"
    assert value(headers, "Require") == "timer"
    assert harness.running_timers == {"expire"}


@pytest.mark.parametrize(
    ("expires", "supports", "answer"),
    [  # RFC 4028 table 2
        ("600", True, "600;refresher=uas"),
        ("600;refresher=uac", True, "600;refresher=uac"),
        ("600;refresher=uas", True, "600;refresher=uas"),
        ("600;refresher=uac", False, "600;refresher=uas"),
        ("600", False, "600;refresher=uas"),
        ("", True, "1800;refresher=uas"),
        ("", False, None),
    ],
)
def test_callee_says_who_refreshes(expires: str, supports: bool, answer: str | None) -> None:
    headers, _ = SessionTimer().accept(a_request(expires, supports=supports))

    assert value(headers, "Session-Expires") == answer
    assert (value(headers, "Require") == "timer") is (supports and answer is not None)


def test_callee_leaves_the_refresh_to_whom_it_was_left() -> None:
    session, _ = a_session("600;refresher=uas")

    headers, _ = session.accept(a_request("600"))

    assert value(headers, "Session-Expires") == "600;refresher=uac"


def test_callee_heeds_the_least_that_a_proxy_wants() -> None:
    headers, _ = SessionTimer().accept(a_request(min_se=3600))

    assert value(headers, "Session-Expires") == "3600;refresher=uas"


@pytest.mark.parametrize(
    ("expires", "supports", "is_refused"),
    [("89", True, True), ("90", True, False), ("89", False, False), ("", True, False)],
)
def test_only_who_knows_timers_is_told_that_its_interval_is_too_brief(
    expires: str, supports: bool, is_refused: bool
) -> None:
    request = a_request(expires, supports=supports)

    assert SessionTimer().is_too_brief(request) is is_refused


def test_422_makes_the_interval_longer() -> None:
    session = SessionTimer()

    assert session.on_too_brief(a_response(status=422, min_se=3600))
    headers = session.request_headers()

    assert value(headers, "Session-Expires") == "3600"
    assert value(headers, "Min-SE") == "3600"


@pytest.mark.parametrize("min_se", [0, 60, 1800])
def test_422_that_asks_for_nothing_longer_is_final(min_se: int) -> None:
    assert not SessionTimer().on_too_brief(a_response(status=422, min_se=min_se))


def test_422_without_end_is_final() -> None:
    session = SessionTimer()

    asked = [session.on_too_brief(a_response(status=422, min_se=2000 + n)) for n in range(5)]

    assert asked == [True, True, True, False, False]


def test_answer_that_breaks_the_rules_makes_no_storm() -> None:
    _, harness = a_session("0;refresher=uac")

    assert harness.pass_time(1) == []
    assert harness.pass_time(1) == [Step.REFRESH]
