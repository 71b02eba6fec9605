"""The people who are called: how each one's phone and thumb behave, as data."""

from dataclasses import dataclass

from movoice_box.domain.document import Fields

OK = 200
REFUSALS = (403, 404, 408, 480, 484, 486, 500, 503, 600, 603, 604)
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

    `q850_cause` goes into a Reason header (RFC 3326). With `early_media` the ringing is a 183 with
    audio. After its last step a callee stays on the line and is silent.
    """

    ring_ms: int = 300
    status: int | None = OK
    q850_cause: int | None = None
    early_media: bool = False
    steps: tuple[Step, ...] = ()


def _presses(key: str, *, ring_ms: int = 300, early_media: bool = False) -> Callee:
    """Listens to the question, then answers it; a second question likewise."""
    steps = (Step(press=key),) * _QUESTIONS
    return Callee(ring_ms=ring_ms, early_media=early_media, steps=steps)


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
    "early_media": _presses("1", ring_ms=1_500, early_media=True),
    "silent": Callee(),
    "hangs_up": Callee(steps=(_LEAVES,)),
    "busy": Callee(status=486, q850_cause=17),
    "declines": Callee(status=603, q850_cause=21),
    "no_answer": Callee(ring_ms=1_500, status=480, q850_cause=19),
    "switched_off": Callee(ring_ms=800, status=480, q850_cause=20, early_media=True),
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
        early_media=fields.flag("early_media", False),
        steps=tuple(map(_read_step, fields.groups("steps"))),
    )
    fields.done()
    if status not in (None, OK, *REFUSALS):
        choices = ", ".join(map(str, (OK, *REFUSALS)))
        raise fields.error("status", f"({status}) must be false (rings for ever) or {choices}")
    return callee


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
