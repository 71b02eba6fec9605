"""Calls: all of them, one of them, and one number called by itself."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup

from movoice_box.dialer.intake import BatchRequest
from movoice_box.dialer.recipient_file import RecipientRow
from movoice_box.domain.call import RESERVED_OUTCOMES, Call, CallState, Direction
from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import ConflictError, InputError, NotFoundError
from movoice_box.store import agents, batches, calls, trunks
from movoice_box.web.pages import live
from movoice_box.web.pages.forms import Form
from movoice_box.web.pages.view import PageRequest, Place, moved, view
from movoice_box.web.services import Services

_CALLS_A_PAGE = 50
_VARIABLE = "variable-"


class CallController(Controller):
    path = "/calls"

    @get("/")
    async def list_calls(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        place = Place.of("/calls", request.query_params, ["phone", "outcome", "direction"])
        error = None
        filters = dict(place.filters)
        try:
            if phone := filters.get("phone"):
                filters["phone"] = str(
                    PhoneNumber.parse_any(phone, services.settings.default_country)
                )
        except InputError as refusal:
            error = refusal
            filters = {}
        async with services.database.reading() as db:
            page = await calls.page(db, limit=_CALLS_A_PAGE, cursor=place.cursor, **filters)
            known = await agents.page(db, limit=500)
        return view(
            request,
            "calls/list.html",
            error=error,
            typed=dict(place.filters),
            place=place,
            page=page,
            outcomes=[
                *sorted({outcome for one in known.items for outcome in one.agent.outcomes}),
                *sorted(RESERVED_OUTCOMES),
            ],
        )

    @get("/new")
    async def show_form(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        """A form for one call; `?again=` takes over what an earlier call was about."""
        typed = {name: str(value) for name, value in request.query_params.items()}
        if again := typed.get("again"):
            async with services.database.reading() as db:
                call = await calls.get(db, again)
            typed = {"agent_id": call.agent_id, "phone": str(call.phone)} | {
                f"{_VARIABLE}{name}": value for name, value in call.variables.items()
            }
        return await _form_page(request, services, typed)

    @post("/new")
    async def place_call(
        self, request: PageRequest, services: NamedDependency[Services]
    ) -> Response[Any]:
        form = await Form.read(request)
        try:
            asked = BatchRequest(
                agent_id=form.needed("agent_id", "the agent"),
                rows=[RecipientRow(form.needed("phone", "the number"), _variables(form))],
                trunk_id=form.text("trunk_id") or None,
                caller_id=form.text("caller_id") or None,
            )
            answer = await services.intake.accept_call(asked)
        except InputError as error:
            return await _form_page(request, services, form.typed, error)
        return moved(f"/calls/{answer['call_id']}")

    @get("/{call_id:str}")
    async def show_call(
        self, request: PageRequest, services: NamedDependency[Services], call_id: FromPath[str]
    ) -> Response[Any]:
        return view(request, "calls/show.html", **await _call(services, call_id))

    @get("/{call_id:str}/live")
    async def watch_call(
        self, request: PageRequest, services: NamedDependency[Services], call_id: FromPath[str]
    ) -> Response[Any]:
        """Draws the call anew with each change, and each sentence as it is said.

        `?shown=` is the state that the page shows; with another one its buttons change too.
        """
        async with services.database.reading() as db:
            await calls.get(db, call_id)  # so that a stranger is told before the stream begins

        async def messages() -> AsyncIterator[live.Message]:
            shown_state = str(request.query_params.get("shown", ""))
            async for changes in services.broadcast.gathered(live.PAUSE_S, live.QUIET_S):
                ours = [change for change in changes if change.call_id == call_id]
                if changes and not ours:
                    continue
                for change in ours:
                    if change.detail:
                        yield live.Message(data=_line(change.detail), event="line")
                context = await _call(services, call_id)
                template = "calls/facts.html"
                if context["call"].state != shown_state:
                    shown_state, template = context["call"].state, "calls/moved.html"
                yield live.part(request, "facts", template, **context)
                if context["call"].state is CallState.ENDED:
                    yield live.signal("ended")
                    return

        return live.stream(messages())

    @post("/{call_id:str}/end")
    async def end_call(
        self, services: NamedDependency[Services], call_id: FromPath[str]
    ) -> Response[Any]:
        try:
            await services.control.end_call(call_id)
            told = "The call is being ended."
        except ConflictError:
            told = "The call is not up any more."
        return moved(f"/calls/{call_id}", told)

    @post("/{call_id:str}/transfer")
    async def transfer_call(
        self, request: PageRequest, services: NamedDependency[Services], call_id: FromPath[str]
    ) -> Response[Any]:
        form = await Form.read(request)
        try:
            text = form.needed("to", "the number of the person who takes over")
            to = PhoneNumber.parse_any(text, services.settings.default_country)
            await services.control.transfer_call(call_id, to)
        except (InputError, ConflictError) as error:
            context = await _call(services, call_id)
            told = type(error)(error.message, code=error.code, field="to")
            return view(request, "calls/show.html", error=told, typed=form.typed, **context)
        return moved(f"/calls/{call_id}", f"{to} is being called to take over.")


async def _form_page(
    request: PageRequest,
    services: Services,
    typed: dict[str, str],
    error: InputError | None = None,
) -> Response[Any]:
    async with services.database.reading() as db:
        known = (await agents.page(db, limit=500)).items
        accounts = [one for one in await trunks.every(db, services.seal) if one.is_enabled]
    chosen = next((one for one in known if one.id == typed.get("agent_id")), None)
    return view(
        request,
        "calls/new.html",
        error=error,
        typed=typed,
        agents=known,
        chosen=chosen or next(iter(known), None),
        trunks=accounts,
    )


def _variables(form: Form) -> dict[str, str]:
    return {
        name.removeprefix(_VARIABLE): value.strip()
        for name, value in form.typed.items()
        if name.startswith(_VARIABLE)
    }


async def _call(services: Services, call_id: str) -> dict[str, Any]:
    """What the page of a call shows. Raises `NotFoundError`."""
    async with services.database.reading() as db:
        call = await calls.get(db, call_id)
        batch = await batches.get(db, call.batch_id) if call.batch_id else None
        try:
            agent_name = (await agents.get(db, call.agent_id)).agent.name
        except NotFoundError:
            agent_name = "an agent that was deleted"
        try:
            trunk_name = (await trunks.get(db, services.seal, call.trunk_id or "")).name
        except NotFoundError:
            trunk_name = None
    return {
        "call": call,
        "batch": batch,
        "agent_name": agent_name,
        "trunk_name": trunk_name,
        "steps": _steps(call),
        "swaps": False,
    }


def _steps(call: Call) -> list[tuple[str, Any]]:
    """The call's life in times, each with its word; steps it did not reach are left out."""
    steps = [
        ("Queued", call.created_at if call.direction is Direction.OUTBOUND else None),
        ("Dialed", call.dialed_at),
        ("Ringing", call.ringing_at),
        ("Answered", call.answered_at),
        ("Ended", call.ended_at),
    ]
    return [(word, at) for word, at in steps if at]


def _line(detail: str) -> str:
    """A sentence of a call that is up; its time is known once the call has ended."""
    speaker, _, text = detail.partition(": ")
    who = "callee" if speaker == "callee" else "agent"
    return Markup('<li class="said said-{}"><span class="said-by">{}</span><p>{}</p></li>').format(
        who, who.capitalize(), text
    )
