"""Whatever bytes arrive: a value or `SipError`, and soon."""

import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movoice_box.domain.media import Codec, MediaOffer, SrtpKey
from movoice_box.errors import SdpError, SipError
from movoice_box.sip.digest import parse_digests
from movoice_box.sip.headers import (
    NameAddr,
    Via,
    parse_cseq,
    parse_host_port,
    parse_parameters,
    parse_q850_cause,
    parse_uri,
    split_list,
)
from movoice_box.sip.messages import Request, parse, readable, response_to, stamp_via
from movoice_box.sip.sdp import LocalMedia, SessionDescription

PLAIN = MediaOffer(address="192.0.2.1", port=20_000, codecs=tuple(Codec))
SECURE = replace(PLAIN, srtp=SrtpKey(1, bytes(30)))
SIDES = [LocalMedia(offer=offer, session_id=7) for offer in (PLAIN, SECURE)]
READERS: list[Callable[[str], object]] = [
    NameAddr.parse,
    Via.parse,
    parse_cseq,
    parse_host_port,
    parse_parameters,
    parse_uri,
    lambda text: parse_q850_cause([text]),
    lambda text: split_list([text]),
    lambda text: parse_digests([text]),
]
SEED_MESSAGE = (
    b"INVITE sip:+91@192.0.2.1:5060;user=phone SIP/2.0\r\n"
    b'Via: SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bK1;rport, SIP/2.0/UDP "x"\r\n'
    b'f: "A \\" B" <sip:a%20b@c;x="1;2">;tag=1\r\n ;q=2\r\nTo: sip:d@e;tag=\r\nCall-ID: 1@2\r\n'
    b"CSeq: 1 INVITE\r\nContact: *, <sip:x@y:1>;expires=5\r\nRecord-Route: <sip:p;lr>,<sip:q>\r\n"
    b'Reason: Q.850;cause=16\r\nWWW-Authenticate: Digest realm="a,b", nonce="c"\r\n'
    b"Content-Type: application/sdp\r\nContent-Length: 305\r\n\r\n"
    b"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\na=rtcp:4001 IN IP4 192.0.2.9\r\n"
    b"m=audio 5000 RTP/SAVP 96 9\r\na=rtpmap:96 opus/48000/2\r\nb=RR:0\r\na=maxptime:40\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"AAAA" * 10 + b"|2^31 WSH=64\r\n"
)


def read_everything(data: bytes) -> None:
    """Use a datagram as far as the box would."""
    readable(data)
    with suppress(SipError):
        message = parse(data)
        _ = (message.contact, message.q850_cause, message.has_sdp, message.seconds("Expires"))
        read_sdp(message.body)
        if isinstance(message, Request):
            stamp_via(message, ("192.0.2.7", 6000))
            parse(response_to(message, 200, to_tag="t").pack())


def read_sdp(body: bytes) -> None:
    for local in SIDES:
        with suppress(SdpError):
            described = SessionDescription.parse(body)
            local.read(described)
            SessionDescription.parse(local.write_answer(described))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    read_everything(data)
    read_sdp(data)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_random_header_values(text: str) -> None:
    for read in READERS:
        with suppress(SipError):
            read(text)


@pytest.mark.parametrize("seed", range(20))
def test_mutated_messages(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        data = bytearray(SEED_MESSAGE)
        for _ in range(chance.randrange(1, 6)):
            start = chance.randrange(len(data))
            piece = data[start : start + chance.randrange(1, 20)]
            match chance.randrange(4):
                case 0:
                    data[start] = chance.randrange(256)
                case 1:
                    del data[start : start + len(piece)]
                case 2:
                    data[start:start] = piece * chance.randrange(1, 4)
                case _:
                    data[start:start] = chance.choice([b"\r\n", b'"', b"<", b";", b",", b"\0"])
        read_everything(bytes(data))


@pytest.mark.parametrize(
    "piece",
    ['"', "\\", '"\\"', "<", "<>", ";", ",", "a-", "a.", ";a=", '",', " ", "a ", "1", "%41", "@:"],
)
def test_long_repetitions_are_read_in_one_pass(piece: str) -> None:
    """60 kB of one pattern: a reader that backtracks would take hours."""
    text = piece * (60_000 // len(piece))
    for start in ("", "sip:", "sip:a@", "SIP/2.0/UDP ", '"', "Digest a=", "1 "):
        for read in READERS:
            with suppress(SipError):
                read(start + text)
                read(start + text + "!")


@pytest.mark.parametrize(
    "line",
    [
        b"m=audio 9 RTP/AVP 0",
        b"a=rtpmap:1 x/1",
        b"m=audio 9 RTP/AVP" + b" 1" * 900,
        b"m=audio 9 RTP/SAVP 0\r\na=crypto:1 a inline:a" + b" -a" * 900,
        b"m=audio 9 RTP/SAVP 0\r\na=crypto:1 a inline:a" + b" " * 900 + b"\\",
        b"m=audio 9 RTP/AVP 0\r\na=rtcp:1 IN IP4 " + b" " * 900,
    ],
)
def test_long_sdp_is_read_in_one_pass(line: bytes) -> None:
    read_sdp(b"\r\n".join([b"c=IN IP4 192.0.2.9", *[line] * (60_000 // len(line))]))


def test_message_of_many_headers_is_read_in_one_pass() -> None:
    lines = re.sub(rb"Contact.*", b"", SEED_MESSAGE, flags=re.DOTALL)
    read_everything(lines + b"".join(b"h%d:\r\n" % number for number in range(8000)) + b"\r\n")
