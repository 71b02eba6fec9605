"""Handing a callee over: by REFER, by a second call of the box, and what goes wrong with both."""

from collections.abc import AsyncIterator

import pytest

from movoice_box.domain.call import Call, CallState, Disposition
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import ConflictError, InputError, TrunkError
from movoice_box.ids import BatchId
from movoice_box.store import agents
from tests.builders import AGENT_ID, Office, a_row, a_trunk, an_agent, eventually
from tests.dialer.lines import Exchanges, Phone, calls_of, dialing, until

DESK = PhoneNumber("+919800000000")
FRAME = bytes(range(160)) * 2


@pytest.fixture
async def dialer(office: Office) -> AsyncIterator[Exchanges]:
    async with dialing(office, a_trunk(caller_id="08040000000")) as exchanges:
        yield exchanges


async def _a_talking_call(
    office: Office, dialer: Exchanges, *, is_refer_allowed: bool = False
) -> tuple[BatchId, Phone, Call]:
    batch_id = await office.a_batch(rows=1, caller_id="08041111111")
    callee = await dialer.exchange.phone(1)
    callee.is_refer_allowed = is_refer_allowed
    callee.answer()

    async def is_talking() -> bool:
        (call,) = await calls_of(office, batch_id)
        return call.state is CallState.TALKING

    await eventually(is_talking)
    (call,) = await calls_of(office, batch_id)
    return batch_id, callee, call


async def _ended(office: Office, batch_id: BatchId) -> Call:
    await until(office, batch_id, in_progress=0)
    (call,) = await calls_of(office, batch_id)
    return call


async def test_the_far_end_transfers_by_refer_where_it_can(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer, is_refer_allowed=True)
    await office.control.transfer_call(call.id, DESK)
    ended = await _ended(office, batch_id)
    assert callee.referred_to == [DESK]
    assert (ended.disposition, ended.outcome) == (Disposition.ANSWERED, "TRANSFERRED")
    assert ended.summary == "Rahul was handed over to +919800000000."
    assert len(dialer.exchange.phones) == 1


async def test_an_answer_of_the_agent_transfers_when_its_sentence_was_said(
    office: Office, dialer: Exchanges
) -> None:
    answer = {"keys": "1", "reply": "One moment.", "transfer": "{{desk}}"}
    agent = an_agent(questions=[{"id": "talk", "ask": "Talk to us?", "answers": [answer]}])
    await office.database.write(lambda db: agents.put(db, AGENT_ID, agent, office.clock.now()))
    rows = [a_row(desk="098000 00000")]
    batch_id = BatchId((await office.intake.accept(office.request(rows=rows)))["batch_id"])
    callee = await dialer.exchange.phone(1)
    callee.is_refer_allowed = True
    callee.answer()
    callee.press("1")
    ended = await _ended(office, batch_id)
    assert (callee.referred_to, ended.outcome) == ([DESK], "TRANSFERRED")
    assert ended.transcript[-1].text == "One moment."


async def test_two_legs_are_joined_where_the_trunk_refuses_refer(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    await office.control.transfer_call(call.id, DESK)
    desk = await dialer.exchange.phone(2)
    await eventually(lambda: len(callee.heard) > 16_000)  # it rings
    desk.answer()
    callee.speak(FRAME)
    desk.speak(FRAME[::-1])
    await eventually(lambda: FRAME in desk.heard and FRAME[::-1] in callee.heard)
    callee.hang_up()
    ended = await _ended(office, batch_id)
    assert (desk.number, desk.is_ended_by_box, ended.outcome) == (DESK, True, "TRANSFERRED")
    assert (desk.details.caller_id, desk.details.call_id) == ("08041111111", call.id)


async def test_a_key_that_the_other_side_cannot_take_ends_no_talk(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    await office.control.transfer_call(call.id, DESK)
    desk = await dialer.exchange.phone(2)
    desk.answer()
    callee.speak(FRAME)
    await eventually(lambda: FRAME in desk.heard)
    callee.press("5")
    callee.speak(FRAME[::-1])
    await eventually(lambda: FRAME[::-1] in desk.heard)
    desk.hang_up()
    assert (await _ended(office, batch_id)).outcome == "TRANSFERRED"


async def test_the_callee_is_let_go_when_the_desk_hangs_up(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    await office.control.transfer_call(call.id, DESK)
    desk = await dialer.exchange.phone(2)
    desk.answer()
    desk.hang_up()
    ended = await _ended(office, batch_id)
    assert (callee.is_ended_by_box, ended.outcome) == (True, "TRANSFERRED")


async def test_a_callee_whom_nobody_takes_hears_an_apology(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    await office.control.transfer_call(call.id, DESK)
    (await dialer.exchange.phone(2)).refuse(Disposition.BUSY, 486, has_rung=True)
    ended = await _ended(office, batch_id)
    assert (ended.disposition, ended.outcome) == (Disposition.ANSWERED, "TRANSFER_FAILED")
    assert ended.transcript[-1].text == "Sorry, nobody can take the call now. Goodbye."
    assert callee.is_ended_by_box


async def test_a_callee_who_gives_up_stops_the_ringing_of_the_desk(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    await office.control.transfer_call(call.id, DESK)
    desk = await dialer.exchange.phone(2)
    desk.ring()
    callee.hang_up()
    ended = await _ended(office, batch_id)
    assert (desk.is_ended_by_box, ended.outcome) == (True, "TRANSFER_FAILED")


async def test_no_channel_for_a_second_leg_is_told_to_the_callee(office: Office) -> None:
    async with dialing(office, a_trunk(channels=1)) as dialer:
        batch_id, _, call = await _a_talking_call(office, dialer)
        await office.control.transfer_call(call.id, DESK)
        ended = await _ended(office, batch_id)
    assert ended.outcome == "TRANSFER_FAILED"


async def test_the_second_leg_tries_the_next_trunk(office: Office) -> None:
    async with dialing(office, a_trunk(channels=1), a_trunk("spare", priority=2)) as dialer:
        batch_id, _, call = await _a_talking_call(office, dialer)
        await office.control.transfer_call(call.id, DESK)
        desk = await dialer.built["spare"].phone(1)
        desk.answer()
        desk.hang_up()
        ended = await _ended(office, batch_id)
    assert (ended.outcome, ended.trunk_id) == ("TRANSFERRED", "trunk_gateway")


async def test_a_cancel_of_the_batch_ends_both_legs(office: Office, dialer: Exchanges) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    await office.control.transfer_call(call.id, DESK)
    desk = await dialer.exchange.phone(2)
    desk.answer()
    await office.control.cancel(batch_id, end_talking=True)
    await _ended(office, batch_id)
    assert (callee.is_ended_by_box, desk.is_ended_by_box) == (True, True)


async def test_all_channels_are_free_when_both_legs_are_over(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, _, call = await _a_talking_call(office, dialer)
    await office.control.transfer_call(call.id, DESK)
    desk = await dialer.exchange.phone(2)
    desk.answer()
    assert _in_use(dialer) == 2
    desk.hang_up()
    await _ended(office, batch_id)
    await eventually(lambda: _in_use(dialer) == 0)


async def test_a_person_whom_the_far_end_has_rung_is_not_rung_again(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    callee.refer_failure = TrunkError(f"the transfer to {DESK} failed: 486 Busy Here")
    await office.control.transfer_call(call.id, DESK)
    ended = await _ended(office, batch_id)
    assert (ended.outcome, len(dialer.exchange.phones)) == ("TRANSFER_FAILED", 1)
    assert ended.transcript[-1].text == "Sorry, nobody can take the call now. Goodbye."


async def test_nobody_on_the_list_is_rung_to_take_over(office: Office, dialer: Exchanges) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer, is_refer_allowed=True)
    await office.dnd.add(str(DESK))
    with pytest.raises(InputError, match="on the do-not-disturb list") as error:
        await office.control.transfer_call(call.id, DESK)
    assert error.value.code == "dnd"
    callee.hang_up()
    await _ended(office, batch_id)


async def test_an_agent_hands_nobody_over_to_a_number_on_the_list(
    office: Office, dialer: Exchanges
) -> None:
    answer = {"keys": "1", "reply": "One moment.", "transfer": str(DESK)}
    agent = an_agent(questions=[{"id": "talk", "ask": "Talk to us?", "answers": [answer]}])
    await office.database.write(lambda db: agents.put(db, AGENT_ID, agent, office.clock.now()))
    await office.dnd.add(str(DESK))
    batch_id, callee, _ = await _a_talking_call(office, dialer, is_refer_allowed=True)
    callee.press("1")
    ended = await _ended(office, batch_id)
    assert (callee.referred_to, ended.outcome) == ([], "TRANSFER_FAILED")


async def test_a_second_leg_whose_trunk_fails_goes_by_another(office: Office) -> None:
    async with dialing(office, a_trunk(), a_trunk("spare", priority=2)) as dialer:
        batch_id, _, call = await _a_talking_call(office, dialer)
        await office.control.transfer_call(call.id, DESK)
        (await dialer.exchange.phone(2)).refuse(Disposition.FAILED, 503)
        desk = await dialer.built["spare"].phone(1)
        desk.answer()
        desk.hang_up()
        assert (await _ended(office, batch_id)).outcome == "TRANSFERRED"


async def test_the_minutes_of_a_second_leg_are_its_ports(office: Office) -> None:
    ports = (GsmPort(name="SIM 1", prefix="1#"), GsmPort(name="SIM 2", prefix="2#"))
    async with dialing(office, a_trunk(ports=ports)) as dialer:
        batch_id, callee, call = await _a_talking_call(office, dialer)
        await office.control.transfer_call(call.id, DESK)
        desk = await dialer.exchange.phone(2)
        desk.answer()
        desk.speak(FRAME)
        await eventually(lambda: FRAME in callee.heard)
        office.clock.pass_time(150)
        callee.hang_up()
        await _ended(office, batch_id)
        health = dialer.channels.health(dialer.exchange.account.id)
    assert health is not None
    assert [(port.day.calls, port.day.minutes) for port in health.ports] == [(1, 3), (1, 3)]


@pytest.mark.slow
async def test_a_callee_on_hold_is_not_kept_for_the_apology(
    office: Office, dialer: Exchanges
) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    callee.refer_failure = TrunkError("no word of the transfer in time")
    callee.is_on_hold = True
    await office.control.transfer_call(call.id, DESK)
    ended = await _ended(office, batch_id)
    assert (callee.is_ended_by_box, ended.outcome) == (True, "TRANSFER_FAILED")


async def test_a_transfer_asked_for_too_late_is_refused(office: Office, dialer: Exchanges) -> None:
    batch_id, callee, call = await _a_talking_call(office, dialer)
    callee.is_slow_to_end = True
    callee.press("1")
    await eventually(lambda: callee.is_ended_by_box)
    with pytest.raises(ConflictError):
        await office.control.transfer_call(call.id, DESK)
    callee.hang_up()
    await _ended(office, batch_id)


def _in_use(dialer: Exchanges) -> int:
    health = dialer.channels.health(dialer.exchange.account.id)
    assert health is not None
    return health.in_use
