"""The ledger of channels: which trunk and port takes a call, why none does, and what follows."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from movoice_box.dialer.channels import Lease, Step
from movoice_box.dialer.trunk_line import ObstacleKind
from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Disposition
from movoice_box.domain.routing import Wish
from movoice_box.ids import TrunkId
from tests.builders import Office, a_trunk
from tests.dialer.desk import ANY, BUSY, CALL, REFUSAL, SILENCE, a_desk
from tests.dialer.lines import a_stored_trunk


async def test_calls_go_to_the_first_priority_until_it_is_full(office: Office) -> None:
    first, second = a_trunk("first", channels=2), a_trunk("second", priority=2, channels=1)
    async with a_desk(office, second, first) as desk:
        assert desk.names(3) == ["first", "first", "second"]
        assert desk.channels.try_take(ANY) is None
        obstacle = desk.channels.obstacle(ANY)
    assert obstacle is not None
    assert (obstacle.kind, obstacle.is_visible) == (ObstacleKind.BUSY, False)


async def test_equal_trunks_share_by_weight(office: Office) -> None:
    heavy, light = a_trunk("heavy", weight=2, channels=99), a_trunk("light", channels=99)
    async with a_desk(office, heavy, light) as desk:
        assert Counter(desk.names(9)) == {"heavy": 6, "light": 3}


async def test_a_named_trunk_carries_the_call_or_none_does(office: Office) -> None:
    async with a_desk(office, a_trunk("one", channels=1), a_trunk("two")) as desk:
        wish = Wish(trunk_id=TrunkId("trunk_one"))
        lease = desk.take(wish)
        assert desk.channels.try_take(wish) is None
        assert lease.release(SILENCE) is Step.SETTLED
        assert desk.take(wish).trunk_id == "trunk_one"


async def test_extensions_go_where_they_are_allowed(office: Office) -> None:
    pbx = a_trunk("pbx", priority=9, allows_extensions=True)
    async with a_desk(office, a_trunk("carrier"), pbx) as desk:
        assert desk.take(Wish(is_extension=True)).trunk_id == "trunk_pbx"
        assert desk.take().trunk_id == "trunk_carrier"
        wish = Wish(trunk_id=TrunkId("trunk_carrier"), is_extension=True)
        assert desk.channels.try_take(wish) is None


async def test_a_failed_trunk_hands_the_call_to_the_next_and_each_gets_it_once(
    office: Office,
) -> None:
    accounts = [a_trunk(str(place), priority=place) for place in (1, 2, 3)]
    async with a_desk(office, *accounts) as desk:
        second = desk.take().release(REFUSAL)
        assert isinstance(second, Lease)
        third = second.release(SILENCE)
        assert isinstance(third, Lease)
        assert (second.trunk_id, third.trunk_id) == ("trunk_2", "trunk_3")
        assert third.call_id == CALL
        assert third.release(REFUSAL) is Step.SETTLED
        assert [desk.channels.health(one.id).in_use for one in accounts] == [0, 0, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "attempt",
    [BUSY, replace(REFUSAL, has_rung=True), Attempt(disposition=Disposition.CANCELED)],
)
async def test_a_call_that_rang_or_was_told_goes_to_no_other_trunk(
    office: Office, attempt: Attempt
) -> None:
    async with a_desk(office, a_trunk("one"), a_trunk("two")) as desk:
        assert desk.take().release(attempt) is Step.SETTLED


async def test_a_trunk_that_is_down_is_passed_over_and_waited_for(office: Office) -> None:
    first, second = a_trunk("first"), a_trunk("second", priority=2)
    async with a_desk(office, first, second) as desk:
        desk.built["first"].is_up = False
        assert desk.take().trunk_id == "trunk_second"
        desk.built["second"].is_up = False
        obstacle = desk.channels.obstacle(ANY)
        assert obstacle is not None
        assert obstacle.is_visible
        assert obstacle.reason == (
            "trunk 'first' is down: as the test says; trunk 'second' is down: as the test says"
        )
        assert obstacle.until == office.clock.monotonic() + 1
        desk.built["first"].is_up = True
        assert desk.take().trunk_id == "trunk_first"


async def test_a_trunk_is_not_dialed_before_its_first_registration_ends(office: Office) -> None:
    account = a_trunk("registers", register=True, username="box", password="s3cret")
    async with a_desk(office, account, a_trunk("other", priority=2)) as desk:
        desk.built["registers"].is_up = None
        assert desk.take().trunk_id == "trunk_other"
        desk.built["registers"].is_up = True
        assert desk.take().trunk_id == "trunk_registers"


async def test_a_trunk_whose_health_nobody_knows_is_dialed(office: Office) -> None:
    async with a_desk(office, a_trunk("quiet")) as desk:
        desk.built["quiet"].is_up = None
        desk.take()


async def test_a_trunk_that_fails_rests_and_says_why_and_since_when(office: Office) -> None:
    async with a_desk(office, a_trunk("one")) as desk:
        desk.spend(SILENCE, SILENCE, SILENCE)
        assert desk.channels.try_take(ANY) is None
        health = desk.channels.health(TrunkId("trunk_one"))
        assert health is not None
        assert health.obstacle is ObstacleKind.RESTING
        assert health.reason == (
            "trunk 'one' rests: did not answer the last 3 calls: no answer in 32 s (timer B)"
        )
        assert health.until == office.clock.now() + timedelta(seconds=30)
        office.clock.pass_time(30)
        trial = desk.take()
        assert desk.channels.try_take(ANY) is None
        trial.on_alive()
        desk.take()


async def test_a_trunk_that_comes_back_is_tried_at_once(office: Office) -> None:
    async with a_desk(office, a_trunk("one")) as desk:
        desk.spend(SILENCE, SILENCE, SILENCE)
        desk.built["one"].is_up = False
        assert desk.channels.try_take(ANY) is None
        desk.built["one"].is_up = True
        desk.take()
        assert desk.channels.try_take(ANY) is None


async def test_a_call_that_fails_on_a_trunk_that_is_down_is_dialed_again_once(
    office: Office,
) -> None:
    async with a_desk(office, a_trunk("one")) as desk:
        lease = desk.take()
        desk.built["one"].is_up = False
        assert lease.release(SILENCE) is Step.LATER


async def test_calls_that_fail_while_their_trunk_rests_are_dialed_again_once(
    office: Office,
) -> None:
    async with a_desk(office, a_trunk("one")) as desk:
        leases = [desk.take() for _ in range(4)]
        steps = [lease.release(SILENCE) for lease in leases]
        assert steps == [Step.SETTLED, Step.SETTLED, Step.SETTLED, Step.LATER]
        office.clock.pass_time(30)
        assert desk.take().release(SILENCE) is Step.SETTLED


async def test_who_is_asked_to_come_later_does(office: Office) -> None:
    async with a_desk(office, a_trunk("one")) as desk:
        assert desk.take().release(replace(REFUSAL, retry_after_s=120)) is Step.LATER
        obstacle = desk.channels.obstacle(ANY)
        assert obstacle is not None
        assert obstacle.until == office.clock.monotonic() + 120
        assert "asked for a rest of 120 s: Full" in obstacle.reason


async def test_a_call_waits_for_a_trunk_that_is_merely_busy(office: Office) -> None:
    async with a_desk(office, a_trunk("one"), a_trunk("two", priority=2, channels=1)) as desk:
        first = desk.take()
        desk.take(Wish(trunk_id=TrunkId("trunk_two")))
        assert first.release(REFUSAL) is Step.LATER


async def test_calls_a_second_are_spaced_and_do_not_spill_over(office: Office) -> None:
    paced = a_trunk("paced", calls_per_second=2.0)
    async with a_desk(office, paced, a_trunk("dear", priority=2)) as desk:
        assert desk.names(1) == ["paced"]
        assert desk.channels.try_take(ANY) is None
        obstacle = desk.channels.obstacle(ANY)
        assert obstacle is not None
        assert obstacle.until == office.clock.monotonic() + 0.5
        office.clock.pass_time(0.5)
        assert desk.names(1) == ["paced"]


async def test_a_slow_trunk_does_not_hold_up_the_next(office: Office) -> None:
    slow = a_trunk("slow", calls_per_second=0.1)
    async with a_desk(office, slow, a_trunk("next", priority=2)) as desk:
        assert desk.names(2) == ["slow", "next"]


async def test_a_call_that_fails_over_does_not_wait_for_its_place(office: Office) -> None:
    paced = a_trunk("paced", priority=2, calls_per_second=1.0)
    async with a_desk(office, a_trunk("one"), paced) as desk:
        desk.take(Wish(trunk_id=TrunkId("trunk_paced")))
        assert isinstance(desk.take().release(REFUSAL), Lease)


async def test_invites_are_spaced_however_long_their_preparation_took(office: Office) -> None:
    async with a_desk(office, a_trunk("paced", calls_per_second=20.0)) as desk:
        leases = []
        for _ in range(3):
            leases.append(desk.take())
            office.clock.pass_time(1)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(*(lease.turn(asyncio.Event()) for lease in leases))
        assert loop.time() - started >= 0.099


async def test_a_registration_that_never_has_an_outcome_is_told(office: Office) -> None:
    account = a_trunk("mute", register=True, username="box")
    async with a_desk(office, account) as desk:
        desk.built["mute"].is_up = None
        first = desk.channels.obstacle(ANY)
        office.clock.pass_time(10)
        later = desk.channels.obstacle(ANY)
        assert first is not None
        assert later is not None
        assert (first.kind, first.is_visible) == (ObstacleKind.STARTING, False)
        assert later.is_visible
        assert later.reason == "trunk 'mute' is not registered yet: as the test says"
        desk.built["mute"].is_up = True
        desk.take()


async def test_a_trunk_without_extensions_says_so(office: Office) -> None:
    async with a_desk(office, a_trunk("one")) as desk:
        obstacle = desk.channels.obstacle(Wish(trunk_id=TrunkId("trunk_one"), is_extension=True))
    assert obstacle is not None
    assert obstacle.reason == "trunk 'one' does not allow extensions: allow them on it"


async def test_a_call_that_is_over_waits_for_no_place(office: Office) -> None:
    async with a_desk(office, a_trunk("slow", calls_per_second=0.01)) as desk:
        lease, is_over = desk.take(), asyncio.Event()
        await lease.turn(is_over)
        is_over.set()
        async with asyncio.timeout(10):
            await lease.turn(is_over)


async def test_a_call_that_comes_in_takes_a_channel(office: Office) -> None:
    async with a_desk(office, a_trunk("one", channels=1)) as desk:
        inbound = desk.channels.take_inbound(TrunkId("trunk_one"))
        assert inbound is not None
        with inbound:
            assert desk.channels.try_take(ANY) is None
            assert desk.channels.take_inbound(TrunkId("trunk_one")) is None
        desk.take()
        assert desk.channels.take_inbound(TrunkId("trunk_gone")) is None


async def test_all_that_a_call_holds_is_freed_with_it_and_only_once(office: Office) -> None:
    woken: list[None] = []
    async with a_desk(office, a_trunk("one", channels=2)) as desk:
        desk.channels.wake = lambda: woken.append(None)
        leases = [desk.take(), desk.take()]
        desk.channels.free(CALL)
        assert len(woken) == 2
        assert [lease.release(SILENCE) for lease in leases] == [Step.SETTLED] * 2
        for lease in leases:
            lease.drop()
        health = desk.channels.health(TrunkId("trunk_one"))
        assert health is not None
        assert health.in_use == 0


async def test_an_edited_trunk_gets_a_new_chance_and_keeps_its_calls(office: Office) -> None:
    async with a_desk(office, a_trunk("one", channels=2)) as desk:
        desk.take()
        desk.spend(SILENCE, SILENCE, SILENCE)
        desk.built.clear()
        await a_stored_trunk(office, a_trunk("one", channels=2, host="127.0.0.2"))
        await desk.pool.reload()
        await desk.channels.follow()
        assert desk.take().trunk.account.host == "127.0.0.2"
        assert desk.channels.try_take(ANY) is None


async def test_a_trunk_that_is_disabled_carries_nothing_more(office: Office) -> None:
    async with a_desk(office, a_trunk("one")) as desk:
        lease = desk.take()
        await a_stored_trunk(office, a_trunk("one", is_enabled=False))
        await desk.pool.reload()
        await desk.channels.follow()
        assert desk.channels.try_take(ANY) is None
        obstacle = desk.channels.obstacle(ANY)
        assert obstacle is not None
        assert obstacle.reason == "no trunk is enabled: enable one, or add one"
        assert lease.release(BUSY) is Step.SETTLED


async def test_a_password_that_does_not_open_disables_its_trunk_and_says_so(
    office: Office,
) -> None:
    account = a_trunk("sealed", username="box", password="s3cret")
    async with a_desk(office, account, a_trunk("other")) as desk:
        await office.database.write(
            lambda db: db.execute("UPDATE trunks SET password = x'00' WHERE name = 'sealed'")
        )
        await desk.pool.reload()
        await desk.channels.follow()
        assert desk.names(2) == ["other", "other"]
        assert "sealed with another key" in desk.pool.status(account.id).detail
        desk.built.clear()
        await a_stored_trunk(office, replace(account, password="n3w"))
        await desk.pool.reload()
        assert desk.pool.get(account.id).account.password == "n3w"
