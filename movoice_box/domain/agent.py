"""An agent: what it says, what it asks, which keys answer it, and the outcome of each answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from movoice_box.domain.call import RESERVED_OUTCOMES
from movoice_box.domain.document import Fields
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.phrases import Phrases, phrases_for
from movoice_box.domain.template import is_well_formed, variables_in
from movoice_box.errors import InputError

END = "end"
KEY_VARIABLE = "key"  # in an answer's texts: the key that was pressed
_LANGUAGE, _WORDS_PER_MINUTE, _MAX_DURATION_S = "en-IN", 150, 180
_OUTCOME = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_KEYS = re.compile(r"[0-9*#]{1,12}")
_ANYWHERE = "ZZ"  # of no country: a number needs its country code
_AGENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What pressing one of `keys` means.

    `next` is a question's id or "end". `summary` and `collect` may use `{{key}}`. `transfer` is a
    number or an extension, or the variable that holds one: who takes over after `reply`.
    """

    keys: str
    label: str
    outcome: str | None = None
    summary: str | None = None
    collect: dict[str, str] = field(default_factory=dict)
    reply: str | None = None
    transfer: str | None = None
    next: str = END


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    id: str
    ask: str
    answers: tuple[Answer, ...]
    reprompt: str | None = None  # said instead of `ask` the second time

    def answer_to(self, key: str) -> Answer | None:
        return next((answer for answer in self.answers if key in answer.keys), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """The key by which a callee is never called again, by any batch."""

    key: str = "9"
    reply: str = phrases_for(_LANGUAGE).opted_out


@dataclass(frozen=True, slots=True, kw_only=True)
class NoInput:
    """Silence or wrong keys: wait `wait_s`, ask again `reprompts` times, then say goodbye."""

    wait_s: int = 6
    reprompts: int = 2
    wrong_key: str = phrases_for(_LANGUAGE).wrong_key
    goodbye: str = phrases_for(_LANGUAGE).no_input_goodbye


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A script with its limits. `language` is a BCP 47 tag such as en-IN; durations in seconds."""

    name: str
    greeting: str
    questions: tuple[Question, ...]
    outcomes: tuple[str, ...]
    description: str = ""
    language: str = _LANGUAGE
    words_per_minute: int = _WORDS_PER_MINUTE
    opt_out: OptOut | None = OptOut()
    no_input: NoInput = NoInput()
    max_duration_s: int = _MAX_DURATION_S
    record: bool = False

    def question(self, question_id: str) -> Question:
        return next(question for question in self.questions if question.id == question_id)

    @property
    def variables(self) -> list[str]:
        """The variables a recipient must bring, in the order the callee hears them."""
        collected = {name for _, answer in self._answers() for name in answer.collect}
        opening = variables_in((self.greeting, *(question.ask for question in self.questions[:1])))
        brought_later = {KEY_VARIABLE, *collected}.difference(opening)
        used = variables_in(text for _, text in self._texts())
        return [name for name in used if name not in brought_later]

    def to_document(self) -> dict[str, Any]:
        """The shape that `from_document` reads, with every default written out."""
        return {
            "name": self.name,
            "description": self.description,
            "language": self.language,
            "words_per_minute": self.words_per_minute,
            "greeting": self.greeting,
            "questions": [
                {
                    "id": question.id,
                    "ask": question.ask,
                    "reprompt": question.reprompt,
                    "answers": [
                        {name: getattr(answer, name) for name in Answer.__slots__}
                        for answer in question.answers
                    ],
                }
                for question in self.questions
            ],
            "outcomes": list(self.outcomes),
            "opt_out": (
                {"key": self.opt_out.key, "reply": self.opt_out.reply} if self.opt_out else False
            ),
            "no_input": {name: getattr(self.no_input, name) for name in NoInput.__slots__},
            "max_duration_s": self.max_duration_s,
            "record": self.record,
        }

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Read and check an agent. Raises `InputError` naming the field that is wrong."""
        fields = Fields(document)
        language = fields.text("language", _LANGUAGE)
        phrases = phrases_for(language)
        agent = cls(
            name=fields.text("name"),
            description=fields.text("description", ""),
            language=language,
            words_per_minute=fields.number("words_per_minute", _WORDS_PER_MINUTE, 80, 300),
            greeting=fields.text("greeting"),
            questions=tuple(map(_question, fields.groups("questions"))),
            outcomes=fields.texts("outcomes"),
            opt_out=_opt_out(fields, phrases),
            no_input=_no_input(fields.group("no_input"), phrases),
            max_duration_s=fields.number("max_duration_s", _MAX_DURATION_S, 10, 3600),
            record=fields.flag("record", False),
        )
        fields.done()
        agent._check()
        return agent

    def _answers(self) -> Iterator[tuple[str, Answer]]:
        for index, question in enumerate(self.questions):
            for place, answer in enumerate(question.answers):
                yield f"questions[{index}].answers[{place}].", answer

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Every text that may hold variables, with its field, in the order they are heard."""
        yield "greeting", self.greeting
        for index, question in enumerate(self.questions):
            yield f"questions[{index}].ask", question.ask
            yield f"questions[{index}].reprompt", question.reprompt or ""
        yield from self._answer_texts()
        if self.opt_out:
            yield "opt_out.reply", self.opt_out.reply
        yield "no_input.wrong_key", self.no_input.wrong_key
        yield "no_input.goodbye", self.no_input.goodbye

    def _answer_texts(self) -> Iterator[tuple[str, str]]:
        for path, answer in self._answers():
            yield f"{path}reply", answer.reply or ""
            yield f"{path}summary", answer.summary or ""
            yield f"{path}transfer", answer.transfer or ""
            for name, text in answer.collect.items():
                yield f"{path}collect.{name}", text

    def _check(self) -> None:
        ids = [question.id for question in self.questions]
        for index, question in enumerate(self.questions):
            if ids.index(question.id) != index or question.id == END:
                raise InputError(
                    f"questions[{index}].id '{question.id}' is taken; give each its own",
                    field=f"questions[{index}].id",
                )
        if not _LANGUAGE_TAG.fullmatch(self.language):
            raise InputError(
                f"language '{self.language}' must be a language tag such as en-IN", field="language"
            )
        for index, outcome in enumerate(self.outcomes):
            problem = "must be capitals like BOOKED" if not _OUTCOME.fullmatch(outcome) else ""
            if self.outcomes.index(outcome) != index:
                problem = "is listed twice"
            if problem:
                path = f"outcomes[{index}]"
                raise InputError(f"{path} '{outcome}' {problem}", field=path)
        for path, answer in self._answers():
            self._check_answer(path, answer, ids)
        self._check_reachable(ids)
        self._check_templates()

    def _check_answer(self, path: str, answer: Answer, ids: list[str]) -> None:
        known = {*self.outcomes, *RESERVED_OUTCOMES}
        if answer.outcome is not None and answer.outcome not in known:
            raise InputError(
                f"{path}outcome '{answer.outcome}' is not in outcomes: {', '.join(self.outcomes)}",
                field=f"{path}outcome",
            )
        if answer.next != END and answer.next not in ids:
            raise InputError(
                f"{path}next '{answer.next}' is no question's id: use 'end' or one of "
                + ", ".join(ids),
                field=f"{path}next",
            )
        if self.opt_out and self.opt_out.key in answer.keys:
            raise InputError(
                f"{path}keys '{answer.keys}' contains '{self.opt_out.key}', the opt-out key",
                field=f"{path}keys",
            )

    def _check_templates(self) -> None:
        knows_key = {field for field, _ in self._answer_texts()}
        for path, text in self._texts():
            names = variables_in((text,))
            if not is_well_formed(text) or "" in names:
                raise InputError(f"{path} has braces that are no {{{{variable}}}}", field=path)
            if KEY_VARIABLE in names and path not in knows_key:
                raise InputError(
                    f"{path} uses {{{{{KEY_VARIABLE}}}}}, which only an answer's texts know",
                    field=path,
                )

    def _check_reachable(self, ids: list[str]) -> None:
        reached: set[str] = set()
        ahead = ids[:1]
        while ahead:
            question_id = ahead.pop()
            if question_id != END and question_id not in reached:
                reached.add(question_id)
                ahead.extend(answer.next for answer in self.question(question_id).answers)
        for index, question_id in enumerate(ids):
            if question_id not in reached:
                raise InputError(
                    f"questions[{index}].id '{question_id}' is never asked: no answer leads to it",
                    field=f"questions[{index}].id",
                )


def check_agent_id(agent_id: object) -> str:
    """An id that an owner gave. Raises `InputError` unless it can stand in a URL."""
    if not isinstance(agent_id, str) or not _AGENT_ID.fullmatch(agent_id):
        raise InputError(
            f"agent_id '{agent_id}' must be 1 to 64 letters, digits, - and _", field="agent_id"
        )
    return agent_id


def _question(fields: Fields) -> Question:
    question = Question(
        id=fields.text("id"),
        ask=fields.text("ask"),
        reprompt=fields.optional_text("reprompt"),
        answers=tuple(map(_answer, fields.groups("answers"))),
    )
    fields.done()
    if not question.answers:
        raise fields.error("answers", "must have at least one answer")
    keys = "".join(answer.keys for answer in question.answers)
    if len(set(keys)) != len(keys):
        raise fields.error("answers", "use the same key twice")
    return question


def _answer(fields: Fields) -> Answer:
    keys = fields.text("keys")
    if not _KEYS.fullmatch(keys):
        raise fields.error("keys", f'\'{keys}\' must be digits, * or #, such as "1" or "12345"')
    collect = fields.text_map("collect")
    if KEY_VARIABLE in collect:
        raise fields.error("collect", f"cannot be named '{KEY_VARIABLE}', the key pressed")
    answer = Answer(
        keys=keys,
        label=fields.text("label", keys),
        outcome=fields.optional_text("outcome"),
        summary=fields.optional_text("summary"),
        collect=collect,
        reply=fields.optional_text("reply"),
        transfer=fields.optional_text("transfer"),
        next=fields.text("next", END),
    )
    fields.done()
    if answer.transfer is not None:
        _check_transfer(fields, answer, answer.transfer)
    return answer


def _check_transfer(fields: Fields, answer: Answer, to: str) -> None:
    if not variables_in((to,)):
        try:
            PhoneNumber.parse_any(to, _ANYWHERE)
        except InputError:
            problem = f"'{to}' must be a number like +919876543210 or an extension, in quotes"
            raise fields.error("transfer", problem) from None
    if answer.outcome or answer.summary or answer.next != END:
        raise fields.error(
            "transfer",
            "ends the conversation with an outcome and a summary of its own: leave out outcome, "
            "summary and next",
        )


def _opt_out(fields: Fields, phrases: Phrases) -> OptOut | None:
    if fields.is_off("opt_out"):
        return None
    group = fields.group("opt_out")
    opt_out = OptOut(
        key=group.text("key", OptOut().key), reply=group.text("reply", phrases.opted_out)
    )
    group.done()
    if not _KEYS.fullmatch(opt_out.key) or len(opt_out.key) != 1:
        raise group.error("key", f"'{opt_out.key}' must be one key: a digit, * or #")
    return opt_out


def _no_input(fields: Fields, phrases: Phrases) -> NoInput:
    default = NoInput()
    no_input = NoInput(
        wait_s=fields.number("wait_s", default.wait_s, 1, 60),
        reprompts=fields.number("reprompts", default.reprompts, 0, 5),
        wrong_key=fields.text("wrong_key", phrases.wrong_key),
        goodbye=fields.text("goodbye", phrases.no_input_goodbye),
    )
    fields.done()
    return no_input
