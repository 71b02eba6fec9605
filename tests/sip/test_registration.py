"""The pace of REGISTER."""

import pytest

from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import Response
from movoice_box.sip.registration import EXPIRES_S, Register, Registration

CONTACT = parse_uri("sip:alice@192.0.2.1:5060")
OURS = "<sip:alice@192.0.2.1:5060>"


def a_registration() -> Registration:
    return Registration("acme", jitter=lambda low, high: high)


def a_response(status: int, *headers: tuple[str, str], phrase: str = "") -> Response:
    response = Response(status=status, phrase=phrase)
    for name, value in headers:
        response.headers.add(name, value)
    return response


def test_first_register_goes_out_at_once() -> None:
    registration = a_registration()

    assert registration.start() == Register(EXPIRES_S)
    assert registration.is_registered is None


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ([("Contact", f"{OURS};expires=100")], 100),
        ([("Contact", f'<sip:b@192.0.2.8>;expires=9, "x" {OURS};expires=100;q=1')], 100),
        ([("Expires", "50"), ("Contact", OURS)], 50),
        ([("Expires", "50"), ("Contact", f"{OURS};expires=soon")], 50),
        ([("Contact", "<sip:unreadable")], EXPIRES_S),
        ([], EXPIRES_S),
    ],
)
def test_binding_is_refreshed_before_it_expires(
    headers: list[tuple[str, str]], granted: int
) -> None:
    registration = a_registration()

    due = registration.on_response(a_response(200, *headers), CONTACT)

    assert due == Register(EXPIRES_S, 0.8 * granted)
    assert (registration.is_registered, registration.detail) == (
        True,
        f"registered for {granted} s",
    )


def test_binding_that_was_not_made_is_a_failure() -> None:
    registration = a_registration()

    registration.on_response(a_response(200, ("Expires", "0")), CONTACT)

    assert registration.is_registered is False


def test_423_is_asked_again_at_once_with_the_servers_minimum() -> None:
    registration = a_registration()

    due = registration.on_response(a_response(423, ("Min-Expires", "1800")), CONTACT)

    assert due == Register(1800)


def test_423_again_and_again_waits_like_any_failure() -> None:
    registration = a_registration()
    registration.on_response(a_response(423, ("Min-Expires", "1800")), CONTACT)

    due = registration.on_response(a_response(423, ("Min-Expires", "3600")), CONTACT)

    assert due.in_s > 0


def test_failures_wait_ever_longer_up_to_five_minutes() -> None:
    registration = a_registration()

    waits = [registration.on_failure("no answer").in_s for _ in range(8)]

    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_success_forgets_earlier_failures() -> None:
    registration = a_registration()
    registration.on_failure("no answer")
    registration.on_response(a_response(200), CONTACT)

    assert registration.on_failure("no answer").in_s == 5


@pytest.mark.parametrize("status", [401, 403, 404, 407])
def test_refused_credentials_are_not_tried_often_and_explained(status: int) -> None:
    registration = a_registration()

    due = registration.on_response(a_response(status, phrase="No"), CONTACT)

    assert due.in_s == 300
    assert registration.detail == (
        f"trunk 'acme' is not registered: it answered {status} No: check the user name and password"
    )


def test_retry_after_is_kept_where_it_is_longer() -> None:
    due = a_registration().on_response(a_response(503, ("Retry-After", "120 (busy)")), CONTACT)

    assert due.in_s == 120


def test_no_server_makes_us_wait_for_longer_than_an_hour() -> None:
    busy = a_response(503, ("Retry-After", "999999999"))
    generous = a_response(200, ("Expires", "999999999"))

    assert a_registration().on_response(busy, CONTACT).in_s == 3600
    assert a_registration().on_response(generous, CONTACT).in_s == 3600


def test_retries_are_spread_over_half_the_wait() -> None:
    registration = Registration("acme", jitter=lambda low, high: 1000 * low + high)

    assert registration.on_failure("x").in_s == 2505


def test_stop_takes_the_binding_back_where_there_is_one() -> None:
    registration = a_registration()

    assert registration.stop() is None
    registration.on_response(a_response(200), CONTACT)
    assert registration.stop() == Register(0)
    assert registration.stop() is None


def test_binding_lasts_as_long_as_it_was_granted() -> None:
    registration = a_registration()
    registration.on_response(a_response(200, ("Contact", f"{OURS};expires=100")), CONTACT)
    assert registration.granted_s == 100

    registration.on_failure("no answer")

    assert registration.granted_s is None


def test_waiting_does_not_help_where_the_server_refuses_us() -> None:
    registration = a_registration()
    registration.on_response(a_response(403), CONTACT)
    assert registration.is_refused

    registration.on_failure("no answer")

    assert not registration.is_refused


def test_another_public_address_is_registered_at_once_and_not_again_and_again() -> None:
    registration = a_registration()

    waits = [registration.on_moved().in_s for _ in range(4)]
    registration.on_refresh()

    assert waits == [0, 5, 10, 20]
    assert registration.on_moved().in_s == 0
