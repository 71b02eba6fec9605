"""The dialer over several trunks: which one carries a call, and what happens when one fails."""

import asyncio
from dataclasses import replace

import pytest

from movoice_box.dialer.broadcast import Change
from movoice_box.domain.batch import BatchState
from movoice_box.domain.call import Call, CallState, Disposition
from movoice_box.domain.gsm_port import GsmPort
from movoice_box.errors import ConflictError, InputError
from movoice_box.store import calls, trunks
from tests.builders import Office, a_row, a_trunk, eventually
from tests.dialer.lines import a_stored_trunk, batch_now, calls_of, dialing, until, waits_for

SPARE = a_trunk("spare", priority=2)


async def test_a_call_whose_trunk_refuses_is_carried_by_the_next(office: Office) -> None:
    async with dialing(office, SPARE) as dialer:
        batch_id = await office.a_batch(rows=1)
        (await dialer.exchange.phone(1)).refuse(Disposition.FAILED, 503, retry_after_s=60)
        phone = await dialer.built["spare"].phone(1)
        (call,) = await calls_of(office, batch_id)
        assert (call.trunk_id, call.state) == ("trunk_spare", CallState.DIALING)
        phone.answer()
        phone.press("1")
        await until(office, batch_id, state=BatchState.COMPLETED)
        (call,) = await calls_of(office, batch_id)
    assert (call.outcome, call.trunk_id) == ("BOOKED", "trunk_spare")


async def test_the_next_calls_pass_over_a_trunk_that_asked_for_a_rest(office: Office) -> None:
    async with dialing(office, SPARE) as dialer:
        await office.a_batch(rows=2, concurrency=1)
        (await dialer.exchange.phone(1)).refuse(Disposition.FAILED, 503, retry_after_s=60)
        (await dialer.built["spare"].phone(1)).refuse(Disposition.BUSY, 486)
        await dialer.built["spare"].phone(2)
        assert len(dialer.exchange.phones) == 1


async def test_no_phone_is_rung_by_two_trunks(office: Office) -> None:
    async with dialing(office, SPARE) as dialer:
        batch_id = await office.a_batch(rows=1)
        phone = await dialer.exchange.phone(1)
        phone.ring()
        phone.refuse(Disposition.FAILED, 503, has_rung=True)
        await until(office, batch_id, state=BatchState.COMPLETED)
        (call,) = await calls_of(office, batch_id)
        assert (call.trunk_id, call.sip_status) == ("trunk_gateway", 503)
        assert dialer.built["spare"].phones == []


async def test_a_call_that_no_trunk_can_carry_tells_of_the_last(office: Office) -> None:
    async with dialing(office, SPARE) as dialer:
        batch_id = await office.a_batch(rows=1)
        (await dialer.exchange.phone(1)).refuse(Disposition.UNREACHABLE, None)
        (await dialer.built["spare"].phone(1)).refuse(Disposition.FAILED, 500)
        await until(office, batch_id, state=BatchState.COMPLETED)
        (call,) = await calls_of(office, batch_id)
        assert (call.trunk_id, call.sip_status) == ("trunk_spare", 500)


async def test_a_batch_that_names_its_trunk_stays_on_it(office: Office) -> None:
    async with dialing(office, SPARE) as dialer:
        batch_id = await office.a_batch(rows=1, trunk_id="trunk_gateway")
        (await dialer.exchange.phone(1)).refuse(Disposition.FAILED, 500)
        await until(office, batch_id, state=BatchState.COMPLETED)
        assert dialer.built["spare"].phones == []


async def test_a_number_listed_between_two_trunks_is_not_rung(office: Office) -> None:
    async with dialing(office, SPARE) as dialer:
        batch_id = await office.a_batch(rows=1)
        phone = await dialer.exchange.phone(1)
        await office.dnd.add("+919876500000")
        phone.refuse(Disposition.FAILED, 503)
        await until(office, batch_id, skipped=1, state=BatchState.COMPLETED)
        assert dialer.built["spare"].phones == []


async def test_a_batch_waits_for_its_trunk_and_goes_on_by_itself(office: Office) -> None:
    async with dialing(office) as dialer:
        dialer.exchange.is_up = False
        batch_id = await office.a_batch(rows=3)
        await eventually(lambda: waits_for(dialer) == "trunk 'gateway' is down: as the test says")
        await until(office, batch_id, state=BatchState.RUNNING, queued=3)
        dialer.exchange.is_up = True
        office.clock.pass_time(1)  # the queue looks again by itself
        await until(office, batch_id, in_progress=3)


async def test_who_watches_a_batch_is_told_when_it_begins_and_ends_to_wait(office: Office) -> None:
    told: list[Change] = []

    async def watch() -> None:
        async for change in office.broadcast.watch():
            told.append(change)

    async with dialing(office) as dialer, asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        dialer.exchange.is_up = False
        batch_id = await office.a_batch(rows=1)
        await eventually(lambda: told == [Change(batch_id)] * 2)  # it is there, and it waits
        dialer.exchange.is_up = True
        dialer.queue.wake()
        await eventually(lambda: told.count(Change(batch_id)) == 3)
        watching.cancel()


async def test_a_single_call_does_not_wait_for_long(office: Office) -> None:
    async with dialing(office) as dialer:
        dialer.exchange.is_up = False
        call_id = (await office.intake.accept_call(office.request()))["call_id"]
        await eventually(lambda: waits_for(dialer) != "")
        assert (await _call(office, call_id)).state is CallState.QUEUED

        async def is_given_up() -> bool:
            office.clock.pass_time(5)
            dialer.queue.wake()
            return (await _call(office, call_id)).state is CallState.ENDED

        await eventually(is_given_up)
        call = await _call(office, call_id)
    assert call.disposition is Disposition.FAILED
    assert call.sip_reason == "trunk 'gateway' is down: as the test says"


async def test_the_channels_of_all_trunks_are_used(office: Office) -> None:
    async with dialing(office, SPARE) as dialer:
        batch_id = await office.a_batch(rows=12)
        batch = await until(office, batch_id, in_progress=8, queued=4)
        assert batch.concurrency == 8
        await dialer.exchange.phone(4)
        (await dialer.built["spare"].phone(4)).refuse(Disposition.BUSY, 486)
        await dialer.built["spare"].phone(5)
        assert len(dialer.exchange.phones) == 4


async def test_batches_of_one_trunk_and_of_any_share_it(office: Office) -> None:
    one = replace(a_trunk(), channels=1)
    async with dialing(office, one, replace(SPARE, channels=1)) as dialer:
        named = await office.a_batch(rows=9, trunk_id="trunk_gateway")
        free = await office.a_batch(rows=9)
        await until(office, named, in_progress=1)
        await until(office, free, in_progress=1)
        for number in (1, 2, 3):
            (await dialer.exchange.phone(number)).refuse(Disposition.BUSY, 486)
        await dialer.exchange.phone(4)
        batch = await batch_now(office, named)
    assert batch.tally.attempted >= 2


async def test_calls_of_a_paced_trunk_leave_at_its_pace(office: Office) -> None:
    async with dialing(office, replace(a_trunk(), calls_per_second=2.0)) as dialer:
        await office.a_batch(rows=3)
        await dialer.exchange.phone(1)
        for expected in (2, 3):
            dialer.queue.wake()
            await asyncio.sleep(0.05)
            assert len(dialer.exchange.phones) == expected - 1
            office.clock.pass_time(0.5)
            await dialer.exchange.phone(expected)  # the queue looks again by itself


async def test_a_call_that_waits_for_its_place_leaves_by_no_trunk_that_was_disabled(
    office: Office,
) -> None:
    async with dialing(office, replace(SPARE, calls_per_second=1.0)) as dialer:
        batch_id = await office.a_batch(rows=2, concurrency=2)
        await dialer.exchange.phone(2)
        for phone in dialer.exchange.phones[:2]:
            phone.refuse(Disposition.FAILED, 503)
        await dialer.built["spare"].phone(1)  # the other waits for a second
        await a_stored_trunk(office, replace(SPARE, is_enabled=False))
        await dialer.trunks.reload()
        await dialer.exchange.phone(3)
        batch = await until(office, batch_id, in_progress=2)
        assert len(dialer.built["spare"].phones) == 1
    assert batch.state is BatchState.RUNNING


async def test_a_gateway_dials_by_its_ports_and_the_call_says_which(office: Office) -> None:
    ports = (GsmPort(name="SIM 1", prefix="1#"), GsmPort(name="SIM 2", prefix="2#"))
    async with dialing(office, replace(a_trunk(), ports=ports)) as dialer:
        batch_id = await office.a_batch(rows=3)
        await until(office, batch_id, in_progress=2, queued=1)
        await dialer.exchange.phone(2)
        assert {details.written for details in dialer.exchange.details} == {
            "1#+919876500000",
            "2#+919876500001",
        }
        assert {call.channel for call in await calls_of(office, batch_id)} == {"SIM 1", "SIM 2"}


async def test_extensions_ring_where_a_trunk_allows_them(office: Office) -> None:
    pbx = replace(SPARE, allows_extensions=True, channels=1)
    async with dialing(office, pbx) as dialer:
        rows = [a_row("101"), a_row("102"), a_row("+919876500001"), a_row("+919876500002")]
        batch_id = (await office.intake.accept(office.request(rows=rows)))["batch_id"]
        await until(office, batch_id, in_progress=3, queued=1)
        await dialer.exchange.phone(2)
        (await dialer.built["spare"].phone(1)).refuse(Disposition.BUSY, 486)
        await dialer.built["spare"].phone(2)
    called = [phone.number.e164 for phone in dialer.built["spare"].phones]
    assert called == ["101", "102"]
    assert all(not phone.number.is_extension for phone in dialer.exchange.phones)


async def test_an_extension_that_is_listed_is_not_rung(office: Office) -> None:
    await a_stored_trunk(office, a_trunk(allows_extensions=True))
    await office.dnd.add("101")
    answer = await office.intake.accept(office.request(rows=[a_row("101"), a_row("102")]))
    assert [one["reason"] for one in answer["skipped"]] == ["dnd"]


async def test_an_extension_is_no_number_where_no_trunk_allows_it(office: Office) -> None:
    answer = await office.intake.accept(office.request(rows=[a_row("101")]))
    assert [one["reason"] for one in answer["skipped"]] == ["invalid_number"]


async def test_the_caller_id_of_a_batch_and_the_id_of_the_call_reach_the_trunk(
    office: Office,
) -> None:
    async with dialing(office) as dialer:
        batch_id = await office.a_batch(rows=1, caller_id="+918012345678")
        await dialer.exchange.phone(1)
        (call,) = await calls_of(office, batch_id)
        details = dialer.exchange.details[0]
        assert (details.caller_id, details.call_id) == ("+918012345678", call.id)


async def test_a_caller_id_that_cannot_be_sent_is_refused(office: Office) -> None:
    with pytest.raises(InputError) as error:
        await office.a_batch(caller_id='"Bank" <sip:x>')
    assert error.value.field == "caller_id"


async def test_without_a_trunk_that_is_enabled_no_batch_is_taken(office: Office) -> None:
    await a_stored_trunk(office, a_trunk(is_enabled=False))
    with pytest.raises(InputError) as error:
        await office.a_batch()
    assert error.value.code == "no_trunk"


async def test_a_batch_goes_on_when_a_trunk_is_enabled_again(office: Office) -> None:
    async with dialing(office) as dialer:
        await a_stored_trunk(office, a_trunk(is_enabled=False))
        await dialer.trunks.reload()
        await a_stored_trunk(office, replace(SPARE, is_enabled=True))
        batch_id = await office.a_batch(rows=1)
        await eventually(lambda: waits_for(dialer) == "no trunk is enabled: enable one, or add one")
        await dialer.trunks.reload()
        dialer.queue.wake()
        await until(office, batch_id, in_progress=1)
        await dialer.built["spare"].phone(1)


async def test_the_last_trunk_of_a_waiting_batch_is_not_deleted(office: Office) -> None:
    await office.a_batch()
    with pytest.raises(ConflictError, match="still needs this trunk"):
        await office.database.write(lambda db: trunks.remove(db, "trunk_gateway"))
    await a_stored_trunk(office, SPARE)
    await office.database.write(lambda db: trunks.remove(db, "trunk_gateway"))


async def _call(office: Office, call_id: str) -> Call:
    async with office.database.reading() as db:
        return await calls.get(db, call_id)
