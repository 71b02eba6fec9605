"""What the owner makes of a trunk's answers: SIP status, Q.850 cause and tone to a disposition."""

from collections.abc import Sequence
from dataclasses import dataclass

from movoice_box.domain.call import Disposition
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.errors import InputError

MAPPABLE = (
    Disposition.BUSY,
    Disposition.NO_ANSWER,
    Disposition.REJECTED,
    Disposition.UNREACHABLE,
    Disposition.INVALID_NUMBER,
    Disposition.FAILED,
)

_FINAL = (Disposition.ANSWERED, Disposition.CANCELED, Disposition.UNKNOWN_AFTER_RESTART)
_VAGUE_STATUSES = (None, 408, 480, 487, 500, 502, 503, 504)
_VAGUE_CAUSES = (None, 16, 31, 127)  # normal clearing; normal, unspecified; interworking

_BY_SOUND = {
    EarlySound.BUSY: Disposition.BUSY,
    EarlySound.CONGESTION: Disposition.FAILED,
    EarlySound.RINGBACK: Disposition.NO_ANSWER,
    EarlySound.SPEECH: Disposition.NO_ANSWER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionRule:
    """What a call that was not answered counts as, where all that is given here fits.

    `sip_status` is the final response (300-699), `q850_cause` the cause of its Reason header
    (1-127), `sound` one that early media had; `EarlySound.NONE` where nothing was heard. Raises
    `InputError` naming the field.
    """

    sip_status: int | None = None
    q850_cause: int | None = None
    sound: EarlySound | None = None
    disposition: Disposition

    def __post_init__(self) -> None:
        if self.sip_status is None and self.q850_cause is None and self.sound is None:
            raise InputError(
                "dispositions: a rule needs a sip_status, a q850_cause or a sound",
                field="dispositions",
            )
        for field, low, high in (("sip_status", 300, 699), ("q850_cause", 1, 127)):
            value = getattr(self, field)
            if value is not None and not low <= value <= high:
                raise InputError(
                    f"dispositions: {field} ({value}) must be from {low} to {high}",
                    field="dispositions",
                )
        if self.disposition not in MAPPABLE:
            raise InputError(
                f"dispositions: '{self.disposition}' must be one of {', '.join(MAPPABLE)}",
                field="dispositions",
            )

    def fits(
        self, sip_status: int | None, q850_cause: int | None, sounds: tuple[EarlySound, ...]
    ) -> bool:
        return (
            self.sip_status in (None, sip_status)
            and self.q850_cause in (None, q850_cause)
            and (self.sound is None or self.sound in (sounds or (EarlySound.NONE,)))
        )


def disposition_heard(
    signalled: Disposition,
    *,
    sip_status: int | None,
    q850_cause: int | None,
    early_media: EarlyMediaVerdict | None,
    rules: Sequence[DispositionRule] = (),
) -> Disposition:
    """What a call counts as, `signalled` being what its final response alone says.

    The first of the trunk's own `rules` that fits decides. Without one, what was heard decides
    where the network told no cause: a status of 408, 480, 487, 500, 502, 503 or 504 or none, and
    no Q.850 cause but 16, 31 and 127.

    | heard                             | counts as      |
    |-----------------------------------|----------------|
    | special information tone, at all  | invalid_number |
    | mostly busy tone                  | busy           |
    | mostly congestion tone            | failed         |
    | mostly ringback                   | no_answer      |
    | mostly speech                     | no_answer      |
    | mostly silence, or something else | as signalled   |

    The special information tone says that a number cannot be reached for a reason other than busy
    (E.182); where a network has it before "switched off" too, a rule of the trunk says so.
    Speech is most often "switched off" or "out of coverage": the callee's affair and worth
    another try, so never `unreachable`, which says that the trunk is. Calls that were answered or
    canceled stay what they are.
    """
    if signalled in _FINAL:
        return signalled
    sounds = early_media.sounds if early_media else ()
    for rule in rules:
        if rule.fits(sip_status, q850_cause, sounds):
            return rule.disposition
    if not sounds or sip_status not in _VAGUE_STATUSES or q850_cause not in _VAGUE_CAUSES:
        return signalled
    if EarlySound.SPECIAL_INFORMATION in sounds:
        return Disposition.INVALID_NUMBER
    return _BY_SOUND.get(sounds[0], signalled)
