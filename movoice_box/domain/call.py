"""One attempt to reach one number: its states, and the words for how it went."""

from enum import StrEnum


class CallState(StrEnum):
    """Where a live call is. Only the first state is before anything left the box."""

    PREPARING = "preparing"
    DIALING = "dialing"
    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


class Disposition(StrEnum):
    """What the network did."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN_AFTER_RESTART = "unknown_after_restart"


# Outcomes that any agent may end with, beside those of its own list.
OPTED_OUT = "OPTED_OUT"
NO_INPUT = "NO_INPUT"
HUNG_UP = "HUNG_UP"
TIMED_OUT = "TIMED_OUT"

UNANSWERED_OUTCOMES = {
    Disposition.BUSY: "BUSY",
    Disposition.NO_ANSWER: "NO_ANSWER",
    Disposition.REJECTED: "REJECTED",
    Disposition.UNREACHABLE: "UNREACHABLE",
    Disposition.INVALID_NUMBER: "INVALID_NUMBER",
    Disposition.FAILED: "FAILED",
    Disposition.CANCELED: "CANCELED",
    Disposition.UNKNOWN_AFTER_RESTART: "UNKNOWN_AFTER_RESTART",
}
"""Outcome of a call in which nobody spoke."""

RESERVED_OUTCOMES = {OPTED_OUT, NO_INPUT, HUNG_UP, TIMED_OUT, *UNANSWERED_OUTCOMES.values()}
