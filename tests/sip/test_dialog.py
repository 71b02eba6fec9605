"""Requests inside a dialog (RFC 3261 section 12)."""

from dataclasses import replace

from movoice_box.sip.dialog import Caller, ConfirmedDialog, cancel_of
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.messages import Request, Response, parse, response_to

CALLER = Caller(
    local=("192.0.2.1", 5060),
    contact="<sip:box@192.0.2.1:5060>",
    from_="<sip:box@gw>;tag=ours",
    call_id="c1",
)
CALLEE = parse_uri("sip:100@gw")


def an_invite() -> Request:
    return CALLER.request("INVITE", CALLEE, f"<{CALLEE}>", 3, sdp=b"v=0\r\n")


def an_answer(*routes: str, contact: str = "<sip:100@192.0.2.9:5070;x=y>") -> Response:
    invite = an_invite()
    for route in routes:
        invite.headers.add("Record-Route", route)
    answer = response_to(invite, 200, to_tag="theirs", headers=[("Contact", contact)])
    received = parse(answer.pack())
    assert isinstance(received, Response)
    return received


def a_dialog(*routes: str, contact: str = "<sip:100@192.0.2.9:5070;x=y>") -> ConfirmedDialog:
    return ConfirmedDialog.establish(CALLER, an_invite(), an_answer(*routes, contact=contact))


def test_ack_goes_to_the_contact_with_the_cseq_of_its_invite() -> None:
    ack = a_dialog().request("ACK")

    assert ack.pack().startswith(b"ACK sip:100@192.0.2.9:5070;x=y SIP/2.0\r\n")
    assert (str(ack.cseq), ack.from_tag, ack.to_tag) == ("3 ACK", "ours", "theirs")
    assert ack.via.branch != an_invite().via.branch


def test_bye_counts_on() -> None:
    dialog = a_dialog()

    assert [str(dialog.request("BYE").cseq) for _ in range(2)] == ["4 BYE", "5 BYE"]


def test_route_set_is_the_record_route_backwards() -> None:
    dialog = a_dialog("<sip:p1;lr>, <sip:p2;lr>", "<sip:p3;lr>")

    assert dialog.request("BYE").values("Route") == ["<sip:p3;lr>", "<sip:p2;lr>", "<sip:p1;lr>"]
    assert str(dialog.next_hop) == "sip:p3;lr"
    assert str(dialog.request_uri) == "sip:100@192.0.2.9:5070;x=y"


def test_strict_router_gets_the_target_as_the_last_route() -> None:
    dialog = a_dialog("<sip:old>")

    bye = dialog.request("BYE")

    assert str(bye.uri) == "sip:old"
    assert bye.values("Route") == ["<sip:100@192.0.2.9:5070;x=y>"]


def test_unreadable_contact_leaves_the_peer_where_it_was_called() -> None:
    assert a_dialog(contact="<nowhere>").remote_target == CALLEE


def test_unreadable_route_set_is_not_used() -> None:
    assert a_dialog("<sip:p1;lr>", "nonsense").route_set == ()


def test_cseq_of_the_peer_must_rise() -> None:
    dialog = a_dialog()

    def arrives(cseq: int) -> bool:
        request = CALLER.request("OPTIONS", CALLEE, "<sip:box@gw>;tag=ours", cseq)
        return dialog.is_in_order(request)

    assert [arrives(cseq) for cseq in (5, 5, 4, 6)] == [True, False, False, True]


def test_callee_keeps_the_route_as_it_came_and_counts_from_one() -> None:
    invite = an_invite()
    invite.headers.add("Record-Route", "<sip:p1;lr>, <sip:p2;lr>")
    callee = replace(CALLER, from_="<sip:100@gw>;tag=callee")

    dialog = ConfirmedDialog.accept(callee, invite)
    bye = dialog.request("BYE")

    assert bye.values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert str(bye.uri) == "sip:box@192.0.2.1:5060"
    assert (str(bye.cseq), bye.from_tag, bye.to_tag) == ("1 BYE", "callee", "ours")
    assert not dialog.is_in_order(invite)


def test_reinvite_of_ours_moves_the_cseq_of_its_ack() -> None:
    dialog = a_dialog()
    dialog.request("INVITE", body=b"v=0\r\n")
    dialog.request("OPTIONS")

    assert str(dialog.request("ACK").cseq) == "4 ACK"


def test_reinvite_moves_the_target() -> None:
    dialog = a_dialog()

    dialog.refresh_target(an_invite())

    assert str(dialog.remote_target) == "sip:box@192.0.2.1:5060"


def test_cancel_repeats_what_its_invite_said() -> None:
    invite = an_invite()

    cancel = cancel_of(invite)

    assert cancel.uri == invite.uri
    for name in ("Via", "From", "To", "Call-ID"):
        assert cancel.values(name) == invite.values(name)
    assert str(cancel.cseq) == "3 CANCEL"
    assert cancel.body == b""
