from movoice_box.domain.agent import Agent
from movoice_box.voice.brain.brain import KEYS, Key, Nothing, Turn
from movoice_box.voice.brain.script import ScriptBrain
from tests.voice.call import ROW, an_agent, warp


def a_brain(agent: Agent | None = None, **row: str) -> ScriptBrain:
    return ScriptBrain(agent or an_agent(), {**ROW, **row})


def turns(brain: ScriptBrain, *keys: str | None) -> list[Turn]:
    """The opening and the turn after each key; None is silence."""

    async def run() -> list[Turn]:
        heard = [Nothing() if key is None else Key(key) for key in keys]
        return [await brain.open(), *[await brain.hear(item) for item in heard]]

    return warp(run())


def test_the_opening_greets_and_asks_and_listens_to_every_key() -> None:
    (opening,) = turns(a_brain())
    assert opening.say == ("Hello Rahul Sharma, ₹2500 is due.", "Will you pay?")
    assert opening.keys == KEYS
    assert opening.wait_s == 5
    assert not opening.ends


def test_the_last_answer_that_set_an_outcome_sets_it() -> None:
    brain = a_brain()
    assert [turn.outcome for turn in turns(brain, "3", "2", "1")] == [
        None,
        None,
        "DELAYED",
        "DELAYED",
    ]
    assert warp(brain.summarize("DELAYED")) == "Rahul Sharma pays in 1 weeks."


def test_every_possible_reply_is_foreseen() -> None:
    for keys in ("1", "2", "3", "7", "9", None):
        brain = a_brain()
        turns(brain)
        foreseen = brain.may_say()
        turn = warp(brain.hear(Key(keys) if keys else Nothing()))
        assert set(turn.say) <= set(foreseen)


def test_a_reply_that_names_the_key_is_foreseen_for_each_key() -> None:
    brain = a_brain()
    turns(brain, "2")
    assert {f"So {key} weeks." for key in "1234"} <= set(brain.may_say())


def test_an_ending_turn_foresees_the_opt_out_alone() -> None:
    brain = a_brain()
    *_, last = turns(brain, "1")
    assert last.ends
    assert last.keys == {"9"}
    assert brain.may_say() == ("Never again.",)


def test_nothing_is_heard_after_an_opt_out() -> None:
    *_, last = turns(a_brain(), "9")
    assert last.ends
    assert not last.keys


def test_an_agent_without_opt_out_takes_its_key_for_a_wrong_one() -> None:
    *_, last = turns(a_brain(an_agent(opt_out=False)), "9")
    assert not last.opted_out
    assert last.understood == "Pressed 9: not a choice"


def test_an_answer_resets_the_count_of_silences() -> None:
    *_, last = turns(a_brain(), None, None, "3", None, None)
    assert not last.ends


def test_wrong_keys_and_silences_share_one_limit() -> None:
    *_, last = turns(a_brain(), "7", None, "8")
    assert last.ends
    assert last.say == ("Goodbye.",)


def test_without_a_summary_of_the_agent_the_answers_are_told() -> None:
    question = {"id": "q", "ask": "?", "answers": [{"keys": "1", "label": "Yes", "outcome": "OK"}]}
    brain = a_brain(an_agent(questions=[question], outcomes=["OK"]))
    turns(brain, "1")
    assert warp(brain.summarize("OK")) == "Rahul Sharma answered: Yes."


def test_a_later_outcome_does_not_keep_the_summary_of_an_earlier_one() -> None:
    answers = [
        {"keys": "1", "label": "Yes", "outcome": "OK", "summary": "It is OK.", "next": "sure"},
    ]
    sure = {"id": "sure", "ask": "?", "answers": [{"keys": "2", "label": "No", "outcome": "NOT"}]}
    questions = [{"id": "q", "ask": "?", "answers": answers}, sure]
    brain = a_brain(an_agent(questions=questions, outcomes=["OK", "NOT"]))
    turns(brain, "1", "2")
    assert warp(brain.summarize("NOT")) == "Rahul Sharma answered: Yes; No."


def test_collected_values_are_known_to_later_texts() -> None:
    rate = {
        "id": "rate",
        "ask": "Rate us.",
        "answers": [{"keys": "12345", "collect": {"rating": "{{key}} of 5"}, "next": "why"}],
    }
    why = {
        "id": "why",
        "ask": "You gave {{rating}}. Sure?",
        "answers": [{"keys": "1", "summary": "{{name}} gave {{rating}}."}],
    }
    brain = a_brain(an_agent(questions=[rate, why]))
    _, asked, ended = turns(brain, "4", "1")
    assert asked.say == ("You gave 4 of 5. Sure?",)
    assert ended.collected == {"rating": "4 of 5"}
    assert warp(brain.summarize("COMPLETED")) == "Rahul Sharma gave 4 of 5."


def test_a_value_with_braces_is_spoken_as_it_is() -> None:
    (opening,) = turns(a_brain(name="{{amount_due}} {{key}}"))
    assert opening.say[0] == "Hello {{amount_due}} {{key}}, ₹2500 is due."
