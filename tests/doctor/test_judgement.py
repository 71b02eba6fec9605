from dataclasses import replace
from typing import Any

import pytest

from movoice_box.doctor.call import CallRecord
from movoice_box.doctor.findings import Finding, Level
from movoice_box.doctor.judgement import judge_call
from movoice_box.doctor.wire import RtpFlow, Wire
from movoice_box.domain.call import Disposition
from movoice_box.domain.disposition_rule import DispositionRule
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.domain.media import Codec, MediaOffer, MediaTarget
from movoice_box.domain.quality import MediaQuality
from movoice_box.settings import Rtp
from movoice_box.sip.trunk import Ended
from tests.builders import ManualClock
from tests.sip.ends import an_account

BOX, GATEWAY = ("10.0.0.1", 5060), ("10.0.0.2", 5060)
TARGET = MediaTarget(
    address="10.0.0.2", port=30_000, codec=Codec.PCMA, telephone_event_payload_type=101
)
QUALITY = MediaQuality(
    codec=Codec.PCMA,
    packets_sent=500,
    packets_heard=500,
    loss_heard=0.0,
    loss_sent=0.0,
    jitter_heard_ms=2.0,
    round_trip_ms=35.0,
    mos=4.3,
)
SPEECH = EarlyMediaVerdict(sounds=(EarlySound.SPEECH,), heard_s=8.0)
HUNG_UP = Ended(disposition=Disposition.ANSWERED, sip_status=200, ended_by="callee")


class TheCall:
    """A call on a clock that is moved by hand; `judged` is what the doctor says of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.wire = Wire(self.clock, lambda *_: None)
        self.record = CallRecord(
            offer=MediaOffer(address="10.0.0.1", port=20_000), dialed_at=self.clock.monotonic()
        )
        self.asks("INVITE")

    def asks(self, method: str, cseq: int = 1) -> None:
        self.wire.on_sip(
            _message(f"{method} sip:+91987@10.0.0.2 SIP/2.0", cseq, method), BOX, GATEWAY
        )

    def answers(self, status: int, method: str = "INVITE", cseq: int = 1, extra: str = "") -> None:
        line = f"SIP/2.0 {status} Whatever"
        self.wire.on_sip(_message(line, cseq, method, extra), GATEWAY, BOX)

    def media(self, source: tuple[str, int] = ("10.0.0.2", 30_000), packets: int = 400) -> None:
        now = self.clock.monotonic()
        flow = RtpFlow(first_at=now, last_at=now + 8)
        flow.payload_types[8] = packets
        self.wire.heard[source] = flow

    def refused(self, status: int | None, disposition: Disposition, **ended: Any) -> None:
        self.record.ended = Ended(disposition=disposition, sip_status=status, **ended)

    def answered(self, **record: Any) -> None:
        """A call in which all is well, but for `record`."""
        values: dict[str, Any] = {
            "target": TARGET,
            "talk": SPEECH,
            "sound_s": 5.0,
            "level_dbm0": -16.0,
            "quality": QUALITY,
            "ended": HUNG_UP,
        }
        now = self.clock.monotonic()
        self.record = replace(self.record, answered_at=now, **values | record)

    def judged(self, **account: Any) -> list[Finding]:
        return list(
            judge_call(an_account(GATEWAY, **account), self.record, self.wire, Rtp(20_000, 20_100))
        )

    def about(self, topic: str, **account: Any) -> Finding:
        """The worst finding on a topic."""
        found = [finding for finding in self.judged(**account) if finding.topic == topic]
        return max(found, key=lambda finding: list(Level).index(finding.level))


def _message(line: str, cseq: int, method: str, extra: str = "") -> bytes:
    return (
        f"{line}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{cseq}\r\n"
        f"From: <sip:box@10.0.0.1>;tag=1\r\nTo: <sip:1@10.0.0.2>;tag=2\r\nCall-ID: one\r\n"
        f"CSeq: {cseq} {method}\r\n{extra}\r\n"
    ).encode()


def a_good_call() -> TheCall:
    call = TheCall()
    call.answers(180)
    call.answers(200)
    call.answered()
    call.media()
    return call


def test_a_call_in_which_all_is_well_has_nothing_to_look_at() -> None:
    findings = a_good_call().judged()
    assert {finding.level for finding in findings} == {Level.OK}
    assert "MOS 4.3, 0.0% lost" in next(f.text for f in findings if f.topic == "quality")


@pytest.mark.parametrize(
    ("status", "level", "advice"),
    [
        (403, Level.FAILURE, "forbids this call"),
        (404, Level.FAILURE, "sip:+91987@10.0.0.2"),
        (484, Level.FAILURE, "number format"),
        (486, Level.WARNING, "busy"),
        (488, Level.FAILURE, "we offered PCMU, PCMA"),
        (503, Level.FAILURE, "no free line"),
        (302, Level.FAILURE, "elsewhere"),
        (499, Level.FAILURE, "send the capture"),
    ],
)
def test_a_refusal_comes_with_what_to_change(status: int, level: Level, advice: str) -> None:
    call = TheCall()
    call.answers(status)
    call.refused(status, Disposition.FAILED, sip_reason="Whatever")
    found = next(finding for finding in call.judged() if finding.topic == "call")
    assert found.level is level
    assert advice in found.advice


def test_what_the_far_end_says_of_its_refusal_is_passed_on() -> None:
    call = TheCall()
    call.answers(488, extra='Warning: 304 gw "no G.729 licence"\r\n')
    call.refused(488, Disposition.FAILED)
    assert "no G.729 licence" in call.about("call").advice


def test_what_a_refusal_counts_as_follows_the_ear_and_the_trunks_own_rules() -> None:
    call = TheCall()
    call.answers(480)
    call.refused(480, Disposition.NO_ANSWER)
    call.record.early_target = TARGET
    call.record.early = EarlyMediaVerdict(
        sounds=(EarlySound.SPEECH, EarlySound.SPECIAL_INFORMATION), heard_s=6.0
    )
    call.media()
    texts = [finding.text for finding in call.judged()]
    assert "6.0 s of speech and special information tone" in texts
    assert "such a call counts as 'invalid_number'" in texts
    rule = DispositionRule(sip_status=480, disposition=Disposition.BUSY)
    assert any("'busy'" in finding.text for finding in call.judged(dispositions=(rule,)))


def test_a_busy_tone_tells_more_than_a_503() -> None:
    call = TheCall()
    call.answers(503)
    call.refused(503, Disposition.FAILED)
    assert call.about("call").level is Level.FAILURE
    call.record.early_target = TARGET
    call.record.early = EarlyMediaVerdict(sounds=(EarlySound.BUSY,), heard_s=6.0)
    call.media()
    assert call.about("call").level is Level.WARNING
    assert "line is busy" in call.about("call").advice


def test_early_media_that_never_comes_is_told() -> None:
    call = TheCall()
    call.answers(183)
    call.record.early_target = TARGET
    call.record.early = EarlyMediaVerdict(sounds=(), heard_s=0.0)
    call.refused(487, Disposition.NO_ANSWER)
    assert call.about("early media").level is Level.WARNING


def test_no_packet_back_is_a_failure_that_names_the_ports_to_open() -> None:
    call = a_good_call()
    call.wire.heard.clear()
    found = call.about("audio")
    assert found.level is Level.FAILURE
    assert "Open UDP 20000 to 20100 towards 10.0.0.1" in found.advice


def test_early_media_alone_does_not_hide_a_silent_call() -> None:
    call = TheCall()
    call.media()
    call.clock.pass_time(20)
    call.answers(200)
    call.answered()
    assert call.about("audio").level is Level.FAILURE


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"level_dbm0": None, "sound_s": 0.0}, "packets come, but they are silent"),
        ({"level_dbm0": -40.0}, "that is faint"),
        ({"level_dbm0": -2.0}, "that is too loud"),
    ],
)
def test_a_voice_that_is_hard_to_hear_is_told(record: dict[str, Any], text: str) -> None:
    call = a_good_call()
    call.answered(**record)
    assert call.about("audio").level is Level.WARNING
    assert call.about("audio").text == text


def test_audio_from_another_address_than_the_answers_is_noted() -> None:
    call = a_good_call()
    call.wire.heard.clear()
    call.media(source=("192.0.2.9", 40_000))
    assert call.about("audio").text == "its SDP names 10.0.0.2:30000 instead"


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({"loss_heard": 0.05}, Level.WARNING),
        ({"jitter_heard_ms": 80.0}, Level.WARNING),
        ({"loss_sent": 0.3}, Level.WARNING),
        ({"loss_sent": None}, Level.NOTE),
    ],
)
def test_losses_either_way_are_told(change: dict[str, Any], level: Level) -> None:
    call = a_good_call()
    call.answered(quality=replace(QUALITY, **change))
    assert call.about("quality").level is level


def test_an_invite_that_had_to_be_repeated_is_told() -> None:
    call = TheCall()
    call.asks("INVITE")
    call.asks("INVITE")
    call.answers(486)
    call.refused(486, Disposition.BUSY)
    assert "had to be sent 3 times" in call.about("INVITE").text


def test_a_challenge_is_no_repetition() -> None:
    call = TheCall()
    call.answers(407)
    call.asks("INVITE", cseq=2)
    call.answers(486, cseq=2)
    call.refused(486, Disposition.BUSY)
    assert call.about("INVITE").level is Level.OK


def test_an_answer_without_a_common_codec_says_which_were_offered() -> None:
    call = TheCall()
    call.answers(200)
    call.refused(200, Disposition.FAILED, sip_reason="no common codec")
    assert call.about("call").level is Level.FAILURE
    assert "PCMU, PCMA" in call.about("call").advice


def test_a_bye_that_nobody_answers_is_a_failure() -> None:
    call = a_good_call()
    call.answered(ended=replace(HUNG_UP, ended_by="box"))
    call.asks("BYE", cseq=2)
    assert call.about("BYE").level is Level.FAILURE
    call.answers(200, "BYE", cseq=2)
    assert call.about("BYE").level is Level.OK


def test_keys_are_told_with_the_way_they_came() -> None:
    call = a_good_call()
    call.answered(
        target=replace(TARGET, telephone_event_payload_type=None),
        keys=[("5", "RTP"), ("6", "RTP"), ("7", "INFO")],
    )
    texts = [finding.text for finding in call.judged() if finding.topic == "keys"]
    assert texts[1:] == ["heard '56' as tones in the audio", "heard '7' by SIP INFO"]
    assert "not agreed" in texts[0]


def test_keys_in_packets_of_their_own_are_telephone_events() -> None:
    call = a_good_call()
    call.wire.heard["10.0.0.2", 30_000].payload_types[101] = 14
    call.answered(keys=[("5", "RTP")])
    assert "heard '5' as telephone-event" in [finding.text for finding in call.judged()]
