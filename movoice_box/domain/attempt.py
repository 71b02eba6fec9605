"""One INVITE over one trunk: whether the trunk failed, and whether another may try."""

from dataclasses import dataclass

from movoice_box.domain.call import Disposition

_FAULTS = {Disposition.FAILED, Disposition.UNREACHABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How a call went on the trunk that carried it.

    `sip_status` is None where no final response came, `reason` says for people what happened.
    `disposition` is what the owner's rules made of it: a 503 that they call busy is no fault.
    `has_rung` tells that a phone may have rung, `talk_s` how long somebody talked; `retry_after_s`
    is how long the far end wants to be left alone.
    """

    disposition: Disposition
    sip_status: int | None = None
    reason: str = ""
    has_rung: bool = False
    retry_after_s: float | None = None
    talk_s: float = 0.0

    @property
    def is_answered(self) -> bool:
        return self.disposition is Disposition.ANSWERED

    @property
    def is_canceled(self) -> bool:
        """Ended from our side: it says nothing of the trunk."""
        return self.disposition is Disposition.CANCELED

    @property
    def is_silent(self) -> bool:
        """The trunk could not be reached, or never answered (RFC 3261 8.1.3.1)."""
        is_lost = self.disposition is Disposition.UNREACHABLE
        return is_lost and self.sip_status is None and not self.has_rung

    @property
    def is_fault(self) -> bool:
        """The trunk failed and not the number: it is silent, or refused with 408 or a 5xx.

        Never once a phone may have rung, nor where a Q.850 cause told of the callee.
        """
        if self.has_rung:
            return False
        if self.sip_status == 408:
            return self.disposition in _FAULTS | {Disposition.NO_ANSWER}
        if self.sip_status is not None and 500 <= self.sip_status <= 599:
            return self.disposition in _FAULTS
        return self.is_silent


def may_fail_over(attempt: Attempt) -> bool:
    """Whether another trunk may try the same number at once, without ringing anyone twice."""
    return attempt.is_fault
