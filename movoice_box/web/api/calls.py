"""Calls: /v1/calls."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from litestar import Controller, Request, get, post
from litestar.params import Body, FromPath, JSONBody, QueryParameter, RawBody
from litestar.response import Stream

from movoice_box.dialer.intake import BatchRequest
from movoice_box.dialer.recipient_file import RecipientRow
from movoice_box.domain.call import Call, CallState, Direction, Disposition
from movoice_box.domain.early_media import EarlyMediaVerdict
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.quality import MediaQuality
from movoice_box.errors import InputError, NotFoundError
from movoice_box.store import calls
from movoice_box.web.api.batches import CallerId, Country, ScheduleAt, TrunkChoice
from movoice_box.web.api.moments import parse_moment
from movoice_box.web.api.recording import send_wav
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


class CallIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One call by itself."""

    agent_id: str
    phone: str
    variables: dict[str, Scalar] = {}
    trunk_id: TrunkChoice | None = None
    caller_id: CallerId | None = None
    schedule_at: ScheduleAt | None = None
    default_country: Country | None = None


class TransferIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Who takes over: a number, or an extension where a trunk allows those."""

    to: str


class QueuedOut(msgspec.Struct):
    call_id: str
    state: CallState
    phone: str


class TranscriptLineOut(msgspec.Struct):
    """What was said or keyed; `at_ms` counts from the answer."""

    at_ms: int
    speaker: Literal["agent", "callee"]
    text: str


class CallOut(msgspec.Struct, kw_only=True):
    """One call. `disposition` is what the network did, `outcome` what the conversation achieved.

    `direction` is inbound where somebody called the box. `channel` is the GSM port, `quality` how
    the media was (losses from 0 to 1, opinion score from 1 to 4.5), `early_media` what was heard
    before the answer.

    `ring_s` is from the INVITE to the answer, or to the end where there was none; `talk_s` from
    the answer to the end; both in seconds. `batch_id` is null for a call asked for by itself.
    """

    call_id: str
    batch_id: str | None
    row: int | None
    agent_id: str
    trunk_id: str | None
    phone: str
    variables: dict[str, str]
    state: CallState
    disposition: Disposition | None
    outcome: str | None
    summary: str
    transcript: list[TranscriptLineOut]
    collected: dict[str, str]
    sip_call_id: str | None
    sip_status: int | None
    sip_reason: str
    q850_cause: int | None
    ended_by: str | None
    direction: Direction
    channel: str | None
    quality: MediaQuality | None
    early_media: EarlyMediaVerdict | None
    ring_s: float | None
    talk_s: float | None
    recording_url: str | None
    created_at: datetime
    dialed_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, call: Call) -> Self:
        told = {name: getattr(call, name) for name in cls.__struct_fields__ if hasattr(call, name)}
        return cls(
            **{
                **told,
                "call_id": call.id,
                "row": call.row if call.batch_id else None,
                "phone": str(call.phone),
                "transcript": [
                    TranscriptLineOut(line.at_ms, line.speaker, line.text)
                    for line in call.transcript
                ],
                "recording_url": f"/v1/calls/{call.id}/recording.wav" if call.recording else None,
            }
        )


CALL_EXAMPLE = {
    "agent_id": "agent_12345",
    "phone": "+919876543210",
    "variables": {"name": "Rahul", "amount_due": "₹2500"},
}


class CallController(Controller):
    path = "/calls"
    tags = ("calls",)

    @post("/", status_code=202)
    async def create_call(
        self,
        data: Annotated[CallIn, Body(examples=[example(CALL_EXAMPLE, "One call")])],
        body: RawBody,
        services: Given,
        idempotency_key: IdempotencyKey = None,
    ) -> QueuedOut:
        """Queue one call. A number that may not be called is refused, with a batch's reasons."""
        request = BatchRequest(
            agent_id=data.agent_id,
            rows=[RecipientRow(data.phone, to_texts(data.variables))],
            schedule_at=parse_moment(data.schedule_at, "schedule_at"),
            trunk_id=data.trunk_id,
            caller_id=data.caller_id,
            default_country=data.default_country,
            idempotency_key=idempotency_key,
            body=b"call\n" + body,
        )
        return msgspec.convert(await services.intake.accept_call(request), QueuedOut)

    @get("/")
    async def list_calls(
        self,
        services: Given,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        batch_id: Annotated[str | None, QueryParameter()] = None,
        in_state: Annotated[CallState | None, QueryParameter(name="state")] = None,
        outcome: Annotated[str | None, QueryParameter()] = None,
        phone: Annotated[str | None, QueryParameter(description="As people write it.")] = None,
        direction: Annotated[Direction | None, QueryParameter()] = None,
    ) -> Listed[CallOut]:
        """Calls, newest first. A call is made when its turn comes, not when it is queued."""
        number = PhoneNumber.parse_any(phone, services.settings.default_country) if phone else None
        async with services.database.reading() as db:
            page = await calls.page(
                db,
                limit=limit,
                cursor=cursor,
                batch_id=batch_id,
                state=in_state,
                outcome=outcome,
                phone=str(number) if number else None,
                direction=direction,
            )
        return listed(page, CallOut.of)

    @get("/{call_id:str}")
    async def get_call(self, call_id: FromPath[str], services: Given) -> CallOut:
        """A call with its transcript."""
        async with services.database.reading() as db:
            return CallOut.of(await calls.get(db, call_id))

    @post("/{call_id:str}/end", status_code=202)
    async def end_call(self, call_id: FromPath[str], services: Given) -> CallOut:
        """End a call within 2 s: CANCEL while it rings, BYE while they talk. One that waits is not
        placed."""
        return CallOut.of(await services.control.end_call(call_id))

    @post("/{call_id:str}/transfer", status_code=202)
    async def transfer_call(
        self, call_id: FromPath[str], data: JSONBody[TransferIn], services: Given
    ) -> CallOut:
        """Hand the callee of a talking call over to a person. The call's outcome tells whether
        somebody took it: TRANSFERRED or TRANSFER_FAILED."""
        try:
            to = PhoneNumber.parse_any(data.to, services.settings.default_country)
        except InputError as error:
            raise InputError(error.message, code=error.code, field="to") from None
        return CallOut.of(await services.control.transfer_call(call_id, to))

    @get("/{call_id:str}/recording.wav", media_type="audio/wav")
    async def get_recording(
        self, call_id: FromPath[str], request: Request[Any, Any, Any], services: Given
    ) -> Stream:
        """What both sides said: 8 kHz WAV. Part of it with a `Range` of bytes."""
        async with services.database.reading() as db:
            call = await calls.get(db, call_id)
        file = services.settings.recordings / Path(call.recording or "").name
        if call.recording is None or not file.is_file():
            raise NotFoundError(f"call {call.id} was not recorded", code="no_recording")
        return send_wav(file, request.headers.get("Range"))
