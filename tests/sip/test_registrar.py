"""Registration on the wire, answered by hand."""

import asyncio

import pytest

from movoice_box.errors import TrunkError
from movoice_box.sip.messages import Request
from movoice_box.sip.trunk import Ended
from tests.peers.sipp import free_udp_port
from tests.sip.bare import Stranger
from tests.sip.ends import HASTY, NUMBER, OFFER, a_trunk, true_soon, until

CHALLENGE = 'Digest realm="r", nonce="n"'


async def test_trunk_test_registers_and_leaves_no_binding_behind() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, register=True) as trunk,
        asyncio.TaskGroup() as group,
    ):
        testing = group.create_task(trunk.test())
        asked = []
        for _ in range(3):
            request = await gateway.expect(Request)
            asked.append((request.method, request.get("Expires")))
            gateway.answer(request, 200, tag="t")

    status = testing.result()
    assert asked == [("OPTIONS", None), ("REGISTER", "300"), ("REGISTER", "0")]
    assert (status.is_up, status.is_registered) == (True, True)
    assert status.round_trip_ms is not None


async def test_refused_password_is_down_and_is_tried_again_when_asked() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, register=True) as trunk,
    ):
        statuses = []
        for _ in range(2):
            async with asyncio.TaskGroup() as group:
                testing = group.create_task(trunk.test())
                gateway.answer(await gateway.expect(Request), 200, tag="t")
                for _ in range(2):
                    request = await gateway.expect(Request)
                    gateway.answer(request, 401, tag="t", challenge=CHALLENGE)
            statuses.append(testing.result())

    assert [status.is_up for status in statuses] == [False, False]
    assert "check the user name and password" in statuses[0].detail


async def test_binding_is_taken_back_when_the_trunk_stops() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, register=True) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        first = await gateway.expect(Request)
        gateway.answer(first, 200, tag="t")
        await true_soon(lambda: trunk.status.is_registered is True)
        running.cancel()
        last = await gateway.expect(Request)
        gateway.answer(last, 200, tag="t")

    assert (first.get("Expires"), last.get("Expires")) == ("300", "0")
    assert first.call_id == last.call_id
    assert first.cseq.sequence < last.cseq.sequence


async def test_reach_waits_for_the_first_outcome_of_the_registration() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, register=True) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        reaching = group.create_task(trunk.reach())
        asked = await gateway.expect(Request)
        assert not reaching.done()
        gateway.answer(asked, 200, tag="t")
        await reaching
        status = trunk.status
        running.cancel()
        gateway.answer(await gateway.expect(Request), 200, tag="t")

    assert status.registered_until is not None
    assert trunk.status.registered_until is None


async def test_call_waits_some_seconds_for_a_registration_that_was_lost() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, register=True) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        gateway.answer(await gateway.expect(Request), 503, tag="t")
        await true_soon(lambda: trunk.status.is_up is False)
        calling = group.create_task(trunk.reach())
        group.create_task(trunk.test())
        for _ in ("OPTIONS", "REGISTER"):
            gateway.answer(await gateway.expect(Request), 200, tag="t")
        await calling
        running.cancel()
        gateway.answer(await gateway.expect(Request), 200, tag="t")


async def test_reach_fails_at_once_where_the_server_refuses_us() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, register=True) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        gateway.answer(await gateway.expect(Request), 403, tag="t")
        with pytest.raises(TrunkError, match="check the user name and password"):
            await trunk.reach()
        running.cancel()


async def test_public_address_that_changed_is_registered_at_once_in_place_of_the_old_one() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, register=True) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        first = await gateway.expect(Request)
        first.headers.set("Via", first.values("Via")[0].replace("rport", "rport=1024"))
        gateway.answer(first, 200, tag="t", seen_from="192.0.2.1")
        second = await gateway.expect(Request)
        second.headers.set("Via", second.values("Via")[0].replace("rport", "rport=1024"))
        gateway.answer(second, 200, tag="t", seen_from="192.0.2.1")
        await asyncio.sleep(0.1)
        running.cancel()
        last = await gateway.expect(Request)
        gateway.answer(last, 200, tag="t")

    private = first.values("Contact")
    assert second.values("Contact") == [
        "<sip:alice@192.0.2.1:1024>",
        f"{private[0]};expires=0",
    ]
    assert last.values("Contact") == ["<sip:alice@192.0.2.1:1024>"]


async def test_calls_pass_what_the_registrar_names_behind_the_outbound_proxy() -> None:
    edge, core = "<sip:edge.example;lr>", "<sip:core.example;lr>"
    async with await Stranger.open() as gateway:
        proxy = ("127.0.0.1", gateway.address[1])
        by_proxy = f"{proxy[0]}:{proxy[1]}"
        home = ("home.example", 5060)
        async with a_trunk(home, register=True, outbound_proxy=by_proxy) as trunk:
            for service_route in ([edge, core], []):
                testing = asyncio.ensure_future(trunk.test())
                options = await gateway.expect(Request)
                gateway.answer(options, 200, tag="t")
                register = await gateway.expect(Request)
                headers = [("Service-Route", route) for route in service_route]
                gateway.answer(register, 200, tag="t", headers=headers)
                removal = await gateway.expect(Request)
                gateway.answer(removal, 200, tag="t", headers=headers)
                await testing
                dialog = await trunk.invite(NUMBER, OFFER)
                invite = await gateway.expect(Request)
                gateway.answer(invite, 486, tag="t")
                await until(dialog, Ended)
                await gateway.expect(Request)
                outbound = f"<sip:{proxy[0]}:{proxy[1]};lr>"
                assert invite.values("Route") == [outbound, *service_route]
                assert register.values("Route") == removal.values("Route") == [outbound]
                assert register.get("Supported") == "path"


async def test_trunk_without_registration_is_watched_by_options() -> None:
    async with (
        await Stranger.open() as gateway,
        a_trunk(gateway.address, timers=HASTY) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(trunk.run())
        for _ in range(2):
            options = await gateway.expect(Request)
            gateway.answer(options, 404, tag="t")
        await true_soon(lambda: trunk.status.is_up is True)
        await trunk.reach()
        running.cancel()

    assert options.method == "OPTIONS"


async def test_trunk_that_is_gone_is_down_until_it_is_back() -> None:
    port = free_udp_port()
    async with a_trunk(("127.0.0.1", port), timers=HASTY) as trunk, asyncio.TaskGroup() as group:
        running = group.create_task(trunk.run())
        await true_soon(lambda: trunk.status.is_up is False)
        with pytest.raises(TrunkError, match=r"is down: .* is closed or has no route"):
            await trunk.reach()
        async with await Stranger.open(port=port) as gateway:
            gateway.answer(await gateway.expect(Request), 200, tag="t")
            await true_soon(lambda: trunk.status.is_up is True)
            await trunk.reach()
            running.cancel()
