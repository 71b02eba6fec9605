"""What a callee's behaviour has to come to for an agent: worked out from their data alone."""

from movoice_box.domain.agent import END, Agent, Question
from movoice_box.domain.call import (
    COMPLETED,
    HUNG_UP,
    NO_INPUT,
    OPTED_OUT,
    UNANSWERED_OUTCOMES,
    Disposition,
)
from movoice_box.domain.early_media import EarlySound
from movoice_box.simulator.callees import OK, Callee, Step

_BY_STATUS = {
    403: Disposition.REJECTED,
    404: Disposition.INVALID_NUMBER,
    408: Disposition.NO_ANSWER,
    480: Disposition.NO_ANSWER,
    484: Disposition.INVALID_NUMBER,
    486: Disposition.BUSY,
    500: Disposition.FAILED,
    503: Disposition.FAILED,
    600: Disposition.BUSY,
    603: Disposition.REJECTED,
    604: Disposition.INVALID_NUMBER,
}
_BY_CAUSE = {  # ITU-T Q.850; it knows more than the SIP status and so comes first
    1: Disposition.INVALID_NUMBER,  # unallocated number
    17: Disposition.BUSY,
    18: Disposition.NO_ANSWER,  # no user responding
    19: Disposition.NO_ANSWER,
    20: Disposition.NO_ANSWER,  # subscriber absent: switched off, out of coverage
    21: Disposition.REJECTED,
    27: Disposition.FAILED,  # destination out of order
    28: Disposition.INVALID_NUMBER,  # incomplete number
    34: Disposition.FAILED,  # no circuit
}
_BY_EAR = {  # where neither the status nor a cause tells
    EarlySound.BUSY: Disposition.BUSY,
    EarlySound.CONGESTION: Disposition.FAILED,
    EarlySound.SPECIAL_INFORMATION: Disposition.INVALID_NUMBER,
    EarlySound.RINGBACK: Disposition.NO_ANSWER,
}
_TELLS_NOTHING = (None, 408, 480, 500, 503)


def expected_disposition(callee: Callee) -> Disposition:
    """How a call to `callee` counts, if it rings long enough for what is heard to be told."""
    if callee.status == OK:
        return Disposition.ANSWERED
    is_heard = callee.q850_cause is None and callee.status in _TELLS_NOTHING
    if is_heard and callee.tone is not None:
        return _BY_EAR[callee.tone]
    if is_heard and callee.announcement:
        return Disposition.NO_ANSWER
    if callee.status is None:
        return Disposition.NO_ANSWER
    by_status = _BY_STATUS[callee.status]
    return by_status if callee.q850_cause is None else _BY_CAUSE.get(callee.q850_cause, by_status)


def expected_outcome(callee: Callee, agent: Agent) -> str:
    """The outcome that a call of `agent` to `callee` has to reach."""
    disposition = expected_disposition(callee)
    if disposition is not Disposition.ANSWERED:
        return UNANSWERED_OUTCOMES[disposition]
    return _Walk(agent).through(callee.steps)


class _Walk:
    """One way through an agent's questions."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._question: Question | None = next(iter(agent.questions), None)
        self._outcome: str | None = None
        self._misses = 0

    def through(self, steps: tuple[Step, ...]) -> str:
        for step in steps:
            for key in step.press:
                if self._question is None:
                    return self._outcome or COMPLETED
                self._press(self._question, key)
            if step.hangs_up and self._question is not None:
                return self._outcome or HUNG_UP
        return self._outcome or (NO_INPUT if self._question else COMPLETED)

    def _press(self, question: Question, key: str) -> None:
        if self._agent.opt_out and key == self._agent.opt_out.key:
            self._outcome, self._question = OPTED_OUT, None
        elif answer := question.answer_to(key):
            self._misses = 0
            self._outcome = answer.outcome or self._outcome
            ends = answer.next == END
            self._question = None if ends else self._agent.question(answer.next)
        else:
            self._misses += 1
            if self._misses > self._agent.no_input.reprompts:
                self._outcome, self._question = self._outcome or NO_INPUT, None
