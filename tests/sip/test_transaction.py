"""Client transactions, with the seconds of RFC 3261 17.1."""

import pytest

from movoice_box.sip.timers import RFC_TIMERS, Deliver, Fail, Failure, Send, Terminate
from movoice_box.sip.transaction import InviteClientTransaction, NonInviteClientTransaction, State
from tests.sip.harness import Harness


def an_invite() -> tuple[InviteClientTransaction, Harness]:
    machine = InviteClientTransaction(RFC_TIMERS)
    harness = Harness(machine)
    harness.perform(machine.start())
    return machine, harness


def a_request() -> tuple[NonInviteClientTransaction, Harness]:
    machine = NonInviteClientTransaction(RFC_TIMERS)
    harness = Harness(machine)
    harness.perform(machine.start())
    return machine, harness


def test_unanswered_invite_is_sent_seven_times_then_fails() -> None:
    _, harness = an_invite()

    harness.pass_time(60)

    assert [at for at, action in harness.done if action == Send("request")] == [
        *(0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)
    ]
    assert harness.done[-2:] == [(32, Fail(Failure.TIMEOUT)), (32, Terminate())]


def test_provisional_response_ends_retransmission_and_timer_b() -> None:
    machine, harness = an_invite()

    assert harness.perform(machine.on_response(100)) == [Deliver(100)]
    assert harness.pass_time(300) == []
    assert machine.state is State.PROCEEDING


def test_refusal_is_acknowledged_each_time_it_arrives_and_delivered_once() -> None:
    machine, harness = an_invite()

    assert harness.perform(machine.on_response(486)) == [Send("ACK"), Deliver(486)]
    assert harness.perform(machine.on_response(486)) == [Send("ACK")]
    assert harness.pass_time(31.9) == []
    assert harness.pass_time(0.2) == [Terminate()]


def test_repeated_200_is_delivered_each_time_for_64_t1() -> None:
    machine, harness = an_invite()

    assert harness.perform(machine.on_response(200)) == [Deliver(200)]
    assert harness.perform(machine.on_response(200)) == [Deliver(200)]
    assert harness.pass_time(32) == [Terminate()]


def test_a_late_refusal_after_a_200_changes_nothing() -> None:
    machine, harness = an_invite()
    harness.perform(machine.on_response(200))

    assert harness.perform(machine.on_response(486)) == []


def test_invite_given_up_is_not_sent_again_and_still_fails_by_timer_b() -> None:
    machine, harness = an_invite()
    harness.perform(machine.stop_retransmission())

    assert harness.pass_time(60) == [Fail(Failure.TIMEOUT), Terminate()]


def test_icmp_is_believed_of_a_retransmission_only() -> None:
    machine, harness = an_invite()

    assert harness.perform(machine.on_transport_error()) == []
    harness.pass_time(0.5)
    assert harness.perform(machine.on_transport_error()) == [
        Fail(Failure.UNREACHABLE),
        Terminate(),
    ]


def test_icmp_means_nothing_once_the_peer_has_answered() -> None:
    machine, harness = an_invite()
    harness.pass_time(0.5)
    harness.perform(machine.on_response(180))

    assert harness.perform(machine.on_transport_error()) == []


def test_unanswered_bye_is_sent_every_four_seconds_at_most() -> None:
    _, harness = a_request()

    harness.pass_time(60)

    assert [at for at, action in harness.done if action == Send("request")] == [
        *(0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)
    ]
    assert harness.done[-2:] == [(32, Fail(Failure.TIMEOUT)), (32, Terminate())]


def test_provisional_response_slows_a_bye_down_but_not_timer_f() -> None:
    machine, harness = a_request()
    harness.perform(machine.on_response(100))

    harness.pass_time(60)

    assert [at for at, action in harness.done if action == Send("request")] == [
        *(0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5)
    ]
    assert harness.done[-2:] == [(32, Fail(Failure.TIMEOUT)), (32, Terminate())]


def test_final_response_is_delivered_once_and_copies_are_absorbed_for_t4() -> None:
    machine, harness = a_request()

    assert harness.perform(machine.on_response(200)) == [Deliver(200)]
    assert harness.perform(machine.on_response(200)) == []
    assert harness.pass_time(5) == [Terminate()]


@pytest.mark.parametrize("timer", ["A", "B", "D", "E", "F", "K", "M"])
def test_timers_that_fire_late_do_nothing(timer: str) -> None:
    invite, harness = an_invite()
    harness.perform(invite.abandon())
    request, _ = a_request()
    request.on_response(200)
    request.on_timer("K")

    assert invite.on_timer(timer) == request.on_timer(timer) == []


def test_invite_over_a_reliable_transport_is_sent_once() -> None:
    harness = Harness(machine := InviteClientTransaction(RFC_TIMERS, is_reliable=True))
    harness.perform(machine.start())

    assert harness.pass_time(40) == [Fail(Failure.TIMEOUT), Terminate()]


def test_refusal_over_a_reliable_transport_ends_the_transaction() -> None:
    harness = Harness(machine := InviteClientTransaction(RFC_TIMERS, is_reliable=True))
    harness.perform(machine.start())

    assert harness.perform(machine.on_response(486)) == [Send("ACK"), Terminate(), Deliver(486)]


def test_answer_over_a_reliable_transport_still_waits_for_copies() -> None:
    harness = Harness(machine := InviteClientTransaction(RFC_TIMERS, is_reliable=True))
    harness.perform(machine.start())

    assert harness.perform(machine.on_response(200)) == [Deliver(200)]
    assert harness.pass_time(31.9) == []
    assert harness.pass_time(0.2) == [Terminate()]


def test_request_over_a_reliable_transport_is_sent_once_and_forgotten_when_answered() -> None:
    harness = Harness(machine := NonInviteClientTransaction(RFC_TIMERS, is_reliable=True))
    harness.perform(machine.start())

    assert harness.pass_time(31) == []
    assert harness.perform(machine.on_response(200)) == [Terminate(), Deliver(200)]


@pytest.mark.parametrize("kind", [InviteClientTransaction, NonInviteClientTransaction])
def test_lost_connection_is_believed_at_once(
    kind: type[InviteClientTransaction] | type[NonInviteClientTransaction],
) -> None:
    harness = Harness(machine := kind(RFC_TIMERS, is_reliable=True))
    harness.perform(machine.start())

    assert harness.perform(machine.on_transport_error()) == [
        Fail(Failure.UNREACHABLE),
        Terminate(),
    ]
