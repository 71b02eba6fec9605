"""A TCP connection of which one side has forgotten, in the middle of a batch."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from movoice_box.clock import SystemClock
from movoice_box.domain.batch import BatchState
from movoice_box.domain.trunk import Transport, TrunkAccount
from movoice_box.sip.framing import Framer
from movoice_box.sip.messages import Request, parse, response_to
from movoice_box.sip.native_trunk import NativeTrunk
from tests.builders import Office, a_trunk
from tests.dialer.lines import calls_of, dialing, until
from tests.sip.ends import HASTY, an_endpoint

STATUSES = {"INVITE": 486, "OPTIONS": 200}


class ForgetfulGateway:
    """Busy for everyone; after two calls it forgets its first connection, which stays open."""

    def __init__(self) -> None:
        self.dialed: list[str] = []
        self.port = 0
        self._writers: list[StreamWriter] = []

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        gateway = cls()
        server = await asyncio.start_server(gateway._serve, "127.0.0.1", 0)
        gateway.port = server.sockets[0].getsockname()[1]
        yield gateway
        server.close()
        for writer in gateway._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    @property
    def connections(self) -> int:
        return len(self._writers)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._writers.append(writer)
        framer, is_first = Framer(), len(self._writers) == 1
        while data := await reader.read(65_536):
            for frame in framer.feed(data):
                if not isinstance(frame, bytes) or (is_first and len(self.dialed) == 2):
                    continue
                request = parse(frame)
                if isinstance(request, Request) and (status := STATUSES.get(request.method)):
                    if request.method == "INVITE":
                        self.dialed.append(request.uri.user or "")
                    writer.write(response_to(request, status, to_tag="gw").pack())


async def test_a_batch_goes_on_by_a_new_connection_and_rings_nobody_twice(office: Office) -> None:
    async with ForgetfulGateway.open() as gateway, an_endpoint(HASTY) as endpoint:

        def build(account: TrunkAccount) -> NativeTrunk:
            return NativeTrunk(account, endpoint, SystemClock())

        account = a_trunk(port=gateway.port, transport=Transport.TCP)
        async with dialing(office, account, build=build):
            batch_id = await office.a_batch(rows=6, concurrency=1)
            await until(office, batch_id, state=BatchState.COMPLETED)
            made = await calls_of(office, batch_id)
    assert [call.outcome for call in made] == ["BUSY"] * 6
    assert len(gateway.dialed) == len(set(gateway.dialed)) == 6
    assert gateway.connections == 2
