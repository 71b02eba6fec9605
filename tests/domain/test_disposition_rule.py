import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.disposition_rule import DispositionRule, disposition_heard
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.errors import InputError

ANSWERED, CANCELED = Disposition.ANSWERED, Disposition.CANCELED
BUSY, FAILED, INVALID = Disposition.BUSY, Disposition.FAILED, Disposition.INVALID_NUMBER
NO_ANSWER, REJECTED = Disposition.NO_ANSWER, Disposition.REJECTED
UNREACHABLE = Disposition.UNREACHABLE

SIT, BUSY_TONE, CONGESTION = (
    EarlySound.SPECIAL_INFORMATION,
    EarlySound.BUSY,
    EarlySound.CONGESTION,
)
RINGBACK, SPEECH, SILENCE, OTHER = (
    EarlySound.RINGBACK,
    EarlySound.SPEECH,
    EarlySound.SILENCE,
    EarlySound.OTHER,
)


def decide(
    signalled: Disposition,
    status: int | None,
    cause: int | None,
    *sounds: EarlySound,
    rules: tuple[DispositionRule, ...] = (),
) -> Disposition:
    verdict = EarlyMediaVerdict(sounds=sounds, heard_s=8.0) if sounds else None
    return disposition_heard(
        signalled, sip_status=status, q850_cause=cause, early_media=verdict, rules=rules
    )


@pytest.mark.parametrize(
    ("signalled", "status", "cause", "sounds", "expected"),
    [
        # the network told no cause: what was heard decides
        (NO_ANSWER, 480, None, (SIT, SPEECH), INVALID),
        (NO_ANSWER, 480, None, (SPEECH, SIT), INVALID),
        (NO_ANSWER, 480, 31, (SPEECH,), NO_ANSWER),
        (NO_ANSWER, 487, None, (BUSY_TONE,), BUSY),
        (NO_ANSWER, None, None, (BUSY_TONE, RINGBACK), BUSY),
        (NO_ANSWER, None, None, (RINGBACK, BUSY_TONE), NO_ANSWER),
        (NO_ANSWER, None, None, (SPEECH,), NO_ANSWER),
        (NO_ANSWER, 408, 127, (CONGESTION,), FAILED),
        (FAILED, 503, None, (BUSY_TONE,), BUSY),
        (FAILED, 503, 16, (RINGBACK,), NO_ANSWER),
        (FAILED, 500, None, (SPEECH,), NO_ANSWER),
        (FAILED, 502, 127, (SIT,), INVALID),
        (FAILED, 504, None, (CONGESTION,), FAILED),
        # nothing that tells anything was heard
        (NO_ANSWER, 480, None, (SILENCE,), NO_ANSWER),
        (FAILED, 503, None, (OTHER, RINGBACK), FAILED),
        (FAILED, 500, None, (), FAILED),
        # the network did tell
        (BUSY, 486, 17, (SIT,), BUSY),
        (BUSY, 486, None, (RINGBACK,), BUSY),
        (REJECTED, 603, None, (BUSY_TONE,), REJECTED),
        (NO_ANSWER, 480, 20, (SIT, SPEECH), NO_ANSWER),
        (FAILED, 503, 34, (RINGBACK,), FAILED),
        (INVALID, 404, None, (SPEECH,), INVALID),
        # not for the ear to say
        (ANSWERED, 200, None, (BUSY_TONE,), ANSWERED),
        (CANCELED, 487, None, (BUSY_TONE,), CANCELED),
        (UNREACHABLE, None, None, (), UNREACHABLE),
    ],
)
def test_what_was_heard_decides_only_where_the_network_told_nothing(
    signalled: Disposition,
    status: int | None,
    cause: int | None,
    sounds: tuple[EarlySound, ...],
    expected: Disposition,
) -> None:
    assert decide(signalled, status, cause, *sounds) is expected


def test_no_sound_makes_the_trunk_itself_unreachable() -> None:
    for sound in EarlySound:
        for status in (480, 487, 500, 503, None):
            assert decide(NO_ANSWER, status, None, sound) is not UNREACHABLE


def test_the_first_of_the_owners_rules_that_fits_decides_even_against_a_cause() -> None:
    rules = (
        DispositionRule(sip_status=503, q850_cause=34, disposition=BUSY),
        DispositionRule(sip_status=503, sound=SPEECH, disposition=INVALID),
        DispositionRule(sip_status=503, disposition=NO_ANSWER),
    )
    assert decide(FAILED, 503, 34, SPEECH, rules=rules) is BUSY
    assert decide(FAILED, 503, 38, RINGBACK, SPEECH, rules=rules) is INVALID
    assert decide(FAILED, 503, None, rules=rules) is NO_ANSWER
    assert decide(FAILED, 500, None, BUSY_TONE, rules=rules) is BUSY


def test_a_rule_for_a_sound_needs_that_sound() -> None:
    rule = DispositionRule(sound=SIT, disposition=NO_ANSWER)
    assert decide(NO_ANSWER, 480, None, SIT, rules=(rule,)) is NO_ANSWER
    assert decide(FAILED, 503, None, BUSY_TONE, rules=(rule,)) is BUSY


def test_a_rule_for_nothing_heard_fits_only_silence_of_the_line() -> None:
    rule = DispositionRule(sound=EarlySound.NONE, disposition=Disposition.UNREACHABLE)
    assert rule.fits(480, None, ())
    assert not rule.fits(480, None, (EarlySound.RINGBACK,))


@pytest.mark.parametrize("signalled", [ANSWERED, CANCELED, Disposition.UNKNOWN_AFTER_RESTART])
def test_no_rule_touches_a_call_that_was_answered_or_canceled(signalled: Disposition) -> None:
    rule = DispositionRule(sip_status=487, disposition=BUSY)
    assert decide(signalled, 487, None, rules=(rule,)) is signalled


@pytest.mark.parametrize(
    "wrong",
    [
        {"disposition": BUSY},
        {"sip_status": 299, "disposition": BUSY},
        {"q850_cause": 128, "disposition": BUSY},
        {"sip_status": 480, "disposition": ANSWERED},
        {"sip_status": 480, "disposition": CANCELED},
    ],
)
def test_a_rule_that_says_nothing_or_too_much_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError) as refused:
        DispositionRule(**wrong)  # type: ignore[arg-type]
    assert refused.value.field == "dispositions"
