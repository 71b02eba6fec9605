"""Messages and packets as a gateway sends them, usual and unusual, before chance distorts them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from movoice_box.bench.mutation import METHODS, Chance

_STATUSES = (b"100", b"180", b"183", b"200", b"302", b"401", b"407", b"422", b"486", b"491", b"503")
_TELEPHONE_EVENT = 101
_VOICE = bytes(range(0x40, 0xE0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a message says of itself: a live call's, or made up. `port` takes its answers."""

    call_id: str
    local_tag: str
    remote_tag: str
    branch: str
    number: str
    cseq: int
    address: str
    port: int


def request(chance: Chance, names: Names, method: bytes | None = None) -> bytes:
    """A request as a gateway sends it, from the far end of the dialog of `names`."""
    method = method or chance.random.choice(METHODS)
    uri = f"sip:box@{names.address}:5060"
    lines = [
        f"Via: SIP/2.0/UDP {names.address}:{names.port};branch={names.branch};rport",
        "Max-Forwards: 70",
        f'From: "Asha \\"A\\"" <sip:{names.number}@{names.address}>;tag={names.remote_tag}',
        f"To: <{uri}>" + (f";tag={names.local_tag}" if names.local_tag else ""),
        f"Call-ID: {names.call_id}",
        f"CSeq: {names.cseq} {method.decode()}",
        f"Contact: <sip:{names.number}@{names.address}:{names.port}>",
    ]
    body, extra = _payload(chance, method)
    lines += extra
    return _message(f"{method.decode()} {uri} SIP/2.0", lines, body)


def response(chance: Chance, invite: Sequence[str], tag: str, contact: str) -> bytes:
    """A response to a request whose Via, From, To, Call-ID and CSeq lines are `invite`."""
    status = chance.random.choice(_STATUSES).decode()
    lines = [f"{line};tag={tag}" if line.startswith("To:") else line for line in invite]
    extras = (
        *("Require: 100rel\r\nRSeq: 17", "Retry-After: 1", 'WWW-Authenticate: Digest realm="a,b"'),
        *("Session-Expires: 90;refresher=uas", 'Proxy-Authenticate: Digest nonce="n", realm="r"'),
        *(
            "Min-SE: 400",
            "Record-Route: <sip:127.0.0.1;lr>",
            "Reason: Q.850;cause=17",
            "Allow: BYE",
        ),
    )
    lines += [f"Contact: <{contact}>", chance.random.choice(extras)]
    body = _sdp(chance) if status in ("180", "183", "200") else b""
    if body:
        lines.append("Content-Type: application/sdp")
    return _message(f"SIP/2.0 {status} Whatever", lines, body)


def rtp(chance: Chance, ssrc: int, sequence: int, timestamp: int) -> bytes:
    """A packet that is new, late, strange or damaged; some are key presses, of no known key."""
    draw = chance.random
    payload_type = draw.choice((0, 0, 0, 8, 9, 13, 19, _TELEPHONE_EVENT, 96, 127, 72))
    payload = _VOICE
    if payload_type == _TELEPHONE_EVENT:
        payload = struct.pack(
            "!BBH", draw.randrange(256), draw.randrange(256), 160 * draw.randrange(9)
        )
    if draw.random() < 0.1:
        payload = draw.randbytes(draw.choice((0, 1, 3, 160, 161, 480, 1460)))
    if draw.random() < 0.1:
        ssrc = draw.getrandbits(32)
    sequence += draw.choice((0, 0, 0, 1, -1, 100, -100, 3000, 32_768, draw.randrange(65_536)))
    timestamp += draw.choice((0, 0, 0, 160, -160, 8000, 1 << 31, draw.getrandbits(32)))
    flags = draw.choice((0x80, 0x80, 0x80, 0x90, 0xA0, 0x8F, 0xBF, 0x00, 0x40, 0xC0))
    packet = struct.pack(
        "!BBHII",
        *(flags, payload_type | draw.choice((0, 0x80)), sequence & 0xFFFF),
        *(timestamp & 0xFFFF_FFFF, ssrc),
    )
    whole = packet + payload
    return chance.damaged(whole) if draw.random() < 0.5 else whole


def rtcp(chance: Chance, ssrc: int, of_ssrc: int) -> bytes:
    """A compound of reports, descriptions, farewells and feedback, most of it damaged."""
    draw = chance.random
    blocks = b"".join(
        struct.pack("!IIIIII", of_ssrc, *(draw.getrandbits(32) for _ in range(5)))
        for _ in range(draw.choice((0, 1, 1, 3, 31)))
    )
    count = len(blocks) // 24
    info = struct.pack("!QIII", *(draw.getrandbits(32) for _ in range(4)))
    name = draw.randbytes(draw.choice((0, 5, 255)))
    text = struct.pack("!IBB", ssrc, 1, len(name)) + name + b"\0"
    goodbyes = struct.pack("!II", ssrc, of_ssrc)
    packets = [
        draw.choice(
            (
                _rtcp(200, count, struct.pack("!I", ssrc) + info + blocks),
                _rtcp(201, count, struct.pack("!I", ssrc) + blocks),
            )
        ),
        _rtcp(202, 1, text + bytes(-len(text) % 4)),
        _rtcp(203, 2, goodbyes),
        _rtcp(draw.choice((192, 204, 205, 206, 207)), draw.randrange(32), draw.randbytes(12)),
    ]
    if draw.random() < 0.2:
        draw.shuffle(packets)
    whole = b"".join(packets[: draw.randint(1, 4)])
    return chance.damaged(whole) if draw.random() < 0.7 else whole


def _rtcp(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def _message(start_line: str, lines: Sequence[str], body: bytes) -> bytes:
    head = "\r\n".join([start_line, *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode() + body


def _payload(chance: Chance, method: bytes) -> tuple[bytes, list[str]]:
    """A body that goes with the method, and the headers that go with both."""
    draw = chance.random
    match method:
        case b"INVITE" | b"UPDATE":
            extra = draw.choice(
                (
                    *("Supported: 100rel, timer", "Session-Expires: 90;refresher=uac", "Min-SE: 1"),
                    *("Require: 100rel", "Require: replaces", "Accept: text/plain", "Privacy: id"),
                    *(
                        "P-Asserted-Identity: <tel:+911234567890>",
                        "Replaces: a;to-tag=b;from-tag=c",
                    ),
                )
            )
            if draw.random() < 0.2:
                return b"", [extra]
            return _sdp(chance), ["Content-Type: application/sdp", extra]
        case b"INFO":
            kind = draw.choice(("application/dtmf-relay", "application/dtmf", "text/plain"))
            signal = draw.choice((b"5", b"*", b"16", b"", b"Signal", b"7" * 500))
            return b"Signal=" + signal + b"\r\nDuration=160\r\n", [f"Content-Type: {kind}"]
        case b"NOTIFY":
            body = b"SIP/2.0 " + draw.choice(_STATUSES) + b" OK"
            return body, [
                "Event: refer",
                "Subscription-State: active",
                "Content-Type: message/sipfrag",
            ]
        case b"REFER":
            return b"", ["Refer-To: <sip:+911234567890@127.0.0.1>"]
        case b"PRACK":
            return b"", [f"RAck: {draw.randrange(20)} 1 INVITE"]
        case b"REGISTER":
            return b"", ["Expires: 3600"]
        case _:
            return b"", []


def _sdp(chance: Chance) -> bytes:
    """An offer or answer, often with something that few far ends say."""
    draw = chance.random
    port = draw.choice((4000, 4000, 4000, 0, 1, 9, 65_535, 65_536, 99_999))
    lines = [
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-"),
        draw.choice(("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", "c=IN IP6 ::1", "c=IN IP4 x", "c=")),
        "t=0 0",
        f"m=audio {port} {draw.choice(('RTP/AVP', 'RTP/AVP', 'RTP/SAVP', 'udptl'))} 0 8 9 101",
        "a=rtpmap:101 telephone-event/8000",
        draw.choice(("a=fmtp:101 0-15", "a=rtpmap:0 opus/48000/2", "a=rtpmap:-1 x", "a=rtpmap:8")),
        draw.choice(("a=sendrecv", "a=sendonly", "a=inactive", "a=recvonly", "a=" + "x" * 2000)),
        draw.choice(("a=ptime:20", "a=ptime:0", "a=ptime:-20", "a=ptime:1e9", "a=maxptime:1")),
        draw.choice(("a=rtcp:1", "a=rtcp-mux", "b=RR:0", "b=AS:x", "a=crypto:1 x inline:AAAA", "")),
        draw.choice(("m=video 9 RTP/AVP 99", "m=audio 0 RTP/AVP 0", "m=", "a=")),
    ]
    body = "\r\n".join([*lines, ""]).encode()
    return chance.distorted(body) if draw.random() < 0.5 else body


def torture(chance: Chance, names: Names) -> bytes:
    """A message in the manner of RFC 4475: legal beyond what is usual, or not legal at all."""
    via = f"SIP/2.0/UDP {names.address}:{names.port};branch={names.branch}"
    sender, ours = f"<sip:a@{names.address}>;tag={names.remote_tag}", f"<sip:b@{names.address}>"
    head = f"From: {sender}\r\nTo: {ours}\r\nCall-ID: {names.call_id}\r\n"
    options = f"OPTIONS sip:b@{names.address} SIP/2.0\r\nVia: {via}\r\n{head}CSeq: 9 OPTIONS\r\n"
    length = "Content-Length: 0\r\n\r\n"
    text = chance.random.choice(
        (
            f"INVITE sip:b@{names.address};unknown SIP/2.0\r\nTO :\r\n {ours} ;   q = 1\r\n"
            'from   : "J \\\\\\""   <sip:a@b>\r\n  ;\r\n  tag = 98as\r\ncseq: 0009\r\n  INVITE\r\n'
            f"Call-ID  : {names.call_id}\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    {names.address}"
            f";branch={names.branch}\r\nMaX-fOrWaRdS: 0068\r\ns :\r\n{length}",  # wsinv
            f"!it-Meth01_*+`.%'~ sip:1_u(n):&it+h=1,w!*p$w~d_t.(d'-i)@{names.address} SIP/2.0\r\n"
            f"Via: {via}\r\n{head}CSeq: 139122385 !it-Meth01_*+`.%'~\r\n{length}",  # intmeth
            f"{options}Contact: <sip:%00@b>, <sip:%00%00@b>\r\n{length}",  # escnull
            f"{options}{length}INVITE sip:joe@b SIP/2.0\r\nt: {ours}\r\n{length}",  # dblreq
            f"{options}X: {'x' * 1000}; {'very-' * 200}long\r\n{length}",  # longreq
            f'{options}Contact: sip:a@b; x="unbalanced\r\n{length}',  # quotbal
            f"{options}Content-Length: -999\r\n\r\n",  # ncl
            f"{options}Content-Length: 9999\r\n\r\nshort",  # clerr
            f"{options}Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",  # mcl01
            f"{options}Max-Forwards: 300\r\nExpires: 10000000000000000000\r\n{length}",  # scalar02
            f"{options}Date: Fri, 01 Jan 2010 16:00:00 EST\r\nRequire: nothing, x\r\n{length}",
            f"OPTIONS <sip:b@{names.address}> SIP/7.0\r\nVia: {via}\r\n{head}CSeq: 9 OPTIONS\r\n"
            f"{length}",  # ltgtruri, badvers
            f"OPTIONS nobodyKnowsThis:{'x' * 9} SIP/2.0\r\nVia: {via}\r\n{head}CSeq: 9 OPTIONS\r\n"
            f"{length}",  # unkscm
            f"REGISTER sip:b SIP/2.0\r\nVia: {via}\r\n{head}CSeq: 9 OPTIONS\r\n{length}",
            f"SIP/2.0 4294967301 do not break\r\nVia: {via}\r\n{head}CSeq: 9 INVITE\r\n{length}",
            f"SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e\r\nVia: {via}, {via}\r\n{head}CSeq: 8 INVITE"
            f"\r\n{length}",  # unreason
        )
    )
    return text.encode()
