"""Which call-progress tone a sequence of tones and silences is (ITU-T E.180)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from movoice_box.domain.early_media import EarlySound
from movoice_box.rtp.tone_detector import Kind, Stretch
from movoice_box.rtp.tone_plan import PROGRESS_TONES, SPECIAL_INFORMATION_HZ, ProgressTone

_SAME_HZ = 0.04  # between bursts, and between a burst and the plan
_ONE_CLUSTER_HZ = 100  # frequencies closer than this are heard as one
_TIME_SHARE, _TIME_MS = 0.12, 60  # tolerance of a duration: the larger of the two
_LONGEST_PAUSE_MS = 6_000  # of any ringing tone
_LEAST_MATCHES = 3  # durations: on, off, on
_RINGING_PAUSE_MS = 1_000  # longer than any pause of the other tones
_INFORMATION_HZ = 0.07  # national ones differ by that: 914 to 1,000, 1,371 to 1,450
_INFORMATION_MS = (200, 700)
_INFORMATION_GAP_MS = 100


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `start` to `end`; the pauses of a tone's cadence are part of it."""

    sound: EarlySound
    start: int
    end: int


def progress_tones(stretches: Sequence[Stretch]) -> Iterator[Span]:
    """Every call-progress tone that is known, in order."""
    at = 0
    while at < len(stretches):
        size = 1
        if stretches[at].kind is Kind.TONE:
            if count := _special_information(stretches[at:]):
                yield Span(
                    EarlySound.SPECIAL_INFORMATION,
                    stretches[at].start,
                    stretches[at + count - 1].end,
                )
                size = count
            elif recognized := _recognize(_bursts(stretches[at:])):
                sound, size = recognized
                yield Span(sound, stretches[at].start, stretches[at + size - 1].end)
        at += size


def _special_information(stretches: Sequence[Stretch]) -> int:
    """How many stretches from the first on are the three rising tones; 0 where they are not."""
    wanted = list(SPECIAL_INFORMATION_HZ)
    for count, stretch in enumerate(stretches[:5], start=1):
        if stretch.kind is not Kind.TONE:
            if stretch.ms > _INFORMATION_GAP_MS:
                return 0
            continue
        hz = wanted.pop(0)
        shortest, longest = _INFORMATION_MS
        is_steady = len(stretch.hz) == 1 and shortest <= stretch.ms <= longest
        if not is_steady or abs(stretch.hz[0] - hz) > _INFORMATION_HZ * hz:
            return 0
        if not wanted:
            return count
    return 0


def _bursts(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The first tone and all that follow it at the same pitch, with the silences between."""
    found = [stretches[0]]
    for stretch in stretches[1:]:
        if stretch.kind is Kind.SOUND or stretch.ms > _LONGEST_PAUSE_MS:
            break
        if stretch.kind is Kind.TONE and not _is_pitch(stretch.hz, stretches[0].hz):
            break
        if stretch.kind is found[-1].kind:
            break  # two tones without a pause
        found.append(stretch)
    return found


def _recognize(bursts: Sequence[Stretch]) -> tuple[EarlySound, int] | None:
    """What the bursts are, and how many of them in a row; of equals what the plan lists first.

    Losses may cut a burst in two: the rest is recognized anew.
    """
    times = [burst.ms for burst in bursts]
    best, most, size = None, 0, 0
    for tone in PROGRESS_TONES:
        if _is_pitch(bursts[0].hz, _pitch(tone)):
            for phase in range(0, len(tone.cadence_ms), 2):
                matched, taken = _fit(tone, phase, times)
                if matched > most and _is_proof(tone, matched, times[:taken]):
                    best, most, size = tone.sound, matched, taken
    return (best, size) if best is not None else None


def _is_proof(tone: ProgressTone, matched: int, times: Sequence[int]) -> bool:
    is_ringing = (
        tone.sound is EarlySound.RINGBACK and max(times[1:2], default=0) >= _RINGING_PAUSE_MS
    )
    return matched >= _LEAST_MATCHES or is_ringing


def _fit(tone: ProgressTone, phase: int, times: Sequence[int]) -> tuple[int, int]:
    """From this part of its cadence on: how many durations are those of `tone`, of how many.

    The first may have begun before it was heard, and the last may have been cut short.
    """
    matched = 0
    for at, ms in enumerate(times):
        nominal = tone.cadence_ms[(phase + at) % len(tone.cadence_ms)]
        if abs(ms - nominal) <= max(_TIME_SHARE * nominal, _TIME_MS):
            matched += 1
        elif ms > nominal:
            return matched, at
        elif at:
            return matched, at + 1
    return matched, len(times)


def _pitch(tone: ProgressTone) -> tuple[float, ...]:
    """The frequencies of `tone` as they are heard."""
    if any(high - low > _ONE_CLUSTER_HZ for low, high in pairwise(tone.hz)):
        return tone.hz
    return (sum(tone.hz) / len(tone.hz),)


def _is_pitch(heard: tuple[float, ...], wanted: tuple[float, ...]) -> bool:
    return len(heard) == len(wanted) and all(
        abs(one - other) <= _SAME_HZ * other for one, other in zip(heard, wanted, strict=True)
    )
