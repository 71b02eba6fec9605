"""How well a call was heard: what RTP and RTCP measured, and what that means to an ear."""

from dataclasses import dataclass

from movoice_box.domain.media import Codec


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaQuality:
    """The media of one call (RFC 3550 6.4, A.8).

    Losses are shares from 0 to 1: `loss_heard` of the packets sent to us, `loss_sent` of ours, as
    the far end reported, None where it sent no RTCP. Jitter in milliseconds; `round_trip_ms` by the
    far end's reports. `late` packets came too late to be played; `strangers` from an address that
    has no part in the call.
    """

    codec: Codec
    is_srtp: bool = False
    packets_sent: int
    packets_heard: int
    loss_heard: float
    loss_sent: float | None = None
    jitter_heard_ms: float
    jitter_sent_ms: float | None = None
    round_trip_ms: float | None = None
    late: int = 0
    strangers: int = 0
    mos: float | None = None
    """Listening quality from 1 to 4.5 as ITU-T G.107 estimates it; None where nothing was heard."""
