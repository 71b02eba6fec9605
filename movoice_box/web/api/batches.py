"""Batches of calls: /v1/calls/batch."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal, Self

import msgspec
from litestar import Controller, get, post
from litestar.params import Body, FromPath, JSONBody, QueryParameter, RawBody
from litestar.response import Stream

from movoice_box.dialer.channels import Channels
from movoice_box.dialer.intake import BatchRequest
from movoice_box.dialer.recipient_file import RecipientRow
from movoice_box.domain.batch import Batch, BatchState, Recipient, RecipientState, SkipReason
from movoice_box.domain.call import Disposition
from movoice_box.store import batches
from movoice_box.web.api.export import export_csv, file_name
from movoice_box.web.api.moments import Moment, parse_moment
from movoice_box.web.api.shapes import (
    DEFAULT_LIMIT,
    Cursor,
    Given,
    IdempotencyKey,
    Limit,
    Listed,
    Scalar,
    example,
    listed,
    to_texts,
)
from movoice_box.web.waiting import waiting_reason

Concurrency = Annotated[
    int,
    msgspec.Meta(
        description="Most calls at once, 1 to 1000; by default what plan and trunk allow."
    ),
]
ScheduleAt = Annotated[
    Moment,
    msgspec.Meta(description="Epoch seconds, or ISO 8601 with zone; in the past means now."),
]
Name = Annotated[str, msgspec.Meta(max_length=200, description="By default agent and time.")]
TrunkChoice = Annotated[
    str,
    msgspec.Meta(
        description="By default the box chooses for each call, by priority, weight and health."
    ),
]
CallerId = Annotated[
    str, msgspec.Meta(description="The number that callees see; by default the trunk's own.")
]
Country = Annotated[
    str,
    msgspec.Meta(description="Two letters; numbers without + are of there. By default the box's."),
]


class RecipientIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One person to call. Numbers among the variables are taken as text."""

    phone: str
    variables: dict[str, Scalar] = {}


class BatchIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A list of people to call, and how."""

    agent_id: str
    recipients: list[RecipientIn]
    concurrency: Concurrency | None = None
    schedule_at: ScheduleAt | None = None
    name: Name | None = None
    trunk_id: TrunkChoice | None = None
    caller_id: CallerId | None = None
    default_country: Country | None = None


class SkippedOut(msgspec.Struct):
    row: int
    phone: str
    reason: SkipReason
    message: str


class AcceptedOut(msgspec.Struct):
    """What became of each row; the calls themselves come later."""

    batch_id: str
    state: BatchState
    total: int
    queued: int
    skipped: list[SkippedOut]


class BatchOut(msgspec.Struct, kw_only=True):
    """A batch as it stands. `answer_rate` is answered / attempted, null before the first call.

    `trunk_id` is null where the box chooses the trunk of each call. `waiting_reason` says what
    keeps the calls of a running batch waiting, such as a trunk that is down; null where nothing.
    """

    batch_id: str
    name: str
    agent_id: str
    trunk_id: str | None
    caller_id: str | None
    state: BatchState
    concurrency: int
    total: int
    queued: int
    in_progress: int
    completed: int
    failed: int
    skipped: int
    canceled: int
    attempted: int
    answered: int
    answer_rate: float | None
    outcomes: dict[str, int]
    pause_reason: str | None
    waiting_reason: str | None
    schedule_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, batch: Batch, channels: Channels) -> Self:
        tally = batch.tally
        return cls(
            batch_id=batch.id,
            name=batch.name,
            agent_id=batch.agent_id,
            trunk_id=batch.trunk_id,
            caller_id=batch.caller_id,
            state=batch.state,
            concurrency=batch.concurrency,
            total=tally.total,
            **{str(state): tally.count(state) for state in RecipientState},
            attempted=tally.attempted,
            answered=tally.answered,
            answer_rate=tally.answer_rate,
            outcomes=tally.outcomes,
            pause_reason=batch.pause_reason,
            waiting_reason=waiting_reason(batch, channels),
            schedule_at=batch.schedule_at,
            created_at=batch.created_at,
            started_at=batch.started_at,
            ended_at=batch.ended_at,
        )


class RecipientOut(msgspec.Struct, kw_only=True):
    """One row of a batch. `phone` is E.164, or as it was given where it is no number."""

    row: int
    phone: str
    variables: dict[str, str]
    state: RecipientState
    skip_reason: SkipReason | None
    skip_message: str | None
    disposition: Disposition | None
    outcome: str | None
    call_id: str | None

    @classmethod
    def of(cls, recipient: Recipient) -> Self:
        return cls(**{name: getattr(recipient, name) for name in cls.__struct_fields__})


class CancelIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`live` says what becomes of the calls in which people are talking."""

    live: Literal["finish", "end"] = "finish"


def _rows(recipients: list[RecipientIn]) -> list[RecipientRow]:
    return [RecipientRow(one.phone, to_texts(one.variables)) for one in recipients]


BATCH_EXAMPLE = {
    "agent_id": "agent_12345",
    "recipients": [
        {"phone": "+919876543210", "variables": {"name": "Rahul", "amount_due": "₹2500"}},
        {"phone": "+919876543211", "variables": {"name": "Priya", "amount_due": "₹1800"}},
    ],
    "concurrency": 5,
    "schedule_at": 1714000000,
}


class BatchController(Controller):
    path = "/calls/batch"
    tags = ("batches",)

    @post("/", status_code=202)
    async def create_batch(
        self,
        data: Annotated[BatchIn, Body(examples=[example(BATCH_EXAMPLE, "Two recipients")])],
        body: RawBody,
        services: Given,
        idempotency_key: IdempotencyKey = None,
    ) -> AcceptedOut:
        """Queue a batch. Every row is queued or skipped with a reason; calls follow."""
        request = BatchRequest(
            agent_id=data.agent_id,
            rows=await asyncio.to_thread(_rows, data.recipients),
            concurrency=data.concurrency,
            schedule_at=parse_moment(data.schedule_at, "schedule_at"),
            name=data.name,
            trunk_id=data.trunk_id,
            caller_id=data.caller_id,
            default_country=data.default_country,
            idempotency_key=idempotency_key,
            body=b"batch\n" + body,
        )
        return msgspec.convert(await services.intake.accept(request), AcceptedOut)

    @get("/")
    async def list_batches(
        self,
        services: Given,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        in_state: Annotated[BatchState | None, QueryParameter(name="state")] = None,
    ) -> Listed[BatchOut]:
        """Batches, newest first."""
        async with services.database.reading() as db:
            page = await batches.page(db, limit=limit, cursor=cursor, state=in_state)
        return listed(page, lambda one: BatchOut.of(one, services.channels))

    @get("/{batch_id:str}")
    async def get_batch(self, batch_id: FromPath[str], services: Given) -> BatchOut:
        """A batch with its counts."""
        async with services.database.reading() as db:
            return BatchOut.of(await batches.get(db, batch_id), services.channels)

    @post("/{batch_id:str}/pause", status_code=200)
    async def pause_batch(self, batch_id: FromPath[str], services: Given) -> BatchOut:
        """Start no more calls; those that are up finish."""
        return BatchOut.of(await services.control.pause(batch_id), services.channels)

    @post("/{batch_id:str}/resume", status_code=200)
    async def resume_batch(self, batch_id: FromPath[str], services: Given) -> BatchOut:
        """Go on with a paused batch."""
        return BatchOut.of(await services.control.resume(batch_id), services.channels)

    @post("/{batch_id:str}/cancel", status_code=200)
    async def cancel_batch(
        self, batch_id: FromPath[str], services: Given, data: JSONBody[CancelIn | None] = None
    ) -> BatchOut:
        """Call nobody else. Ringing calls end now, talking ones too with `{"live": "end"}`."""
        end_talking = data is not None and data.live == "end"
        batch = await services.control.cancel(batch_id, end_talking=end_talking)
        return BatchOut.of(batch, services.channels)

    @get("/{batch_id:str}/recipients")
    async def list_recipients(
        self,
        batch_id: FromPath[str],
        services: Given,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        in_state: Annotated[RecipientState | None, QueryParameter(name="state")] = None,
        outcome: Annotated[str | None, QueryParameter()] = None,
    ) -> Listed[RecipientOut]:
        """The rows of a batch, in the order of the list."""
        async with services.database.reading() as db:
            batch = await batches.get(db, batch_id)
            page = await batches.recipients(
                db, batch.id, limit=limit, cursor=cursor, state=in_state, outcome=outcome
            )
        return listed(page, RecipientOut.of)

    @get("/{batch_id:str}/export.csv", media_type="text/csv")
    async def export_batch(self, batch_id: FromPath[str], services: Given) -> Stream:
        """Every row with what came of it, as CSV that spreadsheets open as it is."""
        async with services.database.reading() as db:
            batch = await batches.get(db, batch_id)
        return Stream(
            export_csv(services.database, batch.id, services.settings.zone),
            headers={"Content-Disposition": f'attachment; filename="{file_name(batch)}"'},
        )
