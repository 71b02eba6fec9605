from movoice_box.voice.mouth import Mouth
from movoice_box.voice.speech.tts import Voice
from tests.voice.call import Line, Speech, warp


def test_a_fixed_sentence_is_apart_from_the_one_that_names_the_callee() -> None:
    speech = Speech()
    mouth = Mouth(speech, Voice("en-IN"))
    warp(mouth.prepare(["Hello Rahul. This is an automated call."]))
    assert speech.texts == ["Hello Rahul.", "This is an automated call."]


def test_what_is_ready_is_not_made_again() -> None:
    speech, line = Speech(), Line()
    mouth = Mouth(speech, Voice("en-IN"))
    warp(mouth.prepare(["Hello."]))
    warp(mouth.say("Hello.", line))
    assert speech.texts == ["Hello."]
    assert line.texts == ["Hello."]


def test_what_can_no_longer_be_needed_is_forgotten() -> None:
    speech = Speech()
    mouth = Mouth(speech, Voice("en-IN"))
    warp(mouth.prepare(["Hello.", "Again?"]))
    warp(mouth.prepare_ahead(["Again?"], ["Thanks."]))
    warp(mouth.prepare(["Hello.", "Again?", "Thanks."]))
    assert speech.texts == ["Hello.", "Again?", "Thanks.", "Hello."]


def test_a_failure_ahead_of_time_is_left_to_the_moment_of_need() -> None:
    mouth = Mouth(Speech(fails_on="Thanks"), Voice("en-IN"))
    warp(mouth.prepare_ahead(["Hello."], ["Thanks."]))
