"""Who calls, as each trunk wants it written."""

from typing import Any

import pytest

from movoice_box.domain.trunk import CallerIdHeader
from movoice_box.errors import TrunkError
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.identity import Identity, identity_of
from movoice_box.sip.trunk import CallDetails
from tests.sip.ends import an_account

OWN = parse_uri("sip:alice@gw.example:5070")


def identity(details: CallDetails | None = None, **account: Any) -> Identity:
    return identity_of(an_account(("gw.example", 5070), **account), details or CallDetails(), OWN)


@pytest.mark.parametrize(
    ("of_call", "of_trunk", "shown"),
    [
        (None, None, "<sip:alice@gw.example:5070>"),
        (None, "+14155550100", '"+14155550100" <sip:+14155550100@gw.example:5070>'),
        ("+14155550111", "+14155550100", '"+14155550111" <sip:+14155550111@gw.example:5070>'),
    ],
)
def test_caller_id_is_the_calls_then_the_trunks_then_the_user(
    of_call: str | None, of_trunk: str | None, shown: str
) -> None:
    assert identity(CallDetails(caller_id=of_call), caller_id=of_trunk) == Identity(
        from_=shown, headers=[]
    )


@pytest.mark.parametrize(
    ("header", "is_private", "from_", "headers"),
    [
        (
            CallerIdHeader.P_ASSERTED_IDENTITY,
            False,
            '"7" <sip:7@gw.example:5070>',
            [("P-Asserted-Identity", '"7" <sip:7@gw.example:5070>')],
        ),
        (
            CallerIdHeader.P_ASSERTED_IDENTITY,
            True,
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            [("P-Asserted-Identity", '"7" <sip:7@gw.example:5070>'), ("Privacy", "id")],
        ),
        (
            CallerIdHeader.REMOTE_PARTY_ID,
            False,
            '"7" <sip:7@gw.example:5070>',
            [
                (
                    "Remote-Party-ID",
                    '"7" <sip:7@gw.example:5070>;party=calling;id-type=subscriber;screen=yes;'
                    "privacy=off",
                )
            ],
        ),
        (
            CallerIdHeader.NONE,
            True,
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            [("Privacy", "id")],
        ),
    ],
)
def test_caller_id_stands_and_is_withheld_as_the_trunk_wants_it(
    header: CallerIdHeader, is_private: bool, from_: str, headers: list[tuple[str, str]]
) -> None:
    found = identity(caller_id="7", caller_id_header=header, is_private=is_private)

    assert found == Identity(from_=from_, headers=headers)


def test_withheld_number_is_told_to_the_trunk_as_withheld() -> None:
    found = identity(
        caller_id="7", caller_id_header=CallerIdHeader.REMOTE_PARTY_ID, is_private=True
    )

    assert "privacy=full" in found.headers[0][1]


def test_id_of_the_call_goes_where_the_trunk_wants_it() -> None:
    details = CallDetails(call_id="call_01")

    assert identity(details, call_id_header="X-Call-Id").headers == [("X-Call-Id", "call_01")]
    assert identity(details).headers == identity(call_id_header="X-Call-Id").headers == []


@pytest.mark.parametrize(
    "details",
    [
        CallDetails(caller_id="7\r\nX-Evil: 1"),
        CallDetails(caller_id="7\n"),
        CallDetails(caller_id='7" <sip:evil@h>'),
        CallDetails(caller_id=""),
        CallDetails(call_id="x\r\nX-Evil: 1"),
        CallDetails(call_id="x\x00"),
    ],
)
def test_nothing_can_add_a_header(details: CallDetails) -> None:
    try:
        found = identity(details, call_id_header="X-Call-Id")
    except TrunkError:
        return
    assert found == Identity(from_="<sip:alice@gw.example:5070>", headers=[])
