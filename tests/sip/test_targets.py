"""Where a call goes next: the trunk's other addresses, and redirects that may be followed."""

import pytest

from movoice_box.domain.trunk import Transport
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import Response
from movoice_box.sip.targets import MOST_INVITES, Targets
from movoice_box.sip.transport import Destination

NUMBER = parse_uri("sip:+919876543210@gw.example")
AT = Destination("192.0.2.1", 5060)
OURS = ("gw.example", "192.0.2.1", "192.0.2.2")


def targets(*destinations: Destination, transport: Transport = Transport.UDP) -> Targets:
    first = Destination("192.0.2.1", 5060, transport)
    return Targets(NUMBER, destinations or (first,), OURS.__contains__)


def a_redirect(*contacts: str, status: int = 302) -> Response:
    response = Response(status=status, phrase="Moved")
    for contact in contacts:
        response.headers.add("Contact", contact)
    return response


def followed(of: Targets) -> list[tuple[str, int]]:
    found = []
    while of.has_next:
        of.advance()
        found.append(of.current.destination.socket_address)
    return found


def test_addresses_of_the_trunk_are_tried_in_order_and_not_for_ever() -> None:
    several = [Destination("192.0.2.1", 5060 + number) for number in range(MOST_INVITES + 3)]

    assert followed(targets(*several)) == [
        ("192.0.2.1", 5060 + number) for number in range(1, MOST_INVITES)
    ]


def test_contacts_are_followed_by_their_q() -> None:
    moved = targets()
    redirect = a_redirect(
        "<sip:+919876543210@192.0.2.1>;q=0.1, <sip:+919876543210@192.0.2.2:5070>;q=0.9",
        "<sip:%2B919876543210;npdi@gw.example:5080>",
        "<sip:+919876543210@192.0.2.2:5090>;q=x",
    )

    assert moved.redirect(redirect) == ""
    assert followed(moved) == [
        *(("192.0.2.1", 5080), ("192.0.2.2", 5070)),
        *(("192.0.2.1", 5060), ("192.0.2.2", 5090)),
    ]


def test_redirect_goes_before_the_other_addresses_of_the_trunk() -> None:
    moved = targets(AT, Destination("192.0.2.2", 5060))

    moved.redirect(a_redirect("<sip:+919876543210@gw.example:5070>"))

    assert followed(moved) == [("192.0.2.1", 5070)]


def test_redirect_keeps_the_encryption() -> None:
    moved = targets(transport=Transport.TLS)

    assert moved.redirect(a_redirect("<sips:+919876543210@gw.example>")) == ""
    moved.advance()
    assert moved.current.destination == Destination("192.0.2.1", 5061, Transport.TLS)


@pytest.mark.parametrize(
    ("redirect", "why"),
    [
        (
            a_redirect("<sip:+911234567890@gw.example>"),
            "redirected to sip:+911234567890@gw.example: no call to a number that the box has not "
            "checked",
        ),
        (a_redirect("<sip:gw.example>"), "not checked"),
        (a_redirect("<tel:+919876543210>"), "not the trunk's own"),
        (a_redirect("<sip:+919876543210@192.0.2.66>"), "not the trunk's own address"),
        (a_redirect("<sip:+919876543210@evil.example>"), "not the trunk's own address"),
        (a_redirect("<sip:+919876543210@gw.example;transport=tcp>"), "not the trunk's own"),
        (a_redirect("<sips:+919876543210@gw.example>"), "not the trunk's own"),
        (a_redirect(), "redirected to nowhere (302 Moved)"),
        (a_redirect("<<"), "redirected to nowhere"),
        (a_redirect('"open'), "redirected to nowhere"),
        (a_redirect("<sip:+919876543210@gw.example>", status=305), "(305 Moved)"),
        (a_redirect("<sip:+919876543210@gw.example>", status=380), "(380 Moved)"),
    ],
)
def test_redirect_that_nobody_checked_is_not_followed(redirect: Response, why: str) -> None:
    stays = targets()

    assert why in stays.redirect(redirect)
    assert not stays.has_next


def test_second_redirect_ends_the_call() -> None:
    moved = targets()
    moved.redirect(a_redirect("<sip:+919876543210@gw.example:5070>"))
    moved.advance()

    again = moved.redirect(a_redirect("<sip:+919876543210@gw.example:5080>"))

    assert again == "redirected to sip:+919876543210@gw.example:5080 after another redirect"


def test_trunk_that_follows_no_redirects_says_so() -> None:
    stays = Targets(NUMBER, (AT,))

    assert "are not to be followed" in stays.redirect(a_redirect("<sip:+919876543210@gw.example>"))
