"""Batches from a CSV file: /v1/calls/batch/csv."""

import asyncio
import hashlib
import re
from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.datastructures import UploadFile
from litestar.params import MultipartBody

from movoice_box.dialer.intake import BatchRequest
from movoice_box.dialer.recipient_file import MAX_BYTES, PHONE, RecipientFile, RecipientRow
from movoice_box.errors import InputError
from movoice_box.store import agents
from movoice_box.web.api.batches import AcceptedOut, CallerId, Country, Name, TrunkChoice
from movoice_box.web.api.moments import parse_moment
from movoice_box.web.api.shapes import Given, IdempotencyKey
from movoice_box.web.services import Services

_FORM_BYTES = 2**20  # what a request may have beside the file
_NUMBER = Annotated[str, msgspec.Meta(description="A whole number.")]


class BatchFileIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`mapping` is JSON from column to variable, with the column of numbers as "phone"."""

    file: UploadFile
    agent_id: str
    mapping: str | None = None
    concurrency: _NUMBER | None = None
    schedule_at: str | None = None
    name: Name | None = None
    trunk_id: TrunkChoice | None = None
    caller_id: CallerId | None = None
    default_country: Country | None = None


class BatchFileController(Controller):
    path = "/calls/batch/csv"
    tags = ("batches",)

    @post("/", status_code=202, request_max_body_size=MAX_BYTES + _FORM_BYTES)
    async def create_batch_from_csv(
        self,
        data: MultipartBody[BatchFileIn],
        services: Given,
        idempotency_key: IdempotencyKey = None,
    ) -> AcceptedOut:
        """Queue a batch from a CSV file.

        UTF-8, UTF-16 or Windows-1252; comma, semicolon or tab. Without `mapping` the columns are
        matched to the agent's variables by name, and the likeliest one is the phone. A list whose
        first row is a person has the columns `column 1` and so on, one of bare numbers `phone`.
        """
        content = await data.file.read()
        rows = await _rows(services, content, data)
        options = [data.agent_id, data.mapping, data.concurrency, data.schedule_at, data.name]
        options += [data.trunk_id, data.caller_id, data.default_country]
        request = BatchRequest(
            agent_id=data.agent_id,
            rows=rows,
            concurrency=_concurrency(data.concurrency),
            schedule_at=parse_moment(data.schedule_at, "schedule_at"),
            name=data.name or None,
            trunk_id=data.trunk_id or None,
            caller_id=data.caller_id or None,
            default_country=data.default_country or None,
            idempotency_key=idempotency_key,
            body=await asyncio.to_thread(_digest, content, options),
        )
        return msgspec.convert(await services.intake.accept(request), AcceptedOut)


def _concurrency(text: str | None) -> int | None:
    """Raises `InputError` for what is no whole number; its range is checked with the batch."""
    if not text or not text.strip():
        return None
    if not re.fullmatch(r"\d{1,6}", text.strip(), re.ASCII):
        raise InputError(
            f"concurrency ('{text}') must be a whole number from 1 to 1000", field="concurrency"
        )
    return int(text)


async def _rows(services: Services, content: bytes, data: BatchFileIn) -> list[RecipientRow]:
    async with services.database.reading() as db:
        agent = (await agents.get(db, data.agent_id)).agent
    file = await asyncio.to_thread(
        RecipientFile.parse, content, data.default_country or services.settings.default_country
    )
    mapping = _mapping(data.mapping) or _guess(file, agent.variables)
    return await asyncio.to_thread(file.recipients, mapping)


def _guess(file: RecipientFile, variables: list[str]) -> dict[str, str]:
    """Columns to variables by name; what the agent doesn't use keeps its name and is kept."""
    guessed = file.guess_mapping(variables)
    taken = {PHONE, *guessed.values()}
    rest = {name: name for name in file.columns if name not in guessed and name not in taken}
    return {**rest, **guessed}


def _mapping(text: str | None) -> dict[str, str] | None:
    """Read `mapping`; a column sent to null or "" is left out. Raises `InputError`."""
    if not text or not text.strip():
        return None
    try:
        mapping = msgspec.json.decode(text, type=dict[str, str | None])
    except (msgspec.MsgspecError, RecursionError):
        raise InputError(
            'mapping must be JSON from column to variable, such as {"Mobile": "phone"}',
            field="mapping",
        ) from None
    return {column: variable or "" for column, variable in mapping.items()}


def _digest(content: bytes, options: list[str | None]) -> bytes:
    """What makes two requests the same, whatever boundary stands between their parts."""
    digest = hashlib.sha256(content)
    digest.update(msgspec.json.encode(options))
    return b"batch/csv\n" + digest.digest()
