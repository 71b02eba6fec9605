"""The course of a call, each second of it by hand."""

import random
from collections.abc import Callable

import pytest

from movoice_box.domain.call import Disposition
from movoice_box.domain.media import Codec, MediaTarget
from movoice_box.errors import SdpError
from movoice_box.sip.call_progress import Action, CallProgress, Emit, State, Step
from movoice_box.sip.timers import Failure
from movoice_box.sip.trunk import Answered, EarlyMedia, Ended, MediaChanged, Ringing
from tests.sip.harness import Harness

MEDIA = MediaTarget(address="192.0.2.9", port=4000, codec=Codec.PCMU)
OTHER_MEDIA = MediaTarget(address="192.0.2.9", port=4002, codec=Codec.PCMA)


def a_call(ring_timeout_s: float = 45, *, has_next: bool = False) -> tuple[CallProgress, Harness]:
    call = CallProgress(
        peer="gw.example:5070", ring_timeout_s=ring_timeout_s, transaction_timeout_s=32.0
    )
    harness = Harness(call)
    harness.perform(call.on_sent(has_next=has_next))
    harness.perform(call.start())
    return call, harness


def a_ringing_call() -> tuple[CallProgress, Harness]:
    call, harness = a_call()
    harness.perform(call.on_provisional(180, None))
    return call, harness


def a_talking_call() -> tuple[CallProgress, Harness]:
    call, harness = a_ringing_call()
    harness.perform(call.on_accepted(MEDIA))
    return call, harness


def ended(call: CallProgress) -> Ended:
    assert call.ended
    return call.ended


def test_answer_is_acknowledged_before_it_is_reported() -> None:
    call, harness = a_ringing_call()

    assert harness.perform(call.on_accepted(MEDIA)) == [Step.SEND_ACK, Emit(Answered(MEDIA))]
    assert harness.running_timers == set()


def test_repeated_200_is_acknowledged_and_not_reported() -> None:
    call, harness = a_talking_call()

    assert harness.perform(call.on_accepted(None)) == [Step.SEND_ACK]


def test_ringing_is_reported_once_for_each_status() -> None:
    call, harness = a_call()

    harness.perform(call.on_provisional(100, None))
    for status in (180, 180, 183, 180, 182):
        harness.perform(call.on_provisional(status, None))

    assert harness.actions == [Emit(Ringing(180)), Emit(Ringing(183))]


def test_early_media_is_reported_when_it_changes() -> None:
    call, harness = a_call()

    for media in (MEDIA, MEDIA, OTHER_MEDIA):
        harness.perform(call.on_provisional(183, media))

    assert harness.actions[1:] == [Emit(EarlyMedia(MEDIA)), Emit(EarlyMedia(OTHER_MEDIA))]


@pytest.mark.parametrize("media", [None, SdpError("no common codec")])
def test_answer_without_media_is_released_as_failed(media: SdpError | None) -> None:
    call, harness = a_ringing_call()

    assert harness.perform(call.on_accepted(media)) == [Step.SEND_ACK, Step.SEND_BYE]
    harness.perform(call.on_bye_done())
    assert (ended(call).disposition, ended(call).sip_status) == (Disposition.FAILED, 200)


def test_ring_timeout_sends_cancel_and_the_487_makes_it_no_answer() -> None:
    call, harness = a_ringing_call()

    assert harness.pass_time(45) == [Step.SEND_CANCEL]
    harness.perform(call.on_refused(487, "Request Terminated", None))
    assert (ended(call).disposition, ended(call).sip_status) == (Disposition.NO_ANSWER, 487)


@pytest.mark.parametrize("is_answered", [True, False])
def test_cancel_that_nobody_follows_up_is_over_after_16_t1_and_forgotten_after_64_t1(
    is_answered: bool,
) -> None:
    call, harness = a_ringing_call()
    harness.pass_time(45)
    if is_answered:
        harness.perform(call.on_cancel_answered(200))

    harness.pass_time(7)
    assert call.ended is None
    harness.pass_time(1)
    assert ended(call).disposition is Disposition.NO_ANSWER
    harness.pass_time(24)

    assert harness.done[-1] == (77.0, Step.ABANDON_INVITE)
    assert call.state is State.ENDED


def test_answer_long_after_our_cancel_is_acknowledged_and_ended() -> None:
    call, harness = a_ringing_call()
    harness.pass_time(45)
    harness.perform(call.on_cancel_answered(200))
    harness.pass_time(8)

    assert harness.perform(call.on_accepted(MEDIA)) == [Step.SEND_ACK, Step.SEND_BYE]


@pytest.mark.parametrize(
    "hear", [lambda call: call.on_cancel_failed(), lambda call: call.on_cancel_answered(481)]
)
def test_cancel_that_finds_no_call_ends_ours_at_once(
    hear: Callable[[CallProgress], list[Action]],
) -> None:
    call, harness = a_ringing_call()
    harness.pass_time(45)

    assert harness.perform(hear(call))[0] is Step.ABANDON_INVITE
    assert (ended(call).disposition, ended(call).has_rung) == (Disposition.NO_ANSWER, True)


def test_what_became_of_a_cancel_matters_only_while_it_is_out() -> None:
    call, _ = a_talking_call()

    assert call.on_cancel_failed() == call.on_cancel_answered(481) == []


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (lambda harness, call: harness.pass_time(45), 19),
        (lambda harness, call: harness.perform(call.end()), 16),
    ],
)
def test_cancel_says_whether_the_phone_rang_out(
    end: Callable[[Harness, CallProgress], object], cause: int
) -> None:
    call, harness = a_ringing_call()

    end(harness, call)

    assert call.cancel_cause == cause


def test_silent_address_is_left_after_16_t1_where_there_is_another() -> None:
    call, harness = a_call(has_next=True)

    assert harness.pass_time(8) == [Step.TRY_NEXT]
    harness.perform(call.on_sent(has_next=False))
    harness.perform(call.on_failure(Failure.TIMEOUT))
    assert ended(call).disposition is Disposition.UNREACHABLE


@pytest.mark.parametrize(
    "fail",
    [
        lambda call: call.on_failure(Failure.UNREACHABLE),
        lambda call: call.on_refused(503, "Full", None, 60.0),
    ],
)
def test_failing_address_is_left_where_there_is_another(
    fail: Callable[[CallProgress], list[Action]],
) -> None:
    call, harness = a_call(has_next=True)
    harness.perform(call.on_provisional(100, None))

    assert fail(call) == [Step.TRY_NEXT]
    harness.perform(call.on_sent(has_next=False))
    harness.perform(fail(call))
    assert call.ended


@pytest.mark.parametrize(("status", "media"), [(180, None), (183, None), (181, None), (199, MEDIA)])
def test_call_that_may_have_rung_goes_nowhere_else(status: int, media: MediaTarget | None) -> None:
    call, harness = a_call(has_next=True)
    harness.perform(call.on_provisional(status, media))

    harness.perform(call.on_refused(503, "Full", None, 60.0))

    assert (ended(call).has_rung, ended(call).retry_after_s) == (True, 60.0)


@pytest.mark.parametrize("status", [486, 500, 404])
def test_refusal_other_than_503_is_final(status: int) -> None:
    call, harness = a_call(has_next=True)

    harness.perform(call.on_refused(status, "", None))

    assert (ended(call).sip_status, ended(call).has_rung) == (status, False)


def test_trunk_with_one_address_waits_for_timer_b() -> None:
    _, harness = a_call()

    assert harness.running_timers == {"ring"}


def test_ring_timeout_before_any_response_is_unreachable_and_sends_nothing() -> None:
    call, harness = a_call(ring_timeout_s=10)

    assert harness.pass_time(10)[0] is Step.STOP_RETRANSMISSION
    assert ended(call).disposition is Disposition.UNREACHABLE
    assert ended(call).sip_reason == (
        "no answer from gw.example:5070 in 10 s: is port 5070 open outwards?"
    )


def test_late_180_of_a_call_given_up_is_canceled() -> None:
    call, harness = a_call(ring_timeout_s=10)
    harness.pass_time(10)

    assert harness.perform(call.on_provisional(180, None)) == [Step.SEND_CANCEL]


def test_late_200_of_a_call_given_up_is_acknowledged_and_ended() -> None:
    call, harness = a_call(ring_timeout_s=10)
    harness.pass_time(10)

    assert harness.perform(call.on_accepted(MEDIA)) == [Step.SEND_ACK, Step.SEND_BYE]
    assert ended(call).disposition is Disposition.UNREACHABLE


def test_end_before_any_response_waits_for_one_and_then_cancels() -> None:
    call, harness = a_call()

    assert harness.perform(call.end()) == [Step.STOP_RETRANSMISSION]
    assert harness.perform(call.on_provisional(100, None)) == [Step.SEND_CANCEL]
    harness.perform(call.on_refused(487, "", None))
    assert ended(call).disposition is Disposition.CANCELED


def test_end_while_ringing_cancels() -> None:
    call, harness = a_ringing_call()

    assert harness.perform(call.end()) == [Step.SEND_CANCEL]


def test_answer_after_cancel_is_acknowledged_and_ended_and_stays_canceled() -> None:
    call, harness = a_ringing_call()
    harness.perform(call.end())

    assert harness.perform(call.on_accepted(MEDIA)) == [Step.SEND_ACK, Step.SEND_BYE]
    harness.perform(call.on_bye_done())
    assert (ended(call).disposition, ended(call).sip_status) == (Disposition.CANCELED, 200)


def test_end_while_talking_sends_bye() -> None:
    call, harness = a_talking_call()

    assert harness.perform(call.end()) == [Step.SEND_BYE]
    harness.perform(call.on_bye_done())
    assert ended(call) == Ended(
        disposition=Disposition.ANSWERED, sip_status=200, ended_by="box", has_rung=True
    )


@pytest.mark.parametrize("make", [a_call, a_ringing_call, a_talking_call])
def test_end_is_over_after_two_seconds_of_silence(
    make: Callable[[], tuple[CallProgress, Harness]],
) -> None:
    call, harness = make()
    harness.perform(call.end())

    harness.pass_time(2)

    assert call.ended


def test_bye_of_the_callee_ends_the_call() -> None:
    call, harness = a_talking_call()

    harness.perform(call.on_bye(16))

    assert ended(call) == Ended(
        disposition=Disposition.ANSWERED,
        sip_status=200,
        q850_cause=16,
        ended_by="callee",
        has_rung=True,
    )


def test_bye_from_both_sides_ends_the_call_once() -> None:
    call, harness = a_talking_call()
    harness.perform(call.end())
    harness.perform(call.on_bye(None))
    harness.perform(call.on_bye_done())

    assert [type(a.event) for a in harness.actions if isinstance(a, Emit)].count(Ended) == 1


def test_timer_b_is_unreachable_and_says_what_to_check() -> None:
    call, harness = a_call()

    harness.perform(call.on_failure(Failure.TIMEOUT))

    assert ended(call).sip_reason == (
        "no answer from gw.example:5070 in 32 s (timer B): is port 5070 open outwards?"
    )


def test_hold_is_reported_when_it_changes_something() -> None:
    call, harness = a_talking_call()

    assert harness.perform(call.on_media(MEDIA)) == []
    assert harness.perform(call.on_media(OTHER_MEDIA)) == [Emit(MediaChanged(OTHER_MEDIA))]


def test_call_that_the_peer_breaks_is_released() -> None:
    call, harness = a_talking_call()

    assert harness.perform(call.on_lost("gone")) == [Step.SEND_BYE]
    harness.pass_time(2)
    assert ended(call).ended_by == "network"


@pytest.mark.parametrize("make", [a_call, a_ringing_call, a_talking_call])
def test_closing_the_endpoint_ends_the_call_at_once(
    make: Callable[[], tuple[CallProgress, Harness]],
) -> None:
    call, harness = make()

    harness.perform(call.on_closed())

    assert ended(call).ended_by == "box"


@pytest.mark.parametrize("seed", range(300))
def test_whatever_happens_the_end_is_reported_once_and_in_time(seed: int) -> None:
    chance = random.Random(seed)
    call, harness = a_call(
        ring_timeout_s=chance.choice([1, 30, 45]), has_next=chance.random() < 0.5
    )
    events: list[Callable[[], list[Action]]] = [
        lambda: call.on_provisional(chance.choice([100, 180, 181, 183]), None),
        lambda: call.on_accepted(chance.choice([MEDIA, None, SdpError("x")])),
        lambda: call.on_refused(chance.choice([302, 404, 487, 503, 600]), "", None),
        lambda: call.on_bye(None),
        call.on_bye_done,
        call.end,
        lambda: call.on_media(OTHER_MEDIA),
        lambda: call.on_lost("gone"),
        lambda: call.on_failure(Failure.UNREACHABLE),
        call.on_cancel_failed,
        lambda: call.on_cancel_answered(chance.choice([200, 481])),
        lambda: call.on_early_media(OTHER_MEDIA),
    ]
    for _ in range(chance.randrange(8)):
        if Step.TRY_NEXT in harness.perform(chance.choice(events)()):
            harness.perform(call.on_sent(has_next=chance.random() < 0.5))
        harness.pass_time(chance.choice([0, 0.1, 3, 40]))

    harness.perform(call.end())
    harness.pass_time(2)

    assert call.ended
    assert sum(isinstance(a, Emit) and isinstance(a.event, Ended) for a in harness.actions) == 1
