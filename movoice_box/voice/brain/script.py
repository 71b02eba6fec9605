"""The script brain: walks an agent's questions by the keys that the callee presses."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from movoice_box.domain.agent import END, KEY_VARIABLE, Agent, Answer, Question
from movoice_box.domain.call import NO_INPUT, OPTED_OUT
from movoice_box.domain.summary import callee_name, summary_of
from movoice_box.domain.template import fill, variables_in
from movoice_box.voice.brain.brain import KEYS, Heard, Key, Nothing, Turn


class ScriptBrain:
    """`variables` are the recipient's row."""

    def __init__(self, agent: Agent, variables: Mapping[str, str]) -> None:
        self._agent = agent
        self._name = callee_name(variables)
        self._variables = variables
        self._question: Question | None = None
        self._misses = 0  # silences and wrong keys since the last answer
        self._outcome: str | None = None
        self._summary: str | None = None
        self._collected: dict[str, str] = {}
        self._chosen: list[str] = []
        self._opted_out = False

    async def open(self) -> Turn:
        self._question = next(iter(self._agent.questions), None)
        asked = (self._question.ask,) if self._question else ()
        return self._turn(self._filled(self._agent.greeting, *asked))

    async def hear(self, heard: Heard) -> Turn:
        match heard:
            case Nothing():
                return self._on_miss(None)
            case Key(key) if self._agent.opt_out and key == self._agent.opt_out.key:
                return self._on_opt_out(key, self._agent.opt_out.reply)
            case Key(key):
                answer = self._question.answer_to(key) if self._question else None
                return self._on_answer(answer, key) if answer else self._on_miss(key)

    def may_say(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._replies())) if self._question else self._opt_out_reply()

    async def summarize(self, outcome: str) -> str:
        if self._summary:
            return self._summary
        if self._chosen and outcome in {self._outcome, *self._agent.outcomes}:
            return f"{self._name} answered: {'; '.join(self._chosen)}."
        return summary_of(outcome, self._name)

    def _on_answer(self, answer: Answer, key: str) -> Turn:
        say = self._said_after(answer, key)
        self._misses = 0
        self._chosen.append(answer.label)
        self._collected |= self._collect(answer, key)
        if answer.outcome:
            self._outcome, self._summary = answer.outcome, None
            self._opted_out = self._opted_out or answer.outcome == OPTED_OUT
        if answer.summary:
            self._summary = fill(answer.summary, self._values(key))
        self._question = None if answer.next == END else self._agent.question(answer.next)
        named = f": {answer.label}" if answer.label != answer.keys else ""
        turn = self._turn(say, f"Pressed {key}{named}")
        return replace(turn, transfer=fill(answer.transfer or "", self._values(key)) or None)

    def _on_opt_out(self, key: str, reply: str) -> Turn:
        self._question = None
        self._opted_out = True
        self._outcome = OPTED_OUT
        self._summary = summary_of(OPTED_OUT, self._name)
        return self._turn(self._filled(reply), f"Pressed {key}: do not call me again")

    def _on_miss(self, wrong_key: str | None) -> Turn:
        understood = f"Pressed {wrong_key}: not a choice" if wrong_key else None
        no_input = self._agent.no_input
        self._misses += 1
        if self._question is None or self._misses > no_input.reprompts:
            self._question = None
            self._outcome = self._outcome or NO_INPUT
            return self._turn(self._filled(no_input.goodbye), understood)
        apology = (no_input.wrong_key,) if wrong_key else ()
        return self._turn(self._filled(*apology, self._asked_again(self._question)), understood)

    def _turn(self, say: tuple[str, ...], understood: str | None = None) -> Turn:
        """The turn that says `say` and then waits for the current question, or ends without one."""
        opt_out = self._agent.opt_out
        opt_out_keys = frozenset(opt_out.key) if opt_out and not self._opted_out else frozenset()
        return Turn(
            say=say,
            keys=KEYS if self._question else opt_out_keys,
            wait_s=self._agent.no_input.wait_s,
            ends=self._question is None,
            understood=understood,
            outcome=self._outcome,
            collected=dict(self._collected),
            opted_out=self._opted_out,
        )

    def _replies(self) -> Iterator[str]:
        if self._question is None:
            return
        for answer in self._question.answers:
            depends_on_key = KEY_VARIABLE in variables_in((answer.reply or "",))
            for key in answer.keys if depends_on_key or answer.collect else answer.keys[:1]:
                yield from self._said_after(answer, key)
        yield from self._filled(self._asked_again(self._question), self._agent.no_input.wrong_key)
        yield from self._opt_out_reply()
        yield from self._filled(self._agent.no_input.goodbye)

    def _opt_out_reply(self) -> tuple[str, ...]:
        opt_out = self._agent.opt_out
        return self._filled(opt_out.reply) if opt_out and not self._opted_out else ()

    def _asked_again(self, question: Question) -> str:
        return question.reprompt or question.ask

    def _said_after(self, answer: Answer, key: str) -> tuple[str, ...]:
        values = {**self._values(key), **self._collect(answer, key)}
        texts = [answer.reply or ""]
        if answer.next != END:
            texts.append(self._agent.question(answer.next).ask)
        return tuple(filter(None, (fill(text, values) for text in texts)))

    def _collect(self, answer: Answer, key: str) -> dict[str, str]:
        return {name: fill(text, self._values(key)) for name, text in answer.collect.items()}

    def _values(self, key: str) -> dict[str, str]:
        return {**self._variables, **self._collected, KEY_VARIABLE: key}

    def _filled(self, *texts: str) -> tuple[str, ...]:
        values = {**self._variables, **self._collected}
        return tuple(filter(None, (fill(text, values) for text in texts)))
