"""The sentence that says what came of a call where no answer of the agent's script says it."""

from collections.abc import Mapping

from movoice_box.domain.call import (
    COMPLETED,
    HUNG_UP,
    NO_INPUT,
    OPTED_OUT,
    TIMED_OUT,
    TRANSFER_FAILED,
    TRANSFERRED,
    UNANSWERED_OUTCOMES,
    Disposition,
)

_NAME_COLUMNS = ("name", "full_name", "customer_name", "first_name")
_SENTENCES = {
    OPTED_OUT: "{name} asked not to be called again.",
    NO_INPUT: "{name} answered the call but gave no answer to the agent.",
    HUNG_UP: "{name} hung up before giving an answer.",
    TIMED_OUT: "The call with {name} reached its time limit without an answer.",
    COMPLETED: "{name} heard the agent to the end.",
    TRANSFERRED: "{name} was handed over to a person.",
    TRANSFER_FAILED: "{name} was to be handed over to a person, and could not be.",
    "BUSY": "The line of {name} was busy.",
    "NO_ANSWER": "{name} did not pick up.",
    "REJECTED": "The call to {name} was declined.",
    "UNREACHABLE": "The call to {name} could not be placed: the trunk did not answer.",
    "INVALID_NUMBER": "The number of {name} is not in use.",
    "FAILED": "The call to {name} failed for a technical reason.",
    "CANCELED": "The call to {name} was canceled.",
    "UNKNOWN_AFTER_RESTART": (
        "The box restarted during the call to {name}; what came of it is not known."
    ),
}


def callee_name(variables: Mapping[str, str]) -> str:
    """What to call the callee in a sentence: the row's name, or "the callee"."""
    columns = {column.strip().lower().replace(" ", "_"): column for column in variables}
    names = (variables[columns[name]].strip() for name in _NAME_COLUMNS if name in columns)
    return next(filter(None, names), "the callee")


def summary_of(outcome: str, name: str) -> str:
    """A sentence for `outcome`; one of the owner's own outcomes is named as it is written."""
    sentence = _SENTENCES.get(outcome, "The call with {name} ended with {outcome}.")
    sentence = sentence.replace("{outcome}", outcome).replace("{name}", name)
    return sentence[0].upper() + sentence[1:]


def summary_of_missed(name: str) -> str:
    """A sentence for a call that came in and ended before the agent answered."""
    sentence = f"{name} called and hung up before the agent answered."
    return sentence[0].upper() + sentence[1:]


def summary_without_conversation(disposition: Disposition, name: str) -> str:
    """A sentence for a call in which nobody spoke. `name` is from `callee_name`."""
    if disposition is Disposition.ANSWERED:
        return summary_of(HUNG_UP, name)
    return summary_of(UNANSWERED_OUTCOMES[disposition], name)
