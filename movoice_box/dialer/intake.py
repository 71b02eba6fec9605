"""From rows to a batch: every row is checked, and either queued or skipped with a reason."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import aiosqlite

from movoice_box.clock import Clock
from movoice_box.dialer.broadcast import Broadcast, Change
from movoice_box.dialer.completion import complete_if_drained
from movoice_box.dialer.recipient_file import PHONE, RecipientRow
from movoice_box.domain.agent import Agent
from movoice_box.domain.batch import (
    Batch,
    BatchState,
    Recipient,
    RecipientState,
    SkipReason,
)
from movoice_box.domain.call import CallState
from movoice_box.domain.dnd import DndEntry
from movoice_box.domain.phone import PhoneNumber, check_country
from movoice_box.domain.trunk import TrunkAccount, check_caller_id
from movoice_box.errors import InputError, PlanLimitError
from movoice_box.ids import BatchId, CallId, IdFactory
from movoice_box.settings import Settings
from movoice_box.store import agents, batches, call_queue, dnd, idempotency, trunks
from movoice_box.store.agents import StoredAgent
from movoice_box.store.database import Database
from movoice_box.store.sealing import Seal

T = TypeVar("T")

_MOST_AT_ONCE = 1_000
_ROWS_OFF_LOOP = 500  # checking more rows than this takes over 10 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What an owner asks for. `concurrency` None: as many as plan and trunks allow.

    `trunk_id` None leaves the trunk of each call to the box; `caller_id` None is the trunk's own.

    `body` is the request as it came, or a digest of it, to tell a repeat of an `Idempotency-Key`
    from another request.
    """

    agent_id: str
    rows: Sequence[RecipientRow]
    concurrency: int | None = None
    schedule_at: datetime | None = None
    name: str | None = None
    trunk_id: str | None = None
    caller_id: str | None = None
    default_country: str | None = None
    idempotency_key: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Review:
    """What would become of each row if the batch were launched now."""

    agent: StoredAgent
    recipients: tuple[Recipient, ...]

    @property
    def queued(self) -> list[Recipient]:
        return [one for one in self.recipients if one.state is RecipientState.QUEUED]

    @property
    def skipped(self) -> list[Recipient]:
        return [one for one in self.recipients if one.state is RecipientState.SKIPPED]


class Intake:
    """Takes batches in. `wake` tells the queue that there is work."""

    def __init__(
        self,
        database: Database,
        seal: Seal,
        settings: Settings,
        clock: Clock,
        ids: IdFactory,
        broadcast: Broadcast,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._seal = seal
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._broadcast = broadcast
        self._wake = wake

    async def review(self, request: BatchRequest) -> Review:
        """Check every row and write nothing.

        Raises `InputError` for what is wrong with the whole, `PlanLimitError` when it is too large,
        `NotFoundError` for an unknown agent.
        """
        self._check(request)
        async with self._database.reading() as db:
            stored = await agents.get(db, request.agent_id)
            extensions = await trunks.allow_extensions(db, request.trunk_id)
        country = request.default_country or self._settings.default_country
        work = partial(check_rows, request.rows, stored.agent, country, extensions=extensions)
        checked = await _off_loop(work, len(request.rows))
        phones = [PhoneNumber(one.phone) for one in checked if one.state is RecipientState.QUEUED]
        async with self._database.reading() as db:
            listed = await dnd.among(db, phones)
        scrubbed = await _off_loop(partial(_scrub, checked, listed), len(checked))
        return Review(stored, tuple(scrubbed))

    async def accept(self, request: BatchRequest) -> dict[str, Any]:
        """Queue a batch and return the answer of `POST /v1/calls/batch`, once it is on disk.

        Raises what `review` raises, and `ConflictError` for a reused `Idempotency-Key`.
        """
        async with self._database.reading() as db:
            if (given := await self._given(db, request)) is not None:
                return given
        review = await self.review(request)

        async def store(db: aiosqlite.Connection) -> dict[str, Any]:
            if (given := await self._given(db, request)) is not None:
                return given
            batch = await self._store(db, request, review)
            answer = answer_of(batch, review.skipped)
            await self._remember(db, request, answer)
            return answer

        answer = await self._database.write(store)
        self._broadcast.publish(Change(answer["batch_id"]))
        self._wake()
        return answer

    async def accept_call(self, request: BatchRequest) -> dict[str, Any]:
        """Queue one call by itself; a number that may not be called is an `InputError`.

        Raises what `accept` raises.
        """
        async with self._database.reading() as db:
            if (given := await self._given(db, request)) is not None:
                return given
        review = await self.review(request)
        recipient = review.recipients[0]
        if recipient.skip_reason is not None:
            lacks_variable = recipient.skip_reason is SkipReason.MISSING_VARIABLE
            raise InputError(
                (recipient.skip_message or "").removeprefix("row 1: "),
                code=recipient.skip_reason,
                field="variables" if lacks_variable else "phone",
            )
        call_id = self._ids.call()
        single = Review(review.agent, (replace(recipient, call_id=call_id),))
        queued = {"call_id": call_id, "state": CallState.QUEUED, "phone": recipient.phone}

        async def store(db: aiosqlite.Connection) -> tuple[BatchId | None, dict[str, Any]]:
            if (given := await self._given(db, request)) is not None:
                return None, given
            batch = await self._store(db, request, single, call_id)
            await self._remember(db, request, queued)
            return batch.id, queued

        batch_id, answer = await self._database.write(store)
        if batch_id is not None:
            self._broadcast.publish(Change(batch_id, call_id))
            self._wake()
        return answer

    async def _given(
        self, db: aiosqlite.Connection, request: BatchRequest
    ) -> dict[str, Any] | None:
        """The answer that this request got before. Raises `ConflictError`."""
        if request.idempotency_key is None:
            return None
        text = await idempotency.find(db, request.idempotency_key, _hash(request.body))
        return dict(json.loads(text)) if text is not None else None

    async def _remember(
        self, db: aiosqlite.Connection, request: BatchRequest, answer: dict[str, Any]
    ) -> None:
        if request.idempotency_key is not None:
            text = json.dumps(answer, ensure_ascii=False)
            now = self._clock.now()
            await idempotency.put(db, request.idempotency_key, _hash(request.body), text, now)

    async def _store(
        self,
        db: aiosqlite.Connection,
        request: BatchRequest,
        review: Review,
        call_id: CallId | None = None,
    ) -> Batch:
        now = self._clock.now()
        usable = await self._usable_trunks(db, request)
        channels = sum(trunk.capacity for trunk in usable)
        is_later = request.schedule_at is not None and request.schedule_at > now
        batch = Batch(
            id=self._ids.batch(),
            name=request.name or f"{review.agent.agent.name}, {now:%d %b %Y %H:%M} UTC",
            is_single=call_id is not None,
            agent_id=review.agent.id,
            trunk_id=usable[0].id if request.trunk_id is not None else None,
            caller_id=request.caller_id,
            state=BatchState.SCHEDULED,
            concurrency=request.concurrency
            or self._settings.limits.concurrency
            or min(channels, _MOST_AT_ONCE),
            schedule_at=request.schedule_at if is_later else None,
            created_at=now,
        )
        await batches.add(db, batch, review.agent.agent, review.recipients)
        if call_id is not None:
            await call_queue.add_single(db, batch.id, now)
        if not is_later:
            await batches.set_state(db, batch.id, BatchState.RUNNING, now)
            await complete_if_drained(db, batch.id, self._ids, now)
        return await batches.get(db, batch.id)

    async def _usable_trunks(
        self, db: aiosqlite.Connection, request: BatchRequest
    ) -> list[TrunkAccount]:
        """The trunk that the request names, or all that are enabled.

        Raises `InputError` where none is enabled, or the one that is named is not.
        """
        if request.trunk_id is None:
            return await trunks.enabled(db, self._seal)
        trunk = await trunks.get(db, self._seal, request.trunk_id)
        if not trunk.is_enabled:
            raise InputError(
                f"trunk '{trunk.name}' is disabled: enable it or name another",
                code="trunk_disabled",
                field="trunk_id",
            )
        return [trunk]

    def _check(self, request: BatchRequest) -> None:
        limits = self._settings.limits
        rows = len(request.rows)
        if rows == 0:
            raise InputError("recipients is empty: a batch needs at least one", field="recipients")
        if limits.rows_per_batch is not None and rows > limits.rows_per_batch:
            raise PlanLimitError(
                f"the batch has {rows} recipients, the plan '{limits.name}' allows "
                f"{limits.rows_per_batch} a batch: split it, or change plan",
                field="recipients",
            )
        if request.concurrency is not None and not 1 <= request.concurrency <= _MOST_AT_ONCE:
            raise InputError(
                f"concurrency ({request.concurrency}) must be from 1 to {_MOST_AT_ONCE}",
                field="concurrency",
            )
        if request.caller_id is not None:
            check_caller_id(request.caller_id)
        check_country(request.default_country or self._settings.default_country)


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def answer_of(batch: Batch, skipped: Iterable[Recipient]) -> dict[str, Any]:
    """The answer of `POST /v1/calls/batch`."""
    return {
        "batch_id": batch.id,
        "state": batch.state,
        "total": batch.tally.total,
        "queued": batch.tally.count(RecipientState.QUEUED),
        "skipped": [
            {
                "row": one.row,
                "phone": one.phone,
                "reason": one.skip_reason,
                "message": one.skip_message,
            }
            for one in skipped
        ],
    }


def check_rows(
    rows: Sequence[RecipientRow], agent: Agent, country: str, *, extensions: bool = False
) -> list[Recipient]:
    """Queue or skip each row by what the row itself tells: number, duplicates, variables.

    With `extensions` those of a PBX are numbers too.
    """
    parse = PhoneNumber.parse_any if extensions else PhoneNumber.parse
    wanted = agent.variables
    first_row: dict[PhoneNumber, int] = {}
    checked = []
    for number, row in enumerate(rows, start=1):
        recipient = Recipient(
            row=number, phone=row.phone, variables=row.variables, state=RecipientState.QUEUED
        )
        try:
            phone = parse(row.phone, country)
        except InputError as error:
            reason, message = SkipReason.INVALID_NUMBER, f"row {number}: {error.message}"
            checked.append(_skip(recipient, reason, message))
            continue
        variables = row.variables
        if PHONE in wanted:  # an agent may say the number itself
            variables = {PHONE: str(phone), **variables}
        recipient = replace(recipient, phone=str(phone), variables=variables)
        missing = [name for name in wanted if not variables.get(name, "").strip()]
        if phone in first_row:
            message = f"row {number}: {phone} is in row {first_row[phone]} already"
            recipient = _skip(recipient, SkipReason.DUPLICATE, message)
        elif missing:
            message = f"row {number}: {', '.join(missing)} is missing, and the agent says it"
            recipient = _skip(recipient, SkipReason.MISSING_VARIABLE, message)
        else:
            first_row[phone] = number
        checked.append(recipient)
    return checked


async def _off_loop(work: Callable[[], T], rows: int) -> T:
    """Do `work` on many rows in a thread, so that the calls that are up are not held up."""
    return await asyncio.to_thread(work) if rows > _ROWS_OFF_LOOP else work()


def _scrub(checked: list[Recipient], listed: Mapping[PhoneNumber, DndEntry]) -> list[Recipient]:
    """Skip what stands on the do-not-disturb list."""
    return [
        _skip(one, SkipReason.DND, f"row {one.row}: {listed[PhoneNumber(one.phone)].reason}")
        if one.state is RecipientState.QUEUED and PhoneNumber(one.phone) in listed
        else one
        for one in checked
    ]


def _skip(recipient: Recipient, reason: SkipReason, message: str) -> Recipient:
    return replace(
        recipient, state=RecipientState.SKIPPED, skip_reason=reason, skip_message=message
    )
