"""Key presses in INFO, as gateways write them."""

import pytest

from movoice_box.sip.headers import parse_uri
from movoice_box.sip.info import digit_info, is_digits, read_digit
from movoice_box.sip.messages import Request, build_request

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"


def an_info(body: bytes, kind: str = RELAY) -> Request:
    return build_request("INFO", parse_uri("sip:b@h"), [("Content-Type", kind)], sdp=body)


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        (b"Signal=5\r\nDuration=160\r\n", "5"),
        (b"Signal= *\r\nDuration= 250", "*"),
        (b"signal = #\nduration = 100\n", "#"),
        (b"Duration=160\r\nSignal=d\r\n", "D"),
        (b"Signal=10\r\n", "*"),
        (b"Signal=11\r\n", "#"),
        (b"Signal=15", "D"),
        (b"5", "5"),
        (b"\r\n7\r\n", "7"),
        (b"11", "#"),
        (b"Signal=16\r\n", None),  # a hook flash
        (b"Signal=!\r\n", None),
        (b"Signal=\r\nDuration=160", None),
        (b"Duration=160", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_key_is_read(body: bytes, digit: str | None) -> None:
    assert read_digit(an_info(body)) == digit


@pytest.mark.parametrize(
    ("kind", "may_be"),
    [
        (RELAY, True),
        ("Application/DTMF-Relay; charset=x", True),
        (PLAIN, True),
        ("application/media_control+xml", False),
        ("", False),
    ],
)
def test_only_two_types_hold_keys(kind: str, may_be: bool) -> None:
    assert is_digits(an_info(b"5", kind)) is may_be


@pytest.mark.parametrize("digit", list("0123456789*#ABCD"))
@pytest.mark.parametrize("is_relay", [True, False])
def test_what_we_write_we_read(digit: str, is_relay: bool) -> None:
    headers, body = digit_info(digit, is_relay=is_relay)
    written = an_info(body, dict(headers)["Content-Type"])

    assert is_digits(written)
    assert read_digit(written) == digit
