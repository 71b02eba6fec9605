"""A site on a real port and a real database, without the dialer's queue and the SIP below it."""

import asyncio
import hmac
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from movoice_box.dialer.channels import Channels
from movoice_box.dialer.trunk_pool import TrunkPool
from movoice_box.domain.call import CallResult, CallState, Disposition
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.ids import BatchId, CallId
from movoice_box.sip.trunk import NO_DETAILS, CallDetails, Dialog, TrunkStatus
from movoice_box.store import owners
from movoice_box.web.server import WebServer
from movoice_box.web.services import Services
from movoice_box.web.site import create_site
from tests.builders import AGENT_ID, Office, an_office

ON_SHARED_SITE = pytest.mark.asyncio(loop_scope="module")
"""Marks tests that change nothing and take `shared_site`, which one module starts once."""


@dataclass
class QuietTrunk:
    """A trunk that is there and carries no call. `failure` is what its next tests raise."""

    account: TrunkAccount
    status: TrunkStatus = field(
        default_factory=lambda: TrunkStatus(is_up=None, detail="not asked yet")
    )

    failure: Exception | None = None

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def reach(self) -> None:
        raise TrunkError(f"{self.account.name} carries no calls")

    async def invite(
        self, to: PhoneNumber, offer: MediaOffer, details: CallDetails = NO_DETAILS
    ) -> Dialog:
        raise TrunkError(f"{self.account.name} carries no calls")

    def local_address(self) -> str:
        return "127.0.0.1"

    async def test(self) -> TrunkStatus:
        if self.failure:
            raise self.failure
        self.status = TrunkStatus(is_up=True, detail="answered 200", round_trip_ms=1.5)
        return self.status


@dataclass
class Site:
    """`api` sends its key with every request, `anyone` sends none."""

    office: Office
    services: Services
    api: httpx.AsyncClient
    anyone: httpx.AsyncClient
    key: str

    async def post_batch(self, *phones: str, **changes: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if (key := changes.pop("key", None)) else {}
        body = {"agent_id": AGENT_ID, "recipients": [a_recipient(one) for one in phones]}
        return await self.api.post("/v1/calls/batch", json={**body, **changes}, headers=headers)

    async def a_batch(self, *phones: str, **changes: Any) -> BatchId:
        """The id of a batch to `phones`, or to one number."""
        response = await self.post_batch(*(phones or ("+919876543210",)), **changes)
        assert response.status_code == 202, response.text
        return BatchId(response.json()["batch_id"])

    async def call_next(self, batch_id: BatchId, result: CallResult) -> CallId:
        """Place the next call of a batch: 4 s of ringing and 10 s of talk where it is answered."""
        (call,) = await self.office.claim(batch_id)
        await self.office.dial(call)
        await self.office.book.progress(batch_id, call, CallState.RINGING)
        self.office.clock.pass_time(4)
        if result.disposition is Disposition.ANSWERED:
            await self.office.book.progress(batch_id, call, CallState.TALKING)
            self.office.clock.pass_time(10)
        await self.office.book.end(batch_id, call, result)
        return call.id

    async def logged_in(self) -> httpx.AsyncClient:
        """A browser's client with the session of a person; the caller closes it."""
        now = self.office.clock.now()
        password_hash = await asyncio.to_thread(owners.hash_password, "correct horse battery")

        async def open_session(db: Any) -> str:
            if await owners.find_password_hash(db, "asha") is None:
                await owners.add_user(db, "asha", password_hash, now)
            return await owners.open_session(db, "asha", now)

        token = await self.office.database.write(open_session)
        client = httpx.AsyncClient(base_url=self.api.base_url, trust_env=False)
        client.cookies.set("movoice_box_session", token, domain="127.0.0.1")
        return client

    @staticmethod
    def csrf_token(browser: httpx.AsyncClient) -> str:
        """What a page of that browser's session carries."""
        session = browser.cookies["movoice_box_session"]
        return hmac.digest(session.encode(), b"csrf", "sha256").hex()


def a_recipient(phone: str = "+919876543210", **variables: Any) -> dict[str, Any]:
    return {"phone": phone, "variables": {"name": "Rahul", "amount_due": "₹2500", **variables}}


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The one thing in an error's answer."""
    body = response.json()
    assert list(body) == ["error"], body
    error: dict[str, Any] = body["error"]
    assert list(error) == ["code", "message", "field", "row"], error
    return error


@asynccontextmanager
async def a_site(data_dir: Path, **settings: object) -> AsyncIterator[Site]:
    async with an_office(data_dir, **settings) as office, asyncio.TaskGroup() as group:
        office.settings.recordings.mkdir()
        trunks = TrunkPool(office.database, office.seal, QuietTrunk)
        services = Services(
            settings=office.settings,
            clock=office.clock,
            ids=office.ids,
            database=office.database,
            seal=office.seal,
            broadcast=office.broadcast,
            intake=office.intake,
            control=office.control,
            dnd=office.dnd,
            live=office.live,
            trunks=trunks,
            channels=Channels(trunks, office.database, office.clock, office.settings.zone),
            webhooks=office.webhooks,
            strangers=lambda: 3,
        )
        key = await office.database.write(
            lambda db: owners.create_api_key(db, "test", office.clock.now())
        )
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = WebServer(create_site(services), listener)
            tasks = [group.create_task(run()) for run in (trunks.run, server.run)]
            await trunks.loaded()
            await services.channels.follow()
            bearer = {"Authorization": f"Bearer {key}"}
            async with (
                httpx.AsyncClient(base_url=url, headers=bearer, trust_env=False) as api,
                httpx.AsyncClient(base_url=url, trust_env=False) as anyone,
            ):
                yield Site(office, services, api, anyone, key)
            office.broadcast.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def events_in(text: str) -> list[tuple[str, Any]]:
    """The named events of an SSE stream, each with its JSON."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    return [
        (lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: ")))
        for lines in blocks
        if lines and lines[0].startswith("event: ")
    ]
