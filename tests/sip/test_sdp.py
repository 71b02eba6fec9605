"""Offers and answers (RFC 3264)."""

import pytest

from movoice_box.domain.media import Codec, MediaOffer, MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.sdp import LocalMedia, SessionDescription

LOCAL = LocalMedia(offer=MediaOffer(address="192.0.2.1", port=20_000), session_id=7)


def audio(*lines: str, formats: str = "0 8 101", port: int = 4000) -> SessionDescription:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    body = [*head, f"m=audio {port} RTP/AVP {formats}", "a=rtpmap:101 telephone-event/8000", *lines]
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
        address="192.0.2.9", port=4000, codec=Codec.PCMA, telephone_event_payload_type=101
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
        (b"m=audio 9 RTP/SAVP 0", "plain RTP"),
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
