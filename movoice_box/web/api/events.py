"""News of calls and batches while they happen: /v1/events (server-sent events)."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.params import QueryParameter
from litestar.response import Stream

from movoice_box.dialer.broadcast import Change
from movoice_box.errors import NotFoundError
from movoice_box.store import batches, calls
from movoice_box.web.api.batches import BatchOut
from movoice_box.web.api.calls import CallOut
from movoice_box.web.api.shapes import Given
from movoice_box.web.services import Services

_PAUSE_S = 0.5  # between two lots of news: what changed often in between is told once
_QUIET_S = 15.0  # then a comment, so that proxies keep the stream open
_RETRY_MS = 2_000


class TranscriptOut(msgspec.Struct):
    """A sentence of a call that is going on."""

    call_id: str
    batch_id: str | None
    line: str


class EventController(Controller):
    path = "/events"
    tags = ("events",)

    @get("/", media_type="text/event-stream")
    async def watch_events(
        self,
        services: Given,
        batch_id: Annotated[str | None, QueryParameter(description="Only of this batch.")] = None,
    ) -> Stream:
        """Each `batch` and `call` event holds its subject as it is now; `transcript` a new line.

        Changes within half a second are told once. The stream ends when the box stops.
        """
        if batch_id is not None:
            async with services.database.reading() as db:
                await batches.get(db, batch_id)
        return Stream(
            _events(services, batch_id),
            headers={"X-Accel-Buffering": "no"},  # nginx would hold events back
        )


async def _events(services: Services, batch_id: str | None) -> AsyncIterator[bytes]:
    yield f"retry: {_RETRY_MS}\n\n".encode()
    async for changes in services.broadcast.gathered(_PAUSE_S, _QUIET_S):
        wanted = [one for one in changes if batch_id is None or one.batch_id == batch_id]
        yield b"".join(await _told(services, wanted)) or b": still here\n\n"


async def _told(services: Services, changes: list[Change]) -> list[bytes]:
    """The events for a lot of changes: each batch and each call once, as it is now."""
    call_ids = {one.call_id for one in changes if one.call_id and one.detail is None}
    events = []
    async with services.database.reading() as db:
        known = await calls.among(db, call_ids | {one.call_id for one in changes if one.call_id})
        for batch_id in dict.fromkeys(one.batch_id for one in changes):
            try:
                batch = await batches.get(db, batch_id)
            except NotFoundError:
                continue
            if not batch.is_single:
                events.append(_event("batch", BatchOut.of(batch, services.channels)))
    for one in changes:
        if one.call_id and one.detail is not None and (call := known.get(one.call_id)):
            events.append(_event("transcript", TranscriptOut(call.id, call.batch_id, one.detail)))
    events += [_event("call", CallOut.of(known[one])) for one in known if one in call_ids]
    return events


def _event(name: str, data: msgspec.Struct) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
