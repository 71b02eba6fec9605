"""Registration on the wire, answered by hand."""

import asyncio

from movoice_box.sip.messages import Request
from tests.sip.bare import Stranger
from tests.sip.ends import a_trunk, true_soon

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
