import base64

from movoice_box.clock import Clock
from movoice_box.doctor.pcap import Address
from movoice_box.doctor.wire import Wire
from movoice_box.rtp.packet import RtpPacket
from movoice_box.sip.messages import Response
from tests.builders import ManualClock

BOX, GATEWAY, MEDIA, PLAYER = (
    ("10.0.0.1", 5060),
    ("10.0.0.2", 5060),
    ("10.0.0.1", 20_000),
    (
        "10.0.0.2",
        30_000,
    ),
)
KEY = base64.b64encode(bytes(range(30)))
HEADERS = (
    b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:box@10.0.0.1>;tag=1\r\n"
    b"To: <sip:1@10.0.0.2>\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\n"
)
OPTIONS = b"OPTIONS sip:1@10.0.0.2 SIP/2.0\r\n" + HEADERS + b"\r\n"
OK = b"SIP/2.0 200 OK\r\n" + HEADERS + b"\r\n"


class Captured:
    """A wire, and what it captured."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.datagrams: list[tuple[Address, Address, bytes]] = []
        clock: Clock = self.clock
        self.wire = Wire(clock, lambda _, *datagram: self.datagrams.append(datagram))


def test_ours_and_theirs_are_told_apart_from_the_first_message_on() -> None:
    seen = Captured()
    seen.wire.on_sip(OPTIONS, BOX, GATEWAY)
    seen.clock.pass_time(0.25)
    seen.wire.on_sip(OK, GATEWAY, BOX)
    seen.wire.on_sip(OPTIONS, GATEWAY, BOX)

    (request,) = seen.wire.requests("OPTIONS")
    ((answered, response),) = seen.wire.responses("OPTIONS")
    assert request.peer == answered.peer == GATEWAY
    assert answered.at - request.at == 0.25
    assert isinstance(response, Response)
    assert [source for source, _, _ in seen.datagrams] == [BOX, GATEWAY, GATEWAY]


def test_what_is_no_sip_is_captured_all_the_same() -> None:
    seen = Captured()
    seen.wire.on_sip(b"\r\n\r\n", BOX, GATEWAY)
    assert seen.wire.messages == []
    assert seen.datagrams == [(BOX, GATEWAY, b"\r\n\r\n")]


def test_keys_of_srtp_are_masked_and_lengths_kept() -> None:
    seen = Captured()
    crypto = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + b"|2^31\r\n"
    seen.wire.on_sip(OPTIONS + b"v=0\r\n" + crypto + b"a=sendrecv\r\n", BOX, GATEWAY)
    ((_, _, data),) = seen.datagrams
    assert KEY not in data
    assert b"inline:" + b"x" * len(KEY) + b"|2^31\r\na=sendrecv" in data
    assert len(data) == len(OPTIONS + b"v=0\r\n" + crypto + b"a=sendrecv\r\n")


def test_digest_responses_stay_for_the_provider() -> None:
    seen = Captured()
    data = OPTIONS[:-2] + b'Authorization: Digest username="u", response="abc"\r\n\r\n'
    seen.wire.on_sip(data, BOX, GATEWAY)
    assert seen.datagrams == [(BOX, GATEWAY, data)]


def test_media_is_counted_by_its_source() -> None:
    seen = Captured()
    seen.wire.own.add(MEDIA)
    for payload_type in (8, 8, 101):
        seen.wire.on_rtp(RtpPacket(payload_type, 1, 1, 1, b"x").pack(), PLAYER, MEDIA)
        seen.clock.pass_time(0.02)
    seen.wire.on_rtp(RtpPacket(8, 1, 1, 1, b"x").pack(), MEDIA, PLAYER)
    seen.wire.on_rtp(b"noise", PLAYER, MEDIA)

    (flow,) = seen.wire.heard.values()
    assert flow.packets == 3
    assert flow.payload_types == {8: 2, 101: 1}
    assert round(flow.last_at - flow.first_at, 3) == 0.04
    assert seen.wire.sent_packets == 1
    assert len(seen.datagrams) == 5
