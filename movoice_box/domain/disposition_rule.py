"""What the owner makes of a trunk's answers: SIP status, Q.850 cause and tone to a disposition."""

from dataclasses import dataclass

from movoice_box.domain.call import Disposition
from movoice_box.domain.early_media import EarlySound
from movoice_box.errors import InputError

MAPPABLE = (
    Disposition.BUSY,
    Disposition.NO_ANSWER,
    Disposition.REJECTED,
    Disposition.UNREACHABLE,
    Disposition.INVALID_NUMBER,
    Disposition.FAILED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionRule:
    """What a call that was not answered counts as, where all that is given here fits.

    `sip_status` is the final response (400-699), `q850_cause` the cause of its Reason header
    (1-127), `sound` one that early media had. Raises `InputError` naming the field.
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
            and (self.sound is None or self.sound in sounds)
        )
