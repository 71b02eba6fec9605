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
    """What `mean_opinion` makes of it, from 1 to 4.5; None where nothing was heard."""


_BASIC_R = 93.2  # with every other parameter of G.107 at its default
_MOST_IMPAIRMENT = 95.0
_LOSS_ROBUSTNESS = 25.1
_NOTICED_DELAY_MS = 177.3


def mean_opinion(loss: float, delay_ms: float) -> float:
    """The mean opinion score from 1 to 4.5 that the E-model estimates (ITU-T G.107, annex B).

    R is 93.2 less the impairments by delay and by codec and loss. `loss` is the share of packets
    that were not played, `delay_ms` from mouth to ear. Delay as Cole and Rosenbluth reduced the
    E-model's curve (ACM CCR 31/2, 2001). Loss as G.107 section 3.5, taken as random, with the
    values of G.711 with concealment (G.113 appendix I: Ie 0, Bpl 25.1; without it 4.3). For G.722
    and Opus that appendix has none on a line of 4 kHz: they are taken to be as good.
    """
    lost_percent = 100 * min(max(loss, 0.0), 1.0)
    impairment = _MOST_IMPAIRMENT * lost_percent / (lost_percent + _LOSS_ROBUSTNESS)
    delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _NOTICED_DELAY_MS)
    r = min(max(_BASIC_R - delay - impairment, 0.0), 100.0)
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
