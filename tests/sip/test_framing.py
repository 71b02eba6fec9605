"""Messages out of a stream, and streams that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movoice_box.errors import SipError
from movoice_box.sip.framing import MOST_BODY_BYTES, MOST_HEADER_BYTES, Framer, KeepAlive

WITH_BODY = b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nl : 5\r\n\r\nv=0\r\n"
WITHOUT = b"OPTIONS sip:a@b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n"
STREAM = WITH_BODY + b"\r\n\r\n" + WITHOUT + b"\r\n" + WITH_BODY


def test_messages_and_keep_alives_are_told_apart() -> None:
    assert Framer().feed(STREAM) == [WITH_BODY, KeepAlive.PING, WITHOUT, KeepAlive.PONG, WITH_BODY]


def test_messages_that_arrive_byte_by_byte() -> None:
    framer = Framer()
    frames = [frame for byte in STREAM for frame in framer.feed(bytes([byte]))]

    assert [frame for frame in frames if isinstance(frame, bytes)] == [
        WITH_BODY,
        WITHOUT,
        WITH_BODY,
    ]
    assert not framer.is_inside


def test_empty_line_in_a_body_ends_nothing() -> None:
    message = b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 12\r\n\r\na\r\n\r\nSIP/2.0"

    assert Framer().feed(message + WITHOUT) == [message, WITHOUT]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: box\r\n\r\n", "not SIP"),
        (b"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n", "not one number"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 1e9\r\n\r\n", "not one number"),
        (b"SIP/2.0 200 OK\r\nContent-Length: \xb2\r\n\r\n", "not one number"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 4\r\nl: 40\r\n\r\n", "not one number"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 999999\r\n\r\n", "more than 65536"),
        (b"SIP/2.0 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n", "not one number"),
        (b"SIP/2.0 200 OK\r\nX: " + b"a" * MOST_HEADER_BYTES, "headers of more than"),
    ],
)
def test_stream_that_cannot_be_followed(head: bytes, reason: str) -> None:
    with pytest.raises(SipError, match=reason):
        Framer().feed(head)


def test_endless_header_ends_while_it_drips() -> None:
    framer = Framer()
    for _ in range(MOST_HEADER_BYTES // 1024 - 1):
        assert framer.feed(b"a" * 1024) == []

    with pytest.raises(SipError, match="headers of more than"):
        framer.feed(b"a" * 1024)


def test_largest_body_is_taken() -> None:
    message = b"SIP/2.0 200 OK\r\nContent-Length: %d\r\n\r\n" % MOST_BODY_BYTES
    message += bytes(MOST_BODY_BYTES)

    assert Framer().feed(message) == [message]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\r\n", WITH_BODY, WITH_BODY[:20]])))
def test_random_streams(chunks: list[bytes]) -> None:
    framer = Framer()
    try:
        frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    except SipError:
        return
    taken = sum(len(frame) if isinstance(frame, bytes) else len(frame.value) for frame in frames)

    assert taken <= sum(map(len, chunks))
