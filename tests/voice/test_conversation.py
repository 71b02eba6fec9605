import asyncio

import pytest

from movoice_box.domain.agent import Agent
from movoice_box.domain.call import TranscriptLine
from movoice_box.errors import SpeechError
from movoice_box.voice.brain.script import ScriptBrain
from movoice_box.voice.conversation import (
    Conversation,
    ConversationResult,
    OptedOut,
    first_words,
)
from tests.voice.call import (
    HANG_UP,
    PAUSE_S,
    ROW,
    SENTENCE_S,
    Line,
    LoopClock,
    Speech,
    a_call,
    an_agent,
    warp,
)

GREETING = "Hello Rahul Sharma, two thousand five hundred rupees is due."
FRAME_S = 0.02


def test_the_opening_is_made_before_the_answer_and_leaves_at_once() -> None:
    call = a_call((0.1, HANG_UP), speech=Speech(delay_s=2.0))
    assert call.speech.texts[:2] == [GREETING, "Will you pay?"]
    assert call.line.played[0].text == GREETING
    assert call.line.played[0].start_s == pytest.approx(4.0)  # two sentences of preparation
    assert call.result.transcript[0].at_ms == 0


def test_an_answer_ends_with_its_outcome_summary_and_transcript() -> None:
    call = a_call((4.0, "1"))
    assert call.result.outcome == "CONFIRMED"
    assert call.result.summary == "Rahul Sharma confirmed payment of ₹2500 by April 25."
    assert call.result.ended_by == "agent"
    assert call.result.transcript == (
        TranscriptLine(0, "agent", "Hello Rahul Sharma, ₹2500 is due."),
        TranscriptLine(1240, "agent", "Will you pay?"),
        TranscriptLine(4000, "callee", "Pressed 1: Yes"),
        TranscriptLine(4000, "agent", "Thank you Rahul Sharma."),
    )


def test_a_key_during_speech_stops_it_within_a_frame_and_is_the_answer() -> None:
    call = a_call((0.5, "1"))
    greeting, reply = call.line.played
    assert greeting.end_s == pytest.approx(0.5, abs=FRAME_S)
    assert reply.text == "Thank you Rahul Sharma."
    assert reply.start_s == pytest.approx(0.5, abs=FRAME_S)
    assert call.result.outcome == "CONFIRMED"


def test_replies_are_made_while_the_agent_still_speaks() -> None:
    call = a_call((2.4, "1"), speech=Speech(delay_s=0.5))
    reply = call.line.played[-1]
    assert reply.text == "Thank you Rahul Sharma."
    assert reply.start_s - call.line.played[0].start_s == pytest.approx(2.4, abs=FRAME_S)


def test_a_second_question_collects_what_was_keyed() -> None:
    call = a_call((3.0, "2"), (6.0, "4"))
    assert call.result.outcome == "DELAYED"
    assert call.result.collected == {"weeks": "4"}
    assert call.result.summary == "Rahul Sharma pays in 4 weeks."
    assert call.line.texts[-1] == "So four weeks."


def test_silence_is_asked_again_until_the_limit() -> None:
    call = a_call()
    assert call.line.texts[1:] == [
        "Will you pay?",
        "Please press a key.",
        "Please press a key.",
        "Goodbye.",
    ]
    assert call.result.outcome == "NO_INPUT"
    assert call.result.summary == "Rahul Sharma answered the call but gave no answer to the agent."
    waits = [
        later.start_s - (earlier.end_s or 0)
        for earlier, later in zip(call.line.played[1:], call.line.played[2:], strict=False)
    ]
    assert waits == pytest.approx([5.0] * 3)


def test_silence_after_an_answer_keeps_its_outcome() -> None:
    assert a_call((3.0, "2")).result.outcome == "DELAYED"


def test_a_wrong_key_is_told_and_the_question_asked_again() -> None:
    call = a_call((3.0, "7"), (6.0, "1"))
    assert call.line.texts[2:4] == ["Wrong key.", "Please press a key."]
    assert call.lines_of("callee")[0].text == "Pressed 7: not a choice"
    assert call.result.outcome == "CONFIRMED"


def test_hanging_up_before_an_answer_is_a_result() -> None:
    call = a_call((0.7, HANG_UP))
    assert call.result.outcome == "HUNG_UP"
    assert call.result.ended_by == "callee"
    assert call.result.summary == "Rahul Sharma hung up before giving an answer."
    assert call.line.played[0].end_s == pytest.approx(0.7)


def test_hanging_up_while_the_agent_waits_is_noticed_at_once() -> None:
    call = a_call((4.0, HANG_UP))
    assert call.result.outcome == "HUNG_UP"
    assert call.ended_s == pytest.approx(4.0)


def test_speech_that_is_still_being_made_does_not_hold_up_the_end() -> None:
    assert a_call((0.7, HANG_UP), speech=Speech(delay_s=3.0)).ended_s == pytest.approx(0.7)


def test_hanging_up_after_an_answer_keeps_its_outcome() -> None:
    call = a_call((3.0, "1"), (3.2, HANG_UP))
    assert call.result.outcome == "CONFIRMED"
    assert call.result.ended_by == "callee"


@pytest.mark.parametrize("at_s", [0.5, 1.24, 4.0])
def test_a_key_pressed_just_before_hanging_up_counts(at_s: float) -> None:
    call = a_call((at_s, "1"), (at_s, HANG_UP))
    assert call.result.outcome == "CONFIRMED"
    assert call.result.ended_by == "callee"


class SlowEars(Line):
    """The line closes for the mouth first; the last key is heard 50 ms later."""

    async def next_digit(self) -> str:
        digit = await super().next_digit()
        await asyncio.sleep(0.05)
        return digit


def test_a_key_that_is_heard_after_the_line_closed_counts() -> None:
    call = a_call(line=SlowEars((0.5, "1"), (0.52, HANG_UP)))
    assert call.result.outcome == "CONFIRMED"
    assert call.ended_s < 0.8


@pytest.mark.parametrize("at_s", [0.0, 0.3, 2.0, 4.0, 8.0, 14.0, 20.0])
def test_the_opt_out_key_works_at_any_time(at_s: float) -> None:
    call = a_call((at_s, "9"))
    assert call.result.outcome == "OPTED_OUT"
    assert call.result.opted_out
    assert call.result.summary == "Rahul Sharma asked not to be called again."
    assert call.line.texts[-1] == "Never again."


def test_an_opt_out_is_told_the_moment_it_happens() -> None:
    call = a_call((0.3, "9"))
    told = [at_s for at_s, event in call.events if event == OptedOut()]
    assert told == pytest.approx([0.3])
    assert call.line.played[-1].end_s == pytest.approx(0.3 + SENTENCE_S + PAUSE_S)


def test_an_opt_out_during_the_goodbye_replaces_the_outcome() -> None:
    call = a_call((3.0, "1"), (3.5, "9"))
    assert call.result.outcome == "OPTED_OUT"
    assert call.result.opted_out


def test_an_answer_with_the_outcome_opted_out_is_an_opt_out() -> None:
    question = {
        "id": "q",
        "ask": "May we call?",
        "answers": [{"keys": "2", "outcome": "OPTED_OUT"}],
    }
    call = a_call((2.0, "2"), agent=an_agent(questions=[question]))
    assert call.result.opted_out
    assert OptedOut() in [event for _, event in call.events]


def test_other_keys_do_not_cut_the_goodbye_short() -> None:
    call = a_call((3.0, "1"), (3.9, "5"))
    assert call.line.played[-1].end_s == pytest.approx(3.0 + SENTENCE_S + PAUSE_S)
    assert call.result.outcome == "CONFIRMED"


def test_a_bouncing_key_is_one_answer() -> None:
    call = a_call((3.0, "2"), (3.2, "2"), (4.0, HANG_UP))
    assert [line.text for line in call.lines_of("callee")] == ["Pressed 2: Later"]


def test_the_same_key_later_answers_the_next_question() -> None:
    call = a_call((3.0, "2"), (3.6, "2"))
    assert call.result.collected == {"weeks": "2"}


def test_the_longest_duration_ends_the_call_with_what_was_collected() -> None:
    call = a_call((3.0, "2"), agent=an_agent(max_duration_s=10))
    assert call.result.outcome == "DELAYED"
    assert call.result.ended_by == "agent"
    assert max(played.end_s or 0 for played in call.line.played) <= 10


def test_the_longest_duration_without_an_answer_is_timed_out() -> None:
    again = [(second, "3") for second in range(1, 40)]
    call = a_call(*again, agent=an_agent(max_duration_s=10))
    assert call.result.outcome == "TIMED_OUT"
    assert call.line.played[-1].end_s == pytest.approx(10.0)


def test_an_announcement_without_questions_completes() -> None:
    call = a_call(agent=an_agent(questions=[], outcomes=[]))
    assert call.result.outcome == "COMPLETED"
    assert call.result.summary == "Rahul Sharma heard the agent to the end."


def test_a_voice_lost_during_the_call_ends_it_with_a_result() -> None:
    call = a_call((3.0, "2"), (6.0, "1"), speech=Speech(fails_on="weeks?"))
    assert call.result.outcome == "DELAYED"
    assert call.result.ended_by == "agent"


def test_a_voice_lost_before_any_answer_is_a_failure() -> None:
    call = a_call((3.0, "8"), speech=Speech(fails_on="Wrong"))
    assert call.result.outcome == "FAILED"


def test_without_a_voice_the_call_is_not_prepared() -> None:
    agent = an_agent()
    brain = ScriptBrain(agent, ROW)
    conversation = Conversation(agent, brain, Speech(fails_on="Hello"), LoopClock())
    with pytest.raises(SpeechError):
        warp(conversation.prepare())


def test_cancelling_ends_the_conversation_and_its_tasks() -> None:
    agent, line = an_agent(), Line()

    async def run() -> int:
        conversation = Conversation(agent, ScriptBrain(agent, ROW), Speech(), LoopClock())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await conversation.run(line)
        return len(asyncio.all_tasks())

    assert warp(run()) == 1
    assert line.played[-1].end_s == pytest.approx(0.5)


def test_the_first_words_of_a_row_are_the_greeting_as_it_is_spoken() -> None:
    assert first_words(an_agent(), ROW) == GREETING


def _transferring() -> Agent:
    answer = {"keys": "1", "reply": "One moment.", "transfer": "{{desk}}"}
    return an_agent(questions=[{"id": "talk", "ask": "Talk to us?", "answers": [answer]}])


def test_who_takes_over_is_told_when_the_sentence_before_it_was_said() -> None:
    call = a_call((2.4, "1"), agent=_transferring(), row={**ROW, "desk": "+919800000000"})
    assert (call.result.transfer, call.result.ended_by) == ("+919800000000", "agent")
    assert call.line.texts[-1] == "One moment."


def test_a_callee_who_hangs_up_before_the_transfer_is_handed_to_nobody() -> None:
    plan = ((2.4, "1"), (2.6, HANG_UP))
    call = a_call(*plan, agent=_transferring(), row={**ROW, "desk": "+919800000000"})
    assert (call.result.transfer, call.result.ended_by) == (None, "callee")


def test_a_conversation_that_is_stopped_ends_within_a_frame_and_may_add_a_sentence() -> None:
    async def run() -> tuple[float, ConversationResult, TranscriptLine, Line]:
        line = Line()
        conversation = Conversation(an_agent(), ScriptBrain(an_agent(), ROW), Speech(), LoopClock())
        await conversation.prepare()
        line.begin()
        asyncio.get_running_loop().call_later(0.5, conversation.stop)
        result = await conversation.run(line)
        stopped_s = LoopClock().monotonic()
        return stopped_s, result, await conversation.add("Sorry.", line), line

    stopped_s, result, added, line = warp(run())
    assert stopped_s == pytest.approx(0.5, abs=FRAME_S)
    assert (result.ended_by, result.outcome, len(result.transcript)) == ("agent", "COMPLETED", 1)
    assert (added, line.texts[-1]) == (TranscriptLine(500, "agent", "Sorry."), "Sorry.")


def test_a_conversation_stopped_before_it_begins_says_nothing() -> None:
    async def run() -> Line:
        line = Line()
        conversation = Conversation(an_agent(), ScriptBrain(an_agent(), ROW), Speech(), LoopClock())
        await conversation.prepare()
        conversation.stop()
        line.begin()
        await conversation.run(line)
        return line

    assert all(played.end_s == played.start_s for played in warp(run()).played)
