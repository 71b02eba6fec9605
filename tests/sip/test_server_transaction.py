"""Server transactions, with the seconds of RFC 3261 17.2."""

from movoice_box.sip.server_transaction import InviteServerTransaction, NonInviteServerTransaction
from movoice_box.sip.timers import RFC_TIMERS, Fail, Failure, Send, Terminate
from tests.sip.harness import Harness

RESPONSE = Send("response")


def an_invite() -> tuple[InviteServerTransaction, Harness]:
    machine = InviteServerTransaction(RFC_TIMERS)
    return machine, Harness(machine)


def a_request() -> tuple[NonInviteServerTransaction, Harness]:
    machine = NonInviteServerTransaction(RFC_TIMERS)
    return machine, Harness(machine)


def test_invite_that_comes_again_gets_the_last_provisional_response() -> None:
    machine, harness = an_invite()

    assert harness.perform(machine.on_request_again()) == []
    harness.perform(machine.respond(180))
    assert harness.perform(machine.on_request_again()) == [RESPONSE]


def test_refusal_is_repeated_until_its_ack() -> None:
    machine, harness = an_invite()
    harness.perform(machine.respond(486))

    assert harness.pass_time(1.5) == [RESPONSE, RESPONSE]
    harness.perform(machine.on_ack())
    assert harness.pass_time(5) == [Terminate()]


def test_unacknowledged_refusal_fails_after_64_t1() -> None:
    machine, harness = an_invite()
    harness.perform(machine.respond(486))

    assert harness.pass_time(60)[-2:] == [Fail(Failure.TIMEOUT), Terminate()]


def test_200_is_repeated_at_growing_gaps_until_its_ack() -> None:
    machine, harness = an_invite()
    harness.perform(machine.respond(200))

    harness.pass_time(12)
    harness.perform(machine.on_ack())
    assert harness.pass_time(10) == []
    assert [at for at, _ in harness.done] == [0, 0.5, 1.5, 3.5, 7.5, 11.5]
    assert harness.pass_time(10) == [Terminate()]


def test_second_ack_of_a_200_is_no_news() -> None:
    machine, harness = an_invite()
    harness.perform(machine.respond(200))

    assert machine.on_ack() != []
    assert machine.on_ack() == []


def test_unacknowledged_200_fails_after_64_t1() -> None:
    machine, harness = an_invite()
    harness.perform(machine.respond(200))

    assert harness.pass_time(32)[-2:] == [Fail(Failure.TIMEOUT), Terminate()]


def test_copies_of_an_answered_invite_are_absorbed() -> None:
    machine, harness = an_invite()
    harness.perform(machine.respond(200))

    assert harness.perform(machine.on_request_again()) == []


def test_only_the_first_final_response_counts() -> None:
    machine, harness = an_invite()
    harness.perform(machine.respond(200))

    assert harness.perform(machine.respond(486)) == []


def test_bye_that_comes_again_gets_the_same_answer_for_64_t1() -> None:
    machine, harness = a_request()

    assert harness.perform(machine.on_request_again()) == []
    assert harness.perform(machine.respond(200)) == [RESPONSE]
    assert harness.perform(machine.on_request_again()) == [RESPONSE]
    assert harness.pass_time(32) == [Terminate()]


def test_refusal_over_a_reliable_transport_is_sent_once_and_waits_for_its_ack() -> None:
    harness = Harness(machine := InviteServerTransaction(RFC_TIMERS, is_reliable=True))

    assert harness.perform(machine.respond(486)) == [RESPONSE]
    assert harness.pass_time(31) == []
    assert harness.perform(machine.on_ack()) == [Terminate()]


def test_200_is_repeated_over_a_reliable_transport_too() -> None:
    harness = Harness(machine := InviteServerTransaction(RFC_TIMERS, is_reliable=True))

    assert harness.perform(machine.respond(200)) == [RESPONSE]
    assert harness.pass_time(0.5) == [RESPONSE]


def test_answer_to_a_bye_over_a_reliable_transport_is_not_kept() -> None:
    harness = Harness(machine := NonInviteServerTransaction(RFC_TIMERS, is_reliable=True))

    assert harness.perform(machine.respond(200)) == [RESPONSE, Terminate()]
