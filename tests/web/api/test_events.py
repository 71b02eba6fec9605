"""/v1/events: the stream of news."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from movoice_box.dialer.broadcast import Change
from movoice_box.domain.call import CallState
from tests.builders import a_result
from tests.web.sites import Site, error_of, events_in


class Stream:
    """An open event stream. Reads what comes, and remembers it."""

    def __init__(self, response: httpx.Response) -> None:
        self.headers = response.headers
        self._chunks = response.aiter_text()
        self.text = ""

    async def read_until(self, event: str, count: int = 1) -> None:
        async with asyncio.timeout(10):
            while [name for name, _ in events_in(self.text)].count(event) < count:
                self.text += await anext(self._chunks)

    async def read_to_the_end(self) -> None:
        async with asyncio.timeout(10):
            async for chunk in self._chunks:
                self.text += chunk

    async def read_until_open(self) -> None:
        """Until the first comment: from then on nothing is missed."""
        async with asyncio.timeout(10):
            while "\n:" not in self.text:
                self.text += await anext(self._chunks)


@asynccontextmanager
async def watching(site: Site, query: str = "") -> AsyncIterator[Stream]:
    async with site.api.stream("GET", f"/v1/events{query}") as response:
        assert response.status_code == 200
        stream = Stream(response)
        await stream.read_until_open()
        yield stream


async def test_calls_and_batches_are_told_as_they_are_now(site: Site) -> None:
    async with watching(site) as stream:
        batch_id = await site.a_batch()
        call_id = await site.call_next(batch_id, a_result("BOOKED"))
        await stream.read_until("call")
    assert stream.headers["content-type"].startswith("text/event-stream")
    batch = (await site.api.get(f"/v1/calls/batch/{batch_id}")).json()
    call = (await site.api.get(f"/v1/calls/{call_id}")).json()
    told = events_in(stream.text)
    assert [data for name, data in told if name == "batch"][-1] == batch
    assert [data for name, data in told if name == "call"][-1] == call


async def test_many_changes_of_one_batch_are_told_in_few_events(site: Site) -> None:
    async with watching(site) as stream:
        batch_id = await site.a_batch()
        for _ in range(500):
            site.office.broadcast.publish(Change(batch_id))
        await stream.read_until("batch")
    assert len(events_in(stream.text)) <= 2


async def test_transcript_lines_are_told_as_they_are_said(site: Site) -> None:
    batch_id = await site.a_batch()
    (call,) = await site.office.claim(batch_id)
    async with watching(site) as stream:
        site.office.broadcast.publish(Change(batch_id, call.id, "agent: Hello Rahul"))
        await stream.read_until("transcript")
    line = {"call_id": call.id, "batch_id": batch_id, "line": "agent: Hello Rahul"}
    assert ("transcript", line) in events_in(stream.text)


async def test_a_stream_can_be_of_one_batch(site: Site) -> None:
    mine, other = await site.a_batch(), await site.a_batch()
    async with watching(site, f"?batch_id={mine}") as stream:
        site.office.broadcast.publish(Change(other))
        (call,) = await site.office.claim(mine)
        await site.office.book.progress(mine, call, CallState.RINGING)
        await stream.read_until("call")
    assert {data["batch_id"] for _, data in events_in(stream.text)} == {mine}


async def test_an_unknown_batch_cannot_be_watched(site: Site) -> None:
    response = await site.api.get("/v1/events?batch_id=batch_nothing")
    assert (response.status_code, error_of(response)["field"]) == (404, "batch_id")


async def test_the_stream_ends_when_the_box_stops(site: Site) -> None:
    async with watching(site) as stream:
        site.office.broadcast.close()
        await stream.read_to_the_end()


async def test_a_browser_s_session_can_watch(site: Site) -> None:
    async with await site.logged_in() as browser, browser.stream("GET", "/v1/events") as response:
        assert response.status_code == 200
