"""New Batch, second half: when and how fast, a review of every row, and the launch."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from movoice_box.dialer.intake import BatchRequest
from movoice_box.dialer.preview import first_words
from movoice_box.domain.batch import Plan
from movoice_box.domain.trunk import TrunkAccount, check_caller_id
from movoice_box.errors import BoxError, ConflictError, InputError
from movoice_box.store import agents, trunks
from movoice_box.web.pages.drafts import Draft, Drafts, provide_drafts
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.review import ReviewView
from movoice_box.web.pages.view import PageRequest, moved, user_of, view
from movoice_box.web.services import Services

_MOST_AT_ONCE = 1000


class LaunchController(Controller):
    path = "/calls/batches/new/{draft_id:str}"
    dependencies = {"drafts": provide_drafts}  # noqa: RUF012 - the framework reads it

    @get("/start")
    async def show_start(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
        draft_id: FromPath[str],
    ) -> Response[Any]:
        draft = await drafts.get(draft_id, user_of(request))
        return _elsewhere(draft) or await _start_page(request, services, draft)

    @post("/start")
    async def take_start(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
        draft_id: FromPath[str],
    ) -> Response[Any]:
        draft = await drafts.get(draft_id, user_of(request))
        form = await Form.read(request)
        most = services.settings.limits.concurrency or _MOST_AT_ONCE
        try:
            changed = msgspec.structs.replace(
                draft,
                concurrency=form.number("concurrency", "calls at once", 1, most),
                schedule_at=_moment_of(form, services),
                trunk_id=form.text("trunk_id") or None,
                caller_id=_caller_id(form),
            )
        except InputError as error:
            return await _start_page(request, services, draft, form.typed, error)
        await drafts.save(changed)
        return moved(f"/calls/batches/new/{draft.id}/review")

    @get("/review")
    async def show_review(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
        draft_id: FromPath[str],
    ) -> Response[Any]:
        draft = await drafts.get(draft_id, user_of(request))
        return _elsewhere(draft) or await _review_page(request, services, drafts, draft)

    @get("/words")
    async def show_words(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
        draft_id: FromPath[str],
    ) -> Response[Any]:
        """What the callee of one row hears first: a part of the review."""
        draft = await drafts.get(draft_id, user_of(request))
        rows = await drafts.rows(draft)
        text = str(request.query_params.get("row", ""))
        row = min(max(int(text), 1), len(rows)) if text.isascii() and text.isdigit() else 1
        async with services.database.reading() as db:
            agent = (await agents.get(db, draft.agent_id)).agent
        words = first_words(agent, rows[row - 1].variables)
        phone = rows[row - 1].phone
        return view(request, "new_batch/words.html", phone=phone, row=row, words=words)

    @post("/launch")
    async def launch(
        self,
        request: PageRequest,
        services: NamedDependency[Services],
        drafts: NamedDependency[Drafts],
        draft_id: FromPath[str],
    ) -> Response[Any]:
        draft = await drafts.get(draft_id, user_of(request))
        if elsewhere := _elsewhere(draft):
            return elsewhere
        try:
            answer = await services.intake.accept(await _request_of(services, drafts, draft))
        except (InputError, ConflictError) as error:
            return await _review_page(request, services, drafts, draft, error)
        await drafts.close(draft, answer["batch_id"])
        return moved(f"/calls/batches/{answer['batch_id']}")


def _elsewhere(draft: Draft) -> Response[Any] | None:
    """Where this draft belongs instead of a step that asks for more."""
    if draft.batch_id:
        return moved(f"/calls/batches/{draft.batch_id}")
    if draft.mapping is None:
        return moved(f"/calls/batches/new/{draft.id}/columns")
    return None


async def _start_page(
    request: PageRequest,
    services: Services,
    draft: Draft,
    typed: dict[str, str] | None = None,
    error: InputError | None = None,
) -> Response[Any]:
    async with services.database.reading() as db:
        accounts = [one for one in await trunks.every(db, services.seal) if one.is_enabled]
    zone = services.settings.zone
    if typed is None:
        at = draft.schedule_at
        typed = {
            "start": "later" if at else "now",
            "at": f"{(at or _next_hour(services)).astimezone(zone):%Y-%m-%dT%H:%M}",
            "concurrency": str(draft.concurrency or _most(services.settings.limits, accounts)),
            "trunk_id": draft.trunk_id or "",
            "caller_id": draft.caller_id or "",
        }
    return view(
        request,
        "new_batch/start.html",
        error=error,
        typed=typed,
        draft=draft,
        trunks=accounts,
        now=services.clock.now().astimezone(zone),
    )


async def _review_page(
    request: PageRequest,
    services: Services,
    drafts: Drafts,
    draft: Draft,
    error: BoxError | None = None,
) -> Response[Any]:
    review = None
    if error is None:
        try:
            asked = await _request_of(services, drafts, draft)
            checked = await services.intake.review(asked)
            review = await asyncio.to_thread(ReviewView.of, checked)
        except InputError as refusal:  # the whole of it, such as more rows than the plan allows
            error = refusal
    async with services.database.reading() as db:
        agent = (await agents.get(db, draft.agent_id)).agent
        accounts = [one for one in await trunks.every(db, services.seal) if one.is_enabled]
    usable = [one for one in accounts if draft.trunk_id in (None, one.id)]
    words = first_words(agent, review.sample.variables) if review else ""
    return view(
        request,
        "new_batch/review.html",
        error=error,
        draft=draft,
        agent=agent,
        review=review,
        words=words,
        trunks=usable,
        capacity=sum(one.capacity for one in usable),
    )


async def _request_of(services: Services, drafts: Drafts, draft: Draft) -> BatchRequest:
    """The draft as a request; launched twice, it is one batch."""
    rows = await drafts.rows(draft)
    async with services.database.reading() as db:
        agent = (await agents.get(db, draft.agent_id)).agent
    begun = draft.created_at.astimezone(services.settings.zone)
    return BatchRequest(
        agent_id=draft.agent_id,
        rows=rows,
        concurrency=draft.concurrency,
        schedule_at=draft.schedule_at,
        name=draft.name or f"{agent.name}, {begun:%d %b %Y %H:%M}",
        trunk_id=draft.trunk_id,
        caller_id=draft.caller_id,
        idempotency_key=f"draft {draft.id}",
    )


def _next_hour(services: Services) -> datetime:
    return services.clock.now().replace(minute=0, second=0) + timedelta(hours=1)


def _moment_of(form: Form, services: Services) -> datetime | None:
    """When to start, as typed in the owner's zone; None for now. Raises `InputError`."""
    if form.text("start") != "later":
        return None
    text = form.needed("at", "the time to start")
    zone: ZoneInfo = services.settings.zone
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise InputError(f"'{text}' is not a date and time", field="at") from None
    if moment <= services.clock.now():
        raise InputError(
            f"{moment:%d %b %Y, %H:%M} has passed: choose a later time, or start now", field="at"
        )
    return moment


def _caller_id(form: Form) -> str | None:
    """Raises `InputError` for what no trunk can send."""
    caller_id = form.text("caller_id") or None
    if caller_id:
        check_caller_id(caller_id)
    return caller_id


def _most(plan: Plan, accounts: list[TrunkAccount]) -> int:
    """As many calls at once as plan and trunks allow."""
    channels = min(sum(account.capacity for account in accounts) or 1, _MOST_AT_ONCE)
    return min(plan.concurrency or channels, channels)
