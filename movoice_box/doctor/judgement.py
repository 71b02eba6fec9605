"""What the call of an examination shows: findings from its record and its messages, no I/O."""

from collections.abc import Iterator

from movoice_box.doctor.advice import (
    NO_COMMON_MEDIA,
    NO_EARLY_MEDIA,
    NOT_HEARD,
    ONE_WAY,
    advice_for,
)
from movoice_box.doctor.call import CallRecord
from movoice_box.doctor.findings import Finding, Level, failure, note, ok, warning
from movoice_box.doctor.wire import RtpFlow, Wire
from movoice_box.domain.call import Disposition
from movoice_box.domain.disposition_rule import disposition_heard
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.domain.media import MediaTarget
from movoice_box.domain.quality import MediaQuality
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.settings import Rtp
from movoice_box.sip.messages import Request, Response
from movoice_box.sip.trunk import Ended

_FAINT_DBM0, _LOUD_DBM0 = -35.0, -6.0
_BAD_LOSS = 0.02
_BAD_JITTER_MS = 40.0
_LATE_AUDIO_S = 1.0
_WORDS = {
    EarlySound.RINGBACK: "ringback",
    EarlySound.BUSY: "busy tone",
    EarlySound.CONGESTION: "congestion tone",
    EarlySound.SPECIAL_INFORMATION: "special information tone",
    EarlySound.SPEECH: "speech",
    EarlySound.OTHER: "music, noise or an unknown tone",
}


def judge_call(
    account: TrunkAccount, record: CallRecord, wire: Wire, rtp: Rtp
) -> Iterator[Finding]:
    """Every finding, in the order of the call. `rtp` has the ports that a firewall must let in."""
    yield from _progress(record, wire)
    yield from _early_media(record, wire)
    if record.answered_at is None:
        yield from _refusal(account, record, wire)
        return
    if record.target is None:
        yield failure("answer", "it carried no media that this box understands")
        return
    yield from _codec(record, record.target)
    yield from _audio(record, record.target, wire, rtp)
    yield from _keys(record, record.target, wire)
    yield from _end(record, wire)


def _progress(record: CallRecord, wire: Wire) -> Iterator[Finding]:
    """The responses as they came, and the extensions that they bring."""
    invites, responses = wire.requests("INVITE"), wire.responses("INVITE")
    if not responses:
        return
    steps: list[str] = []
    for passed, response in responses:
        step = f"{response.status} after {passed.at - record.dialed_at:.1f} s"
        if not steps or steps[-1].split()[0] != step.split()[0]:
            steps.append(step)
    yield ok("INVITE", f"to '{_dialed(wire)}': {', '.join(steps)}")
    challenges = sum(response.status in (401, 407) for _, response in responses)
    repeats = len(invites) - 1 - challenges
    if repeats > 0:
        yield warning(
            "INVITE",
            f"had to be sent {repeats + 1} times until something came back",
            "packets are lost on the way, or the far end is slow: its 100 should come at once",
        )
    if any(response.get("RSeq") for _, response in responses):
        yield ok("100rel", "ringing was confirmed by PRACK (RFC 3262)")
    for _, response in responses:
        if 200 <= response.status < 300 and (timer := response.get("Session-Expires")):
            yield ok("timer", f"session timer: {timer} (RFC 4028)")
            return


def _early_media(record: CallRecord, wire: Wire) -> Iterator[Finding]:
    """What was heard before the answer, where it was announced."""
    if record.early_target is None:
        return
    until = record.answered_at
    packets = any(until is None or flow.first_at < until for flow in wire.heard.values())
    if not packets:
        yield warning("early media", "announced by SDP, but no packet came", NO_EARLY_MEDIA)
    elif record.early is not None:
        yield ok("early media", f"{record.early.heard_s:.1f} s of {_described(record.early)}")


def _refusal(account: TrunkAccount, record: CallRecord, wire: Wire) -> Iterator[Finding]:
    ended = record.ended
    if ended is None:
        return
    counts = _counts_as(account, record, ended)
    codecs = ", ".join(codec.value for codec in record.offer.codecs)
    if ended.sip_status is not None and ended.sip_status < 300:
        yield failure("call", ended.sip_reason, NO_COMMON_MEDIA.format(codecs=codecs))
    elif ended.sip_status is None:
        level = Level.WARNING if ended.disposition is Disposition.NO_ANSWER else Level.FAILURE
        yield Finding(level=level, topic="call", text=ended.sip_reason or "no response at all")
    else:
        heard = counts if counts is not ended.disposition and not account.dispositions else None
        level, advice = advice_for(ended.sip_status, heard, dialed=_dialed(wire), codecs=codecs)
        cause = f", Q.850 cause {ended.q850_cause}" if ended.q850_cause is not None else ""
        text = f"refused with {ended.sip_status} {ended.sip_reason}{cause}"
        if ended.ended_by == "box":
            text = ended.sip_reason
        yield Finding(level=level, topic="call", text=text, advice=advice + _warning_of(wire))
    yield note("call", f"such a call counts as '{counts}'")


def _counts_as(account: TrunkAccount, record: CallRecord, ended: Ended) -> Disposition:
    return disposition_heard(
        ended.disposition,
        sip_status=ended.sip_status,
        q850_cause=ended.q850_cause,
        early_media=record.early,
        rules=account.dispositions,
    )


def _codec(record: CallRecord, target: MediaTarget) -> Iterator[Finding]:
    offered = ", ".join(codec.value for codec in record.offer.codecs)
    secure = "SRTP, " if target.srtp else ""
    yield ok(
        "codec",
        f"{target.codec.value}, {secure}{target.ptime_ms} ms a packet; we offered {offered}",
    )
    if not target.is_sending:
        yield warning(
            "codec",
            "the far end does not want our audio: it holds the call (a=sendonly or c=0.0.0.0)",
            "look for music on hold or a queue at the far end in the way of this number",
        )


def _audio(record: CallRecord, target: MediaTarget, wire: Wire, rtp: Rtp) -> Iterator[Finding]:
    """Whether both sides are heard, from where, how well and how loud."""
    answered_at = record.answered_at or record.dialed_at
    flows = {source: flow for source, flow in wire.heard.items() if flow.last_at >= answered_at}
    address = record.offer.address
    if not flows:
        text = f"nothing came back: 0 packets, we sent {wire.sent_packets}"
        advice = ONE_WAY.format(low=rtp.port_min, high=rtp.port_max, address=address)
        yield failure("audio", text, advice)
        return
    source, flow = max(flows.items(), key=lambda item: item[1].packets)
    yield from _source(source, flow, target, answered_at)
    if record.level_dbm0 is None:
        yield warning(
            "audio",
            "packets come, but they are silent",
            "did somebody speak? If so, look at the microphone, or at the gateway's volume",
        )
    else:
        what = f" ({kinds})" if record.talk and (kinds := _kinds(record.talk)) else ""
        yield ok("audio", f"{record.sound_s:.1f} s of sound at {record.level_dbm0:.0f} dBm0{what}")
        yield from _loudness(record.level_dbm0)
    yield from _quality(record.quality, address)


def _source(
    source: tuple[str, int], flow: RtpFlow, target: MediaTarget, answered_at: float
) -> Iterator[Finding]:
    yield ok("audio", f"{flow.packets} packets of RTP came from {source[0]}:{source[1]}")
    late_s = flow.first_at - answered_at
    if late_s > _LATE_AUDIO_S:
        yield warning(
            "audio",
            f"the first packet came {late_s:.1f} s after the answer",
            "the far end connects the audio late: callees' first words are lost",
        )
    if source != (target.address, target.port):
        yield note(
            "audio",
            f"its SDP names {target.address}:{target.port} instead",
            "a NAT is before the far end; this box answers to where packets come from",
        )


def _loudness(level_dbm0: float) -> Iterator[Finding]:
    if level_dbm0 < _FAINT_DBM0:
        yield warning("audio", "that is faint", "raise the receive gain at the gateway")
    elif level_dbm0 > _LOUD_DBM0:
        yield warning("audio", "that is too loud", "lower the receive gain at the gateway")


def _quality(quality: MediaQuality | None, address: str) -> Iterator[Finding]:
    """Losses both ways, jitter, round trip and what they come to."""
    if quality is None or quality.mos is None:
        return
    jitter_ms = quality.jitter_heard_ms
    text = f"MOS {quality.mos:.1f}, {quality.loss_heard:.1%} lost, jitter {jitter_ms:.0f} ms"
    if quality.loss_heard >= _BAD_LOSS:
        yield warning("quality", text, "look for Wi-Fi, a full uplink or a bad cable on the way")
    elif jitter_ms >= _BAD_JITTER_MS:
        yield warning("quality", text, "give voice precedence in the router (DSCP 46)")
    else:
        yield ok("quality", text)
    if quality.loss_sent is None:
        yield note("quality", "the far end sent no RTCP: whether it hears us, only it can tell")
        return
    trip = (
        f", round trip {quality.round_trip_ms:.0f} ms" if quality.round_trip_ms is not None else ""
    )
    text = f"the far end lost {quality.loss_sent:.1%} of our packets{trip}"
    if quality.loss_sent >= _BAD_LOSS:
        yield warning("quality", text, NOT_HEARD.format(address=address))
    else:
        yield ok("quality", text)


def _keys(record: CallRecord, target: MediaTarget, wire: Wire) -> Iterator[Finding]:
    if target.telephone_event_payload_type is not None:
        how = f"telephone-event, payload type {target.telephone_event_payload_type} (RFC 4733)"
        yield ok("keys", how)
    else:
        yield note(
            "keys",
            "telephone-event was not agreed: ours go as tones in the audio",
            "switch on RFC 2833/4733 DTMF at the far end; it is surer than tones",
        )
    for way in dict.fromkeys(way for _, way in record.keys):
        pressed = "".join(key for key, by in record.keys if by == way)
        yield ok("keys", f"heard '{pressed}' {_way_of_keys(way, record, target, wire)}")


def _way_of_keys(way: str, record: CallRecord, target: MediaTarget, wire: Wire) -> str:
    if way == "INFO":
        return "by SIP INFO"
    events = {record.offer.telephone_event_payload_type, target.telephone_event_payload_type}
    types = {one for flow in wire.heard.values() for one in flow.payload_types}
    return "as telephone-event" if events & types else "as tones in the audio"


def _end(record: CallRecord, wire: Wire) -> Iterator[Finding]:
    ended = record.ended
    if ended is None:
        return
    if ended.ended_by == "callee":
        yield ok("BYE", "the far end hung up")
        return
    sent, answers = wire.requests("BYE"), wire.responses("BYE")
    final = [(passed, response) for passed, response in answers if response.status >= 200]
    if not sent:
        yield warning("BYE", f"the call ended by itself: {ended.sip_reason or ended.ended_by}")
    elif not final:
        yield failure(
            "BYE",
            "was not answered: the far end may still hold the line",
            "the far end must take a BYE at the Contact of its 200; a proxy on the way that wants "
            "to see it has to add itself by Record-Route",
        )
    else:
        passed, response = final[-1]
        text = f"answered {response.status} after {1000 * (passed.at - sent[0].at):.0f} ms"
        yield ok("BYE", text) if response.status < 300 else warning("BYE", text)


def _described(verdict: EarlyMediaVerdict) -> str:
    return _kinds(verdict) or "silence"


def _kinds(verdict: EarlyMediaVerdict) -> str:
    """What it was, but for silence; empty where too little was heard to tell."""
    return " and ".join(_WORDS[sound] for sound in verdict.sounds if sound in _WORDS)


def _dialed(wire: Wire) -> str:
    """The Request-URI of the last INVITE."""
    messages = [passed.message for passed in wire.requests("INVITE")]
    return next((str(one.uri) for one in reversed(messages) if isinstance(one, Request)), "")


def _warning_of(wire: Wire) -> str:
    """What the far end itself says of its refusal (RFC 3261 20.43)."""
    responses: list[Response] = [response for _, response in wire.responses("INVITE")]
    said = responses[-1].get("Warning") if responses else None
    return f". It says: {said}" if said else ""
