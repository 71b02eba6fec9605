"""How much the layer remembers of what it answered."""

from collections.abc import AsyncIterator

import pytest

from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.messages import Response, parse
from movoice_box.sip.transaction_layer import TransactionLayer
from tests.sip.bare import Stranger

KEPT = 1_024


class Clerk:
    """Answers each request, but INVITEs of a caller who is kept waiting."""

    def __init__(self) -> None:
        self.met: list[IncomingRequest] = []

    def on_request(self, incoming: IncomingRequest) -> None:
        self.met.append(incoming)
        if incoming.request.method != "INVITE":
            incoming.reply(200)


@pytest.fixture
def clerk() -> Clerk:
    return Clerk()


@pytest.fixture
async def layer(clerk: Clerk) -> AsyncIterator[TransactionLayer]:
    layer = TransactionLayer(("127.0.0.1", 0), clerk)
    yield layer
    layer.close()


async def test_a_flood_is_answered_and_the_oldest_of_it_forgotten(
    layer: TransactionLayer, clerk: Clerk
) -> None:
    async with await Stranger.open() as gateway:
        ringing = gateway.request("INVITE", call_id="rings").pack()
        layer.on_datagram(ringing, gateway.address)
        for number in range(3 * KEPT):
            data = gateway.request("OPTIONS", call_id=str(number)).pack()
            layer.on_datagram(data, gateway.address)
        layer.on_datagram(data, gateway.address)
        layer.on_datagram(ringing, gateway.address)

    assert layer.live_transactions == KEPT
    assert len(clerk.met) == 1 + 3 * KEPT


async def test_where_all_requests_are_at_work_another_is_left_to_its_sender(
    layer: TransactionLayer, clerk: Clerk
) -> None:
    async with await Stranger.open() as gateway:
        for number in range(KEPT + 5):
            data = gateway.request("INVITE", call_id=str(number)).pack()
            layer.on_datagram(data, gateway.address)
        assert len(clerk.met) == layer.live_transactions == KEPT
        clerk.met[7].reply(486)
        refusal = parse(await gateway.received.get())
        layer.on_datagram(data, gateway.address)

    assert isinstance(refusal, Response)
    assert refusal.call_id == "7"
    assert len(clerk.met) == KEPT + 1
