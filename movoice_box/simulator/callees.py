"""The people who are called: how each one's phone and thumb behave, as data."""

from dataclasses import dataclass

from movoice_box.domain.document import Fields
from movoice_box.domain.early_media import EarlySound

OK = 200
REFUSALS = (403, 404, 408, 480, 484, 486, 500, 503, 600, 603, 604)
TONES = (
    EarlySound.RINGBACK,
    EarlySound.BUSY,
    EarlySound.CONGESTION,
    EarlySound.SPECIAL_INFORMATION,
)
_LONGEST_MS = 600_000
_QUESTIONS = 8  # a callee with one key in mind answers at most this many questions with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a callee does, and the moment it does it.

    The moment comes when it heard `speech_ms` of speech since its last step and then `silence_ms`
    of silence: the agent has stopped talking. Without silence it interrupts. It never moves before
    `at_least_ms` and always after `at_most_ms` since its last step, whatever it heard.
    """

    press: str = ""
    say: str = ""
    hangs_up: bool = False
    speech_ms: int = 400
    silence_ms: int = 900
    at_least_ms: int = 0
    at_most_ms: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """A phone. `status` is its final response after `ring_ms`; None: it rings until canceled.

    `q850_cause` goes into a Reason header (RFC 3326). With a `tone` or an `announcement` the
    ringing is a 183 with audio: the network's tone, the operator's words, or the one before the
    other, over and over again for `ring_ms`. After its last step a callee stays on the line and is
    silent.
    """

    ring_ms: int = 300
    status: int | None = OK
    q850_cause: int | None = None
    tone: EarlySound | None = None
    announcement: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def has_early_media(self) -> bool:
        return self.tone is not None or bool(self.announcement)


def _presses(key: str, *, ring_ms: int = 300, tone: EarlySound | None = None) -> Callee:
    """Listens to the question, then answers it; a second question likewise."""
    steps = (Step(press=key),) * _QUESTIONS
    return Callee(ring_ms=ring_ms, tone=tone, steps=steps)


def _interrupts(key: str) -> Callee:
    """Knows the answer before the question is over."""
    step = Step(press=key, speech_ms=400, silence_ms=0, at_least_ms=700, at_most_ms=5_000)
    return Callee(ring_ms=200, steps=(step,) * _QUESTIONS)


def _hurries(key: str) -> Callee:
    """Interrupts, and hangs up on what the agent says then."""
    reply = Step(hangs_up=True, speech_ms=1_000, silence_ms=0, at_most_ms=5_000)
    return Callee(ring_ms=200, steps=(_interrupts(key).steps[0], reply))


_LEAVES = Step(hangs_up=True, speech_ms=800, silence_ms=0, at_most_ms=5_000)

CALLEES = {
    **{f"presses_{key}": _presses(key) for key in "0123456789"},
    **{f"interrupts_{key}": _interrupts(key) for key in "0123456789"},
    **{f"hurries_{key}": _hurries(key) for key in "0123456789"},
    "says_hello": Callee(steps=(Step(say="Hello?", speech_ms=0, silence_ms=200), Step(press="1"))),
    "mistaken": Callee(steps=(Step(press="*"), *_presses("1").steps)),
    "early_media": _presses("1", ring_ms=1_500, tone=EarlySound.RINGBACK),
    "silent": Callee(),
    "hangs_up": Callee(steps=(_LEAVES,)),
    "busy": Callee(status=486, q850_cause=17),
    "declines": Callee(status=603, q850_cause=21),
    "no_answer": Callee(ring_ms=1_500, status=480, q850_cause=19),
    "switched_off": Callee(ring_ms=800, status=480, q850_cause=20, tone=EarlySound.RINGBACK),
    "announced_off": Callee(  # this and the next two: no cause, only what is heard
        ring_ms=6_000,
        status=480,
        announcement="The number you are calling is switched off. Please try again later.",
    ),
    "announced_unknown": Callee(
        ring_ms=6_000,
        status=480,
        tone=EarlySound.SPECIAL_INFORMATION,
        announcement="The number you have dialed does not exist. Please check the number.",
    ),
    "busy_tone": Callee(ring_ms=4_500, status=503, tone=EarlySound.BUSY),
    "wrong_number": Callee(ring_ms=100, status=404, q850_cause=1),
    "no_circuit": Callee(ring_ms=100, status=503, q850_cause=34),
    "rings_out": Callee(status=None),
}
"""Those that scenarios may name without describing them."""


def read_callee(fields: Fields) -> Callee:
    """Read a callee of a scenario file. Raises `InputError` naming the field."""
    default = Callee()
    never_answers = fields.is_off("status")
    status = None if never_answers else fields.number("status", OK, 200, 699)
    cause = fields.number("q850_cause", 0, 0, 127)
    callee = Callee(
        ring_ms=fields.number("ring_ms", default.ring_ms, 0, _LONGEST_MS),
        status=status,
        q850_cause=cause or None,
        tone=_read_tone(fields),
        announcement=fields.text("announcement", ""),
        steps=tuple(map(_read_step, fields.groups("steps"))),
    )
    fields.done()
    if status not in (None, OK, *REFUSALS):
        choices = ", ".join(map(str, (OK, *REFUSALS)))
        raise fields.error("status", f"({status}) must be false (rings for ever) or {choices}")
    return callee


def _read_tone(fields: Fields) -> EarlySound | None:
    name = fields.text("tone", "")
    if name and name not in TONES:
        raise fields.error("tone", f"('{name}') must be one of {', '.join(TONES)}")
    return EarlySound(name) if name else None


def _read_step(fields: Fields) -> Step:
    default = Step()
    step = Step(
        press=fields.text("press", ""),
        say=fields.text("say", ""),
        hangs_up=fields.flag("hangs_up", False),
        speech_ms=fields.number("speech_ms", default.speech_ms, 0, _LONGEST_MS),
        silence_ms=fields.number("silence_ms", default.silence_ms, 0, _LONGEST_MS),
        at_least_ms=fields.number("at_least_ms", default.at_least_ms, 0, _LONGEST_MS),
        at_most_ms=fields.number("at_most_ms", default.at_most_ms, 0, _LONGEST_MS),
    )
    fields.done()
    if not set(step.press) <= set("0123456789*#ABCD"):
        raise fields.error("press", f"'{step.press}' must be keys: 0-9, *, # or A-D")
    return step
