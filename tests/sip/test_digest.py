"""Digest answers, against the examples printed in the RFCs."""

import pytest

from movoice_box.errors import SipError, TrunkError
from movoice_box.sip.digest import (
    CREDENTIALS_REFUSED,
    Authenticator,
    digest_response,
    parse_digests,
)
from movoice_box.sip.messages import Response

RFC_7616 = {
    "realm": "http-auth@example.org",
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
}


def a_challenge(*lines: str, status: int = 407) -> Response:
    response = Response(status=status)
    for line in lines:
        response.headers.add("Proxy-Authenticate" if status == 407 else "WWW-Authenticate", line)
    return response


def answers(authenticator: Authenticator, method: str = "INVITE") -> list[dict[str, str]]:
    return parse_digests(value for _, value in authenticator.headers(method, "sip:1@gw"))


def an_authenticator() -> Authenticator:
    return Authenticator("alice", "secret", cnonce=lambda: "c0")


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    digest = {**RFC_7616, "algorithm": algorithm}

    assert (
        digest_response(digest, method="GET", username="Mufasa", password="Circle of Life")
        == response
    )


def test_example_of_rfc_2617() -> None:
    digest = {
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "uri": "/dir/index.html",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "0a4f113b",
    }

    assert (
        digest_response(digest, method="GET", username="Mufasa", password="Circle Of Life")
        == "6629fae49393a05397450978507c4ef1"
    )


def test_session_variant_hashes_the_secret_with_both_nonces() -> None:
    plain = digest_response(RFC_7616, method="GET", username="a", password="b")
    session = {**RFC_7616, "algorithm": "MD5-sess"}

    assert digest_response(session, method="GET", username="a", password="b") != plain


def test_unknown_algorithm_is_a_sip_error() -> None:
    with pytest.raises(SipError, match="'MD6' is not known"):
        digest_response({"algorithm": "MD6"}, method="GET", username="a", password="b")


def test_commas_and_quotes_inside_quoted_strings() -> None:
    value = (
        'Basic realm="x", Digest realm="a, \\"b\\"", nonce="1,2" , qop="auth,auth-int",stale=TRUE'
    )

    assert parse_digests([value]) == [
        {"realm": 'a, "b"', "nonce": "1,2", "qop": "auth,auth-int", "stale": "TRUE"}
    ]


def test_several_challenges_in_one_value() -> None:
    digests = parse_digests(['Digest realm="a", nonce="1", Digest realm="b", nonce="2"'])

    assert [digest["realm"] for digest in digests] == ["a", "b"]


def test_strongest_algorithm_of_a_realm_is_answered() -> None:
    authenticator = an_authenticator()

    authenticator.answer(
        a_challenge(
            'Digest realm="r", nonce="1", algorithm=SHA-256, qop="auth"',
            'Digest realm="r", nonce="2", algorithm=MD5, qop="auth"',
            'Digest realm="r", nonce="3", algorithm=SHA-512-256, qop="auth"',
        )
    )

    assert [answer["algorithm"] for answer in answers(authenticator)] == ["SHA-256"]


def test_each_realm_gets_its_answer() -> None:
    authenticator = an_authenticator()

    authenticator.answer(a_challenge('Digest realm="a", nonce="1"', 'Digest realm="b", nonce="2"'))

    assert [answer["realm"] for answer in answers(authenticator)] == ["a", "b"]


def test_proxy_and_gateway_are_answered_in_one_request() -> None:
    authenticator = an_authenticator()

    authenticator.answer(a_challenge('Digest realm="p", nonce="1"', status=407))
    authenticator.answer(a_challenge('Digest realm="g", nonce="2"', status=401))

    names = [name for name, _ in authenticator.headers("INVITE", "sip:1@gw")]
    assert names == ["Proxy-Authorization", "Authorization"]


def test_nonce_count_rises_while_the_nonce_is_used() -> None:
    authenticator = an_authenticator()
    authenticator.answer(a_challenge('Digest realm="r", nonce="1", qop="auth"'))

    counts = [answers(authenticator, method)[0]["nc"] for method in ("INVITE", "BYE")]

    assert counts == ["00000001", "00000002"]


def test_challenge_without_qop_is_answered_without_cnonce() -> None:
    authenticator = an_authenticator()
    authenticator.answer(a_challenge('Digest realm="r", nonce="1", opaque=""'))

    assert answers(authenticator)[0].keys() == {
        *("username", "realm", "nonce", "uri", "response", "opaque")
    }


def test_quotes_in_what_is_written_are_escaped() -> None:
    authenticator = Authenticator('al"ice', "x", cnonce=lambda: "c0")
    authenticator.answer(a_challenge('Digest realm="a \\\\ \\"b\\"", nonce="1"'))

    assert answers(authenticator)[0]["username"] == 'al"ice'
    assert answers(authenticator)[0]["realm"] == 'a \\ "b"'


def refused(authenticator: Authenticator, *lines: str) -> str:
    with pytest.raises(TrunkError) as caught:
        authenticator.answer(a_challenge(*lines))
    assert caught.value.code == CREDENTIALS_REFUSED
    return caught.value.message


def test_second_challenge_means_a_wrong_password() -> None:
    authenticator = an_authenticator()
    authenticator.answer(a_challenge('Digest realm="r", nonce="1"'))

    assert "check the user name" in refused(authenticator, 'Digest realm="r", nonce="2"')


def test_stale_nonce_is_replaced_once() -> None:
    authenticator = an_authenticator()
    authenticator.answer(a_challenge('Digest realm="r", nonce="1"'))

    authenticator.answer(a_challenge('Digest realm="r", nonce="2", stale=true'))

    assert answers(authenticator)[0]["nonce"] == "2"
    assert "refused" in refused(authenticator, 'Digest realm="r", nonce="3", stale=true')


def test_next_request_may_be_challenged_anew() -> None:
    authenticator = an_authenticator()
    authenticator.answer(a_challenge('Digest realm="r", nonce="1"'))
    authenticator.start_over()

    authenticator.answer(a_challenge('Digest realm="r", nonce="2"'))

    assert answers(authenticator)[0]["nonce"] == "2"


def test_ever_new_realms_end_some_time() -> None:
    authenticator = an_authenticator()
    for realm in range(4):
        authenticator.answer(a_challenge(f'Digest realm="{realm}", nonce="1"'))

    assert "never stops" in refused(authenticator, 'Digest realm="4", nonce="1"')


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (['Digest realm="r", nonce="1", algorithm=SHA-512-256'], "does not know: SHA-512-256"),
        (['Digest realm="r", nonce="1", qop="auth-int"'], "does not know: MD5"),
        (['Basic realm="r"'], "does not know: nothing"),
        ([], "does not know: nothing"),
        (['Digest realm="open'], "not readable"),
    ],
)
def test_challenge_that_cannot_be_answered_says_why(lines: list[str], reason: str) -> None:
    assert reason in refused(an_authenticator(), *lines)


def test_challenge_without_a_password_set_says_so() -> None:
    assert "set its user name and password" in refused(
        Authenticator("alice", None), 'Digest realm="r", nonce="1"'
    )
