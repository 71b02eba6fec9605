"""No call hangs and nothing breaks, whatever a carrier answers."""

import asyncio
import logging
import random
from contextlib import suppress

import pytest

from movoice_box.clock import SystemClock
from movoice_box.errors import SipError
from movoice_box.sip.messages import Request, Response, parse, response_to
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.transport import Address
from movoice_box.sip.trunk import Ended
from tests.sip.ends import (
    HASTY,
    LOCAL,
    NUMBER,
    OFFER,
    an_account,
    an_endpoint,
    events_of,
    true_soon,
)

CALLS = 60
SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8 101\r\na=sendrecv\r\n"
STATUSES = [100, 180, 183, 183, 200, 200, 302, 401, 407, 407, 422, 486, 487, 503, 699]


class RogueCarrier(asyncio.DatagramProtocol):
    """Answers each request with a few random responses, some of them damaged, and asks back."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, source: Address) -> None:
        with suppress(SipError):
            message = parse(data)
            if isinstance(message, Request) and message.method != "ACK":
                for _ in range(self._chance.randrange(4)):
                    self._send(self._response(message).pack(), source)
                if self._chance.random() < 0.3:
                    self._send(self._request(message).pack(), source)

    def _response(self, request: Request) -> Response:
        chance, own = self._chance, str(request.uri)
        headers = [
            ("Contact", chance.choice(["<sip:x@127.0.0.1:9>", "*", "<sip:gw>", "<<", own])),
            ("Record-Route", chance.choice(["<sip:127.0.0.1:9;lr>", "<sip:h>", ",", "x y"])),
            (
                "Proxy-Authenticate",
                chance.choice(["Digest realm=r, nonce=n", "Digest", "Basic x=y"]),
            ),
            ("Reason", chance.choice(["Q.850;cause=17", "Q.850;cause=x"])),
            ("Require", chance.choice(["100rel", '"100rel', "timer, x"])),
            ("RSeq", chance.choice(["1", "2", "99999999999"])),
            ("Min-SE", chance.choice(["3600", "-1"])),
            ("Retry-After", chance.choice(["9", "x"])),
        ]
        return response_to(
            request,
            chance.choice(STATUSES),
            to_tag=chance.choice(["t", "u", ""]),
            headers=chance.sample(headers, chance.randrange(9)),
            sdp=chance.choice([b"", SDP, SDP[:40], SDP.replace(b"sendrecv", b"inactive")]),
        )

    def _request(self, received: Request) -> Request:
        method = self._chance.choice(
            ["BYE", "INVITE", "OPTIONS", "INFO", "UPDATE", "PRACK", "CANCEL", "ACK", "X"]
        )
        request = Request(method=method, uri=received.uri, body=self._chance.choice([b"", SDP]))
        for name, value in [
            ("Via", f"SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{self._chance.random()}"),
            ("From", f"{received.require('To')};tag={self._chance.choice('tu')}"),
            ("To", received.require("From")),
            ("Call-ID", received.call_id),
            ("CSeq", f"{self._chance.randrange(9)} {method}"),
        ]:
            request.headers.add(name, value)
        return request

    def _send(self, data: bytes, destination: Address) -> None:
        damaged = bytearray(data)
        if self._chance.random() < 0.3:
            start = self._chance.randrange(len(damaged))
            damaged[start : start + self._chance.randrange(1, 30)] = self._chance.randbytes(2)
        self._transport.sendto(damaged, destination)


@pytest.mark.parametrize("seed", range(3))
async def test_every_call_ends_and_leaves_nothing(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    chance = random.Random(seed)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: RogueCarrier(chance), local_addr=LOCAL
    )
    address = transport.get_extra_info("sockname")

    async def one_call(trunk: NativeTrunk) -> Ended:
        dialog = await trunk.invite(NUMBER, OFFER)
        await asyncio.sleep(chance.random())
        await dialog.end()
        last = (await events_of(dialog))[-1]
        assert isinstance(last, Ended)
        return last

    async with an_endpoint(HASTY) as endpoint:
        trunk = NativeTrunk(
            an_account(address, ring_timeout_s=1, follows_redirects=True), endpoint, SystemClock()
        )
        ends = await asyncio.gather(*(one_call(trunk) for _ in range(CALLS)))
        await true_soon(lambda: endpoint.live_dialogs == 0)
    transport.close()

    assert len(ends) == CALLS
    assert caplog.records == []
