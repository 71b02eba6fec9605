"""The ports of a GSM gateway in the ledger of channels: turns, limits of a day, rests."""

from dataclasses import replace
from datetime import timedelta

from movoice_box.dialer.channels import Channels, Step
from movoice_box.dialer.trunk_line import ObstacleKind
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Disposition
from movoice_box.domain.phone import NumberFormat, PhoneNumber
from movoice_box.domain.port_usage import PortState
from movoice_box.ids import TrunkId
from tests.builders import Office, a_result
from tests.dialer.desk import ANY, BUSY, REFUSAL, a_desk, a_gsm_gateway, a_sim
from tests.dialer.lines import a_stored_trunk


async def test_ports_take_turns_and_stand_before_the_number(office: Office) -> None:
    gateway = a_gsm_gateway(number_format=NumberFormat.DIGITS, number_prefix="0")
    async with a_desk(office, gateway) as desk:
        one, two = desk.take(), desk.take()
        assert (one.channel, two.channel) == ("SIM 1", "SIM 2")
        assert one.write(PhoneNumber("+919876543210")) == "1#0919876543210"
        assert one.write(PhoneNumber("101")) == "1#101"
        assert desk.channels.try_take(ANY) is None


async def test_load_is_fair_and_stays_so_over_a_restart(office: Office) -> None:
    async with a_desk(office, a_gsm_gateway()) as desk:
        batch_id = await office.a_batch(rows=1)
        (call,) = await office.claim(batch_id)
        await office.dial(call, "trunk_gsm", "SIM 1")
        await office.book.end(batch_id, call, a_result())
        again = Channels(desk.pool, office.database, office.clock, office.settings.zone)
        await again.follow()
        lease = again.try_take(ANY)
        assert lease is not None
        assert lease.channel == "SIM 2"
        health = again.health(TrunkId("trunk_gsm"))
        assert health is not None
        assert [(port.state, port.day.calls) for port in health.ports] == [
            (PortState.FREE, 1),
            (PortState.BUSY, 0),
        ]


async def test_a_sick_port_rests_and_the_batch_goes_on(office: Office) -> None:
    async with a_desk(office, a_gsm_gateway()) as desk:
        desk.spend(REFUSAL, BUSY, REFUSAL, BUSY, REFUSAL, BUSY)  # SIM 1 fails, SIM 2 does not
        assert desk.take().channel == "SIM 2"
        health = desk.channels.health(TrunkId("trunk_gsm"))
        assert health is not None
        assert [port.state for port in health.ports] == [PortState.RESTING, PortState.BUSY]
        assert health.ports[0].reason == "failed 3 of the last 3 calls: Full"


async def test_a_call_that_a_sick_port_refused_is_dialed_again_once(office: Office) -> None:
    async with a_desk(office, a_gsm_gateway()) as desk:
        assert desk.take().release(REFUSAL) is Step.LATER
        assert desk.take().release(REFUSAL) is Step.SETTLED


async def test_used_up_ports_are_told_and_waited_for_until_midnight(office: Office) -> None:
    ports = (a_sim(1, calls_per_day=1), a_sim(2, minutes_per_day=1))
    async with a_desk(office, a_gsm_gateway(*ports)) as desk:
        answered = Attempt(disposition=Disposition.ANSWERED, sip_status=200, talk_s=30)
        desk.spend(answered, answered)
        assert desk.channels.try_take(ANY) is None
        obstacle = desk.channels.obstacle(ANY)
        assert obstacle is not None
        assert obstacle.is_visible
        assert obstacle.reason == (
            "no port of trunk 'gsm' may call now: SIM 1 its 1 calls of the day are up; "
            "SIM 2 its 1 minutes of the day are up"
        )
        to_midnight = (obstacle.until or 0) - office.clock.monotonic()
        assert to_midnight == timedelta(hours=9).total_seconds()  # 09:30 UTC is 15:00 in India
        office.clock.pass_time(to_midnight)
        desk.take()


async def test_a_clock_that_is_set_right_gives_no_port_its_day_twice(office: Office) -> None:
    async with a_desk(office, a_gsm_gateway(a_sim(1, calls_per_day=1))) as desk:
        batch_id = await office.a_batch(rows=1)
        (call,) = await office.claim(batch_id)
        await office.dial(call, "trunk_gsm", "SIM 1")
        await office.book.end(batch_id, call, a_result())
        desk.spend(BUSY)
        office.clock.set_right(days=1)
        await desk.channels.follow()
        desk.take().drop()
        office.clock.set_right(days=-1)
        await desk.channels.follow()
        assert desk.channels.try_take(ANY) is None


async def test_a_port_that_is_renamed_in_a_call_stays_busy(office: Office) -> None:
    async with a_desk(office, a_gsm_gateway()) as desk:
        desk.take()
        desk.built.clear()
        renamed = replace(a_gsm_gateway(), ports=(replace(a_sim(1), name="Reception"), a_sim(2)))
        await a_stored_trunk(office, renamed)
        await desk.pool.reload()
        await desk.channels.follow()
        assert desk.take().channel == "SIM 2"
        assert desk.channels.try_take(ANY) is None


async def test_a_gap_between_calls_is_no_matter_to_tell(office: Office) -> None:
    async with a_desk(office, a_gsm_gateway(a_sim(1, gap_s=20))) as desk:
        desk.spend(BUSY)
        obstacle = desk.channels.obstacle(ANY)
        assert obstacle is not None
        assert (obstacle.kind, obstacle.is_visible) == (ObstacleKind.PAUSING, False)
        assert obstacle.until == office.clock.monotonic() + 20
