"""What the media of a call measured, put together for its record."""

from movoice_box.domain.media import PTIME_MS, SAMPLE_RATE_HZ
from movoice_box.domain.quality import MediaQuality, mean_opinion
from movoice_box.rtp.receiver import RtpReceiver
from movoice_box.rtp.reports import Reports
from movoice_box.rtp.sender import RtpSender


def media_quality(
    sender: RtpSender, receiver: RtpReceiver, reports: Reports | None, *, is_srtp: bool
) -> MediaQuality | None:
    """None before any packet was sent or heard."""
    sequence, buffer = receiver.sequence, receiver.playout.buffer
    if not sender.packets and not sequence.received:
        return None
    expected = max(1, sequence.expected)
    loss = min(1.0, (sequence.lost + buffer.late) / expected)
    round_trip_s = reports.round_trip_s if reports else None
    jitter_sent_s = reports.jitter_sent_s if reports else None
    depth_ms = buffer.delays.depth * 1000 / SAMPLE_RATE_HZ
    delay_ms = PTIME_MS + depth_ms + 1000 * (round_trip_s or 0.0) / 2
    return MediaQuality(
        codec=receiver.codec or sender.voice.codec,
        is_srtp=is_srtp,
        packets_sent=sender.packets,
        packets_heard=sequence.received - sequence.duplicates,
        loss_heard=loss,
        loss_sent=reports.loss_sent if reports else None,
        jitter_heard_ms=1000 * receiver.jitter,
        jitter_sent_ms=None if jitter_sent_s is None else 1000 * jitter_sent_s,
        round_trip_ms=None if round_trip_s is None else 1000 * round_trip_s,
        late=buffer.late,
        strangers=receiver.strangers,
        mos=mean_opinion(loss, delay_ms) if sequence.received else None,
    )
