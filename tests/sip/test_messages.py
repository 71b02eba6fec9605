"""Reading and writing messages, with what the field sends and the grammar did not foresee."""

import pytest

from movoice_box.errors import SipError
from movoice_box.sip.headers import (
    NameAddr,
    Via,
    parse_host_port,
    parse_parameters,
    parse_q850_cause,
    parse_uri,
    split_list,
)
from movoice_box.sip.messages import (
    MAX_HEADER_LINES,
    Request,
    Response,
    build_request,
    parse,
    readable,
    response_to,
    stamp_via,
)

INVITE = (
    b"INVITE sip:100@gw1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP gw1:5062;branch=z9hG4bKa;rport\r\n"
    b"From: <sip:a@b>;tag=f\r\nTo: <sip:100@gw1>\r\n"
    b"Call-ID: c1\r\nCSeq: 7 INVITE\r\n\r\n"
)
OK = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n"
    b"From: <sip:a@b>;tag=f\r\nTo: <sip:c@d>;tag=t\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\r\n"
)


def a_request(**changes: bytes) -> Request:
    message = parse(changed(INVITE, **changes))
    assert isinstance(message, Request)
    return message


def changed(message: bytes, **changes: bytes) -> bytes:
    """The message with the value of some headers replaced, `Call_ID` for Call-ID."""
    lines = message.split(b"\r\n")
    for name, value in changes.items():
        start = name.replace("_", "-").encode() + b":"
        lines = [start + b" " + value if line.startswith(start) else line for line in lines]
    return b"\r\n".join(lines)


def test_folded_lines_are_one_value() -> None:
    assert a_request(From=b"<sip:a@b>\r\n ;\r\n\ttag=f2").from_tag == "f2"


def test_empty_lines_before_the_message_are_skipped() -> None:
    assert isinstance(parse(b"\r\n\r\n" + INVITE), Request)


def test_body_ends_where_content_length_says() -> None:
    message = parse(OK[:-2] + b"Content-Length: 3\r\n\r\nv=0garbage")

    assert message.body == b"v=0"


def test_body_shorter_than_content_length_is_an_error() -> None:
    with pytest.raises(SipError, match="body of 3 bytes, Content-Length says 30"):
        parse(OK[:-2] + b"Content-Length: 30\r\n\r\nv=0")


def test_status_line_without_a_reason_phrase() -> None:
    message = parse(OK.replace(b"200 OK", b"200"))

    assert isinstance(message, Response)
    assert (message.status, message.phrase) == (200, "")


def test_compact_forms_and_blanks_before_the_colon() -> None:
    message = parse(OK.replace(b"Via:", b"v :").replace(b"Call-ID:", b"I\t:"))

    assert (message.via.branch, message.call_id) == ("z9hG4bKa", "c1")


def test_contact_star_is_no_address() -> None:
    assert parse(OK[:-2] + b"Contact: *\r\n\r\n").contact is None


@pytest.mark.parametrize("missing", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_missing_header_is_named(missing: str) -> None:
    lines = INVITE.split(b"\r\n")

    with pytest.raises(SipError, match=f"{missing} is missing"):
        parse(b"\r\n".join(line for line in lines if not line.startswith(missing.encode())))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n\r\n",
        b"hello",
        INVITE[:-2],
        INVITE.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1),
        INVITE.replace(b"INVITE sip", b"INV@TE sip"),
        INVITE.replace(b"sip:100@gw1 ", b"sip:100@gw1:99999 "),
        INVITE.replace(b"To:", b"To"),
        OK.replace(b"200 OK", b"999 OK"),
        OK.replace(b"200 OK", "\u0662\u0660\u0660 OK".encode()),
        changed(INVITE, CSeq=b"7 BYE"),
        changed(INVITE, CSeq=b"2147483648 INVITE"),
        changed(INVITE, CSeq=b"9" * 5000 + b" INVITE"),
        changed(INVITE, From=b'"open <sip:a@b>;tag=1'),
        changed(INVITE, Via=b"SIP/2.0/UDP"),
        changed(INVITE, Via=b"SIP/2.0/UDP h:0;branch=z9hG4bKa"),
        changed(INVITE, Call_ID=b"a\rVia: x"),
        INVITE[:-2] + b"x: y\r\n" * (MAX_HEADER_LINES + 1) + b"\r\n",
    ],
)
def test_what_cannot_be_read_is_a_sip_error(data: bytes) -> None:
    with pytest.raises(SipError):
        parse(data)


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    message = parse(OK.replace(b"OK", b"Pas trouv\xe9"))

    assert isinstance(message, Response)
    assert message.phrase == "Pas trouv\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "host", "port", "user"),
    [
        ("sip:100@gw1", "gw1", None, "100"),
        ("sip:my_host:5070", "my_host", 5070, None),
        ("sip:+91;phone-context=x@10.0.0.1;user=phone", "10.0.0.1", None, "+91;phone-context=x"),
        ("sip:a@[2001:db8::1]:5061;lr", "[2001:db8::1]", 5061, "a"),
        ("sip:a@b?Subject=x", "b", None, "a"),
        ("sip:a@b;self=1", "b", None, "a"),
    ],
)
def test_uris_of_the_field(text: str, host: str, port: int | None, user: str | None) -> None:
    uri = parse_uri(text)

    assert (uri.host, uri.port, uri.user) == (host, port, user)


@pytest.mark.parametrize("text", ["", "sip:", "100", "http://x", "sip:a@b:0", "sip:a@b:65536"])
def test_what_is_no_uri_is_a_sip_error(text: str) -> None:
    with pytest.raises(SipError):
        parse_uri(text)


@pytest.mark.parametrize(
    "value",
    [
        '"Bell, Ringer" <sip:a@b;transport=udp>;tag=t',
        'Vodafone (India) \N{LATIN SMALL LETTER E WITH ACUTE} <sip:a@b>;TAG="t"',
        '"a \\" <sip:x@y>;tag=no" <sip:a@b> ; tag = t ; x',
        "sip:a@b;tag=t",
    ],
)
def test_names_of_the_field(value: str) -> None:
    name = NameAddr.parse(value)

    assert (str(name.uri).partition(";")[0], name.tag) == ("sip:a@b", "t")


def test_via_of_the_torture_tests() -> None:
    via = Via.parse("SIP  / 2.0  / UDP    192.0.2.2:5062  ; BRANCH = z9hG4bK=.~x ;received=::1")

    assert via.sent_by == ("192.0.2.2", 5062)
    assert via.branch == "z9hG4bK=.~x"
    assert via.parameters["received"] == "::1"


def test_lists_keep_quoted_and_bracketed_commas() -> None:
    assert split_list(['"a,b" <sip:x@y;z=1,2>, <sip:c@d>', "e"]) == [
        '"a,b" <sip:x@y;z=1,2>',
        "<sip:c@d>",
        "e",
    ]


def test_quoted_parameters_keep_semicolons() -> None:
    assert parse_parameters(';a="x;y\\"z" ; B=2;c') == {"a": 'x;y"z', "b": "2", "c": ""}


def test_host_and_port() -> None:
    assert parse_host_port("[::1]:5062") == ("::1", 5062)


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        (['Q.850;cause=17;text="User busy"'], 17),
        (["SIP;cause=200", "Q.850 ; cause = 16"], 16),
        (['SIP;cause=580;text="a", q.850;cause=1'], 1),
        (["SIP;cause=486"], None),
        (["Q.850;text=x"], None),
        ([], None),
    ],
)
def test_q850_cause_of_a_reason_header(values: list[str], cause: int | None) -> None:
    assert parse_q850_cause(values) == cause


def test_response_carries_what_rfc_3261_8_2_6_copies() -> None:
    request = a_request(Via=b"SIP/2.0/UDP h;branch=z9hG4bKa, SIP/2.0/UDP g;branch=z9hG4bKb")

    response = parse(response_to(request, 180, to_tag="t").pack())

    assert response.values("Via") == request.values("Via")
    assert (response.from_tag, response.to_tag) == ("f", "t")
    assert (response.call_id, str(response.cseq)) == ("c1", "7 INVITE")


def test_to_tag_of_the_peer_is_kept() -> None:
    assert response_to(a_request(To=b"<sip:a@b>;tag=x"), 200, to_tag="y").to_tag == "x"


def test_rport_and_received_are_written_into_the_top_via() -> None:
    request = a_request(Via=b"SIP/2.0/UDP gw1:5062;rport;branch=z9hG4bKa, SIP/2.0/UDP g;rport")

    stamp_via(request, ("192.0.2.7", 6000))

    assert request.via.parameters == {
        "branch": "z9hG4bKa",
        "rport": "6000",
        "received": "192.0.2.7",
    }
    assert (
        request.values("Via")[0].endswith(", SIP/2.0/UDP g;rport")
        or request.values("Via")[1] == "SIP/2.0/UDP g;rport"
    )


def test_response_tells_where_we_were_seen() -> None:
    seen = changed(OK, Via=b"SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKa;rport=1024;received=192.0.2.1")
    message = parse(seen)

    assert isinstance(message, Response)
    assert message.seen_from == ("192.0.2.1", 1024)


@pytest.mark.parametrize("received", [b"", b"a>b", b"192.0.2.1"])
def test_address_that_is_none_is_not_taken_from_a_response(received: bytes) -> None:
    via = b"SIP/2.0/UDP h;branch=z9hG4bKa;rport=0;received=" + received
    message = parse(changed(OK, Via=via))

    assert isinstance(message, Response)
    assert message.seen_from is None


def test_log_shows_everything_but_the_credentials() -> None:
    shown = readable(
        b"INVITE x SIP/2.0\r\nAuthorization: Digest a,\r\n response=1\r\n"
        b"Proxy-Authorization:Digest b\r\nTo: c\r\n\r\nv=0"
    )

    assert shown == (
        "INVITE x SIP/2.0\r\nAuthorization: ...\r\nProxy-Authorization: ...\r\nTo: c\r\n\r\nv=0"
    )


def test_log_shows_no_key_of_srtp() -> None:
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"

    assert readable(f"m=audio\r\n{key}c2VjcmV0|2^31\r\n".encode()) == f"m=audio\r\n{key}...\r\n"


@pytest.mark.parametrize("value", ["x\r\nX-Evil: 1", "x\n", "\r", "x\r\n\r\nv=0"])
def test_no_value_can_add_a_header_to_a_message(value: str) -> None:
    built = build_request("OPTIONS", parse_uri("sip:gw"), [("X-Call-Id", value)])

    with pytest.raises(SipError, match="line break"):
        built.pack()
