"""Offers and answers (RFC 3264)."""

import base64
from dataclasses import replace

import pytest

from movoice_box.domain.media import G711, Codec, MediaOffer, MediaTarget, SrtpKey
from movoice_box.errors import SdpError
from movoice_box.sip.sdp import LocalMedia, SessionDescription

LOCAL = LocalMedia(offer=MediaOffer(address="192.0.2.1", port=20_000), session_id=7)

WIDE = replace(
    LOCAL, offer=replace(LOCAL.offer, codecs=(Codec.OPUS, Codec.G722, *G711), ptime_ms=40)
)
MASTER, THEIRS = bytes(range(30)), bytes(range(30, 60))
SECURE = replace(LOCAL, offer=replace(LOCAL.offer, srtp=SrtpKey(1, MASTER)))
INLINE = base64.b64encode(THEIRS).decode()
CRYPTO = f"a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"


def audio(
    *lines: str, formats: str = "0 8 101", port: int = 4000, profile: str = "RTP/AVP"
) -> SessionDescription:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    body = [
        *head,
        f"m=audio {port} {profile} {formats}",
        "a=rtpmap:101 telephone-event/8000",
        *lines,
    ]
    return SessionDescription.parse("\r\n".join(body).encode())


def test_our_offer_word_for_word() -> None:
    assert LOCAL.write_offer().decode().splitlines() == [
        "v=0",
        "o=- 7 1 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 20000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]


def test_answer_names_address_codec_and_digits() -> None:
    assert LOCAL.read(audio(formats="8 101")) == MediaTarget(
        address="192.0.2.9",
        port=4000,
        codec=Codec.PCMA,
        telephone_event_payload_type=101,
        rtcp=("192.0.2.9", 4001),
    )


def test_far_end_chooses_the_codec() -> None:
    assert LOCAL.read(audio(formats="8 0")).codec is Codec.PCMA


def test_codec_in_use_is_kept_where_a_new_offer_has_it() -> None:
    local = LocalMedia(offer=LOCAL.offer, session_id=7, current=Codec.PCMA)

    assert local.read(audio(formats="0 8")).codec is Codec.PCMA
    assert b"m=audio 20000 RTP/AVP 8 101\r\n" in local.write_answer(audio(formats="0 8 101"))


def test_digits_go_by_the_far_ends_payload_type() -> None:
    media = LOCAL.read(audio("a=rtpmap:96 telephone-event/8000", formats="0 96"))

    assert media.telephone_event_payload_type == 96


def test_no_digits_where_the_far_end_has_none() -> None:
    assert LOCAL.read(audio(formats="0")).telephone_event_payload_type is None


def test_address_of_the_stream_goes_before_that_of_the_session() -> None:
    assert LOCAL.read(audio("c=IN IP4 192.0.2.77")).address == "192.0.2.77"


@pytest.mark.parametrize("line", ["a=sendonly", "a=inactive", "c=IN IP4 0.0.0.0"])
def test_hold_stops_our_sending(line: str) -> None:
    assert not LOCAL.read(audio(line)).is_sending


@pytest.mark.parametrize("line", ["a=sendrecv", "a=recvonly", "a=x"])
def test_everything_else_lets_us_send(line: str) -> None:
    assert LOCAL.read(audio(line)).is_sending


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("a=sendrecv", "a=sendrecv"),
        ("a=sendonly", "a=recvonly"),
        ("a=recvonly", "a=sendonly"),
        ("a=inactive", "a=inactive"),
        ("c=IN IP4 0.0.0.0", "a=recvonly"),
    ],
)
def test_direction_of_our_answer(line: str, answer: str) -> None:
    assert answer in LOCAL.write_answer(audio(line)).decode().splitlines()


def test_other_streams_of_an_offer_are_refused_in_their_place() -> None:
    offered = SessionDescription.parse(
        b"v=0\r\nc=IN IP4 192.0.2.9\r\nm=video 9 RTP/AVP 31 32\r\nm=audio 4 RTP/AVP 0\r\n"
    )

    answer = LOCAL.write_answer(offered).decode().splitlines()

    assert [line for line in answer if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31 32",
        "m=audio 20000 RTP/AVP 0",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "refused the audio"),
        (b"m=audio 0 RTP/AVP 0", "refused the audio"),
        (b"m=video 9 RTP/AVP 31", "refused the audio"),
        (b"m=audio 9 RTP/SAVP 0", "wants SRTP"),
        (b"m=audio 9 UDP/TLS/RTP/SAVPF 0", "plain RTP"),
        (b"m=audio 9 RTP/AVP 18\na=rtpmap:18 G729/8000", "has PCMU, PCMA, the far end G729"),
        (b"m=audio 9 RTP/AVP 0\na=rtpmap:0 G722/8000", "the far end G722"),
        (b"c=IN IP4 media.example\nm=audio 9 RTP/AVP 0", "'media.example' is no IP address"),
        (b"m=audio 9 RTP/AVP 0", "'' is no IP address"),
        (b"c=IN IP6 ::1\nm=audio 9 RTP/AVP 0", "no media can go"),
        (b"c=IN IP4 224.0.0.9/127\nm=audio 9 RTP/AVP 0", "no media can go"),
        (b"m=audio nine RTP/AVP 0", "not readable"),
        (b"m=audio 99999 RTP/AVP 0", "not readable"),
        (b"c=192.0.2.9", "not readable"),
    ],
)
def test_sdp_without_usable_audio_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(SdpError, match=reason):
        LOCAL.read(SessionDescription.parse(body))


def test_our_offer_of_every_codec_word_for_word() -> None:
    assert WIDE.write_offer().decode().splitlines()[5:] == [
        "m=audio 20000 RTP/AVP 107 9 0 8 101 110",
        "a=rtpmap:107 opus/48000/2",
        "a=fmtp:107 maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=rtpmap:110 telephone-event/48000",
        "a=fmtp:110 0-15",
        "a=ptime:40",
        "a=sendrecv",
    ]


def test_a_codec_goes_by_the_far_ends_payload_type() -> None:
    lines = ("a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/48000")
    described = audio(*lines, formats="96 0 97 101")
    media = WIDE.read(described)

    assert (media.codec, media.payload_type) == (Codec.OPUS, 96)
    assert media.telephone_event_payload_type == 97
    answer = WIDE.write_answer(described).decode().splitlines()
    assert answer[5:7] == ["m=audio 20000 RTP/AVP 96 97", "a=rtpmap:96 opus/48000/2"]


def test_digits_need_the_clock_of_the_codec() -> None:
    only_8000 = audio("a=rtpmap:96 opus/48000/2", formats="96 101")

    assert WIDE.read(only_8000).telephone_event_payload_type is None


@pytest.mark.parametrize("rtpmap", ["PCMU/16000", "PCMU/8000/2", "opus/48000/2", "PCMU/8000/x"])
def test_a_payload_type_is_what_its_rtpmap_says(rtpmap: str) -> None:
    with pytest.raises(SdpError, match="no common codec"):
        LOCAL.read(audio(f"a=rtpmap:96 {rtpmap}", formats="96"))


def test_a_codec_with_two_numbers_goes_by_the_first_in_the_list() -> None:
    media = LOCAL.read(audio("a=rtpmap:96 pcma/8000/1", formats="96 8"))

    assert (media.codec, media.payload_type) == (Codec.PCMA, 96)


@pytest.mark.parametrize(
    ("lines", "ptime_ms"),
    [
        ([], 40),
        (["a=ptime:30"], 30),
        (["a=ptime:25"], 20),
        (["a=ptime:20.0"], 20),
        (["a=ptime:5"], 10),
        (["a=ptime:200"], 60),
        (["a=ptime:0"], 40),
        (["a=ptime:-20"], 40),
        (["a=ptime:60", "a=maxptime:20"], 20),
        (["a=maxptime:30"], 30),
        (["a=maxptime:5"], 10),
    ],
)
def test_packets_are_as_long_as_the_far_end_asks_and_as_they_can_be(
    lines: list[str], ptime_ms: int
) -> None:
    assert WIDE.read(audio(*lines)).ptime_ms == ptime_ms


@pytest.mark.parametrize(
    ("lines", "rtcp"),
    [
        ([], ("192.0.2.9", 4001)),
        (["a=rtcp:5000"], ("192.0.2.9", 5000)),
        (["a=rtcp:5000 IN IP4 192.0.2.8"], ("192.0.2.8", 5000)),
        (["a=rtcp:5000 IN IP4 rtcp.example"], ("192.0.2.9", 5000)),
        (["a=rtcp:99999"], ("192.0.2.9", 4001)),
        (["a=rtcp:0"], None),
        (["b=RS:0", "b=RR:0"], None),
        (["b=RS:0", "b=RR:800"], ("192.0.2.9", 4001)),
        (["c=IN IP4 0.0.0.0"], None),
    ],
)
def test_where_rtcp_goes(lines: list[str], rtcp: tuple[str, int] | None) -> None:
    assert LOCAL.read(audio(*lines)).rtcp == rtcp


def test_rtcp_needs_a_port_above() -> None:
    assert LOCAL.read(audio(port=65_535)).rtcp is None


def test_media_goes_by_ipv6() -> None:
    local = replace(LOCAL, offer=replace(LOCAL.offer, address="2001:db8::1"))
    media = local.read(audio("c=IN IP6 2001:DB8:0::9"))

    assert (media.address, media.rtcp) == ("2001:db8::9", ("2001:db8::9", 4001))
    assert b"c=IN IP6 2001:db8::1\r\n" in local.write_offer()


def test_a_secure_offer_has_a_key_and_nothing_in_the_clear() -> None:
    lines = SECURE.write_offer().decode().splitlines()

    assert [line for line in lines if line.startswith("m=")] == ["m=audio 20000 RTP/SAVP 0 8 101"]
    key = base64.b64encode(MASTER).decode()
    assert f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}" in lines


def test_the_far_ends_key_is_that_of_its_answer() -> None:
    assert SECURE.read(audio(CRYPTO, profile="RTP/SAVP")).srtp == SrtpKey(4, THEIRS)


def test_a_secure_answer_has_our_key_under_the_tag_that_was_offered() -> None:
    weak = "a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:" + INLINE
    answer = SECURE.write_answer(audio(weak, CRYPTO, profile="RTP/SAVPF")).decode()

    key = base64.b64encode(MASTER).decode()
    assert f"a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n" in answer
    assert "m=audio 20000 RTP/SAVPF 0 101\r\n" in answer


def test_of_a_secure_and_a_plain_stream_each_trunk_takes_its_own() -> None:
    plain = ["m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.9"]
    secure = ["m=audio 5000 RTP/SAVP 0", CRYPTO, "c=IN IP4 192.0.2.9"]
    offered = SessionDescription.parse("\r\n".join(plain + secure).encode())

    assert (LOCAL.read(offered).port, SECURE.read(offered).port) == (4000, 5000)
    answer = SECURE.write_answer(offered).decode()
    assert "m=audio 0 RTP/AVP 0\r\nm=audio 20000 RTP/SAVP 0\r\n" in answer


@pytest.mark.parametrize(
    "line",
    [
        f"{CRYPTO}|2^20",
        f"{CRYPTO} WSH=64",
        f"{CRYPTO} -X=1",
    ],
)
def test_parameters_that_change_nothing_are_let_be(line: str) -> None:
    assert SECURE.read(audio(line, profile="RTP/SAVP")).srtp == SrtpKey(4, THEIRS)


@pytest.mark.parametrize(
    "line",
    [
        "a=x",
        f"{CRYPTO}|2^20|1:4",
        f"{CRYPTO};inline:{INLINE}",
        f"{CRYPTO} UNENCRYPTED_SRTP",
        f"{CRYPTO} KDR=1",
        CRYPTO[:-4],
        CRYPTO.replace("80", "32"),
        CRYPTO.replace("inline", "uri"),
        "a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:****",
    ],
)
def test_a_key_that_cannot_be_used_is_no_key(line: str) -> None:
    with pytest.raises(SdpError, match="no SRTP key"):
        SECURE.read(audio(line, profile="RTP/SAVP"))


def test_plain_audio_is_refused_on_a_secure_trunk() -> None:
    with pytest.raises(SdpError, match="in the clear"):
        SECURE.write_answer(audio(CRYPTO))
