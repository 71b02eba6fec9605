"""A box that has been in use: batches in every state, calls of every kind, lists and webhooks."""

import wave
from dataclasses import replace
from pathlib import Path

from movoice_box.dialer.recipient_file import RecipientRow
from movoice_box.dialer.webhooks import new_secret
from movoice_box.domain.call import (
    UNANSWERED_OUTCOMES,
    CallResult,
    CallState,
    Disposition,
    TranscriptLine,
)
from movoice_box.domain.event import EventType
from movoice_box.domain.summary import callee_name, summary_of
from movoice_box.ids import AgentId, BatchId
from movoice_box.settings import ready_agents
from movoice_box.store import agents, outbox, webhooks
from movoice_box.store.outbox import DeliveryState
from movoice_box.store.webhooks import Webhook
from movoice_box.voice.agent_files import load_agents
from tests.builders import A_QUALITY, Office

PAYMENT = AgentId("agent_payment_collection")
_NAMES = (
    *("Rahul Sharma", "Priya Patel", "Amit Kumar", "Sunita Rao", "Vikram Singh", "Meera Iyer"),
    *("Arjun Nair", "Kavita Joshi", "Rohan Das", "Ananya Bose", "Imran Khan", "Lakshmi Menon"),
)
_UNANSWERED = (
    (Disposition.NO_ANSWER, 487, "Request Terminated"),
    (Disposition.BUSY, 486, "Busy Here"),
    (Disposition.REJECTED, 603, "Decline"),
    (Disposition.UNREACHABLE, 480, "Temporarily Unavailable"),
    (Disposition.INVALID_NUMBER, 404, "Not Found"),
)
_SAID = (
    (0, "agent", "Hello {name}. This is an automated call from our accounts team."),
    (
        4_100,
        "agent",
        "Your payment of two thousand five hundred rupees is due by the twenty-fifth of April.",
    ),
    (9_800, "agent", "If you will pay by then, press 1. If you need more time, press 2."),
    (15_200, "callee", "1"),
    (15_900, "agent", "Thank you, {name}. We have noted your payment. Have a good day."),
)


async def furnish(office: Office) -> BatchId:
    """Fill the office; returns the batch that is running."""
    for agent_id, agent in load_agents(ready_agents()):
        stored = replace(agent, record=True) if agent_id == PAYMENT else agent
        await office.database.write(
            lambda db, agent_id=agent_id, agent=stored: agents.put(  # type: ignore[misc]
                db, agent_id, agent, office.clock.now()
            )
        )
    for number in ("+919811100001", "+919811100002", "+912240001234"):
        await office.dnd.add(number, "asked by letter")
    await office.dnd.import_csv(b"phone\n+919811100003\n+919811100004\n")
    await _add_webhook(office)
    done = await launch(office, rows=24, name="March reminders")
    office.clock.pass_time(60)
    await call_rows(office, done, 24)
    canceled = await launch(office, rows=12, name="Test run")
    await call_rows(office, canceled, 3)
    await office.control.cancel(canceled, end_talking=True)
    paused = await launch(office, rows=40, name="South region, second list")
    await call_rows(office, paused, 11)
    await office.control.pause(paused)
    later = office.clock.now().replace(hour=4, minute=30).replace(day=25)
    await launch(office, rows=60, name="April reminders, north", schedule_at=later)
    running = await launch(office, rows=120, name="April reminders, west")
    await call_rows(office, running, 71)
    await _call_now(office, running)
    await _write_log(office)
    return running


async def launch(office: Office, *, rows: int, **changes: object) -> BatchId:
    """A batch of `rows` rows, some of which are skipped."""
    people = [
        RecipientRow(
            f"+9198{number % 90 + 10}{rows:03d}{number:03d}",
            {
                "name": _NAMES[number % len(_NAMES)],
                "amount_due": f"₹{1200 + number * 137 % 4000}",
                "due_date": "April 25",
            },
        )
        for number in range(rows)
    ]
    people[3] = replace(people[3], phone="98-12")
    people[5] = people[1]
    people[8] = replace(people[8], phone="+919811100001")
    request = office.request(agent_id=PAYMENT, rows=people, concurrency=4, **changes)
    return BatchId((await office.intake.accept(request))["batch_id"])


async def call_rows(office: Office, batch_id: BatchId, rows: int) -> None:
    """Place calls, one after the other, each with the next of a few ways to end."""
    for number in range(rows):
        claimed = await office.claim(batch_id)
        if not claimed:
            return
        (call,) = claimed
        await office.dial(call)
        office.clock.pass_time(1)
        await office.book.progress(batch_id, call, CallState.RINGING)
        office.clock.pass_time(4)
        if number % 3 != 2:
            await office.book.progress(batch_id, call, CallState.TALKING)
            office.clock.pass_time(19)
        recording = f"{call.id}.wav" if number % 3 == 0 else None
        if recording:
            write_recording(office.settings.recordings / recording)
        result = _result(number, call.variables, recording)
        await office.book.end(batch_id, call, result)


def write_recording(file: Path, seconds: int = 3) -> None:
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(2)
        recording.setsampwidth(2)
        recording.setframerate(8_000)
        recording.writeframes(bytes(8_000 * 4 * seconds))


def _result(number: int, variables: dict[str, str], recording: str | None) -> CallResult:
    name = callee_name(variables)
    if number % 3 == 2:
        disposition, status, reason = _UNANSWERED[number // 3 % len(_UNANSWERED)]
        outcome = UNANSWERED_OUTCOMES[disposition]
        return CallResult(
            disposition=disposition,
            outcome=outcome,
            summary=summary_of(outcome, name),
            collected={},
            sip_status=status,
            sip_reason=reason,
            q850_cause=17 if disposition is Disposition.BUSY else None,
            ended_by="network",
        )
    outcome, summary = (
        ("PAYMENT_CONFIRMED", f"{name} confirmed payment of {variables['amount_due']}."),
        ("PAYMENT_DELAYED", f"{name} needs three more days to pay {variables['amount_due']}."),
        ("ALREADY_PAID", f"{name} says that {variables['amount_due']} has already been paid."),
        ("HUNG_UP", summary_of("HUNG_UP", name)),
        ("PAYMENT_CONFIRMED", f"{name} confirmed payment of {variables['amount_due']}."),
        ("OPTED_OUT", summary_of("OPTED_OUT", name)),
        ("PAYMENT_CONFIRMED", f"{name} confirmed payment of {variables['amount_due']}."),
    )[number % 7]
    return CallResult(
        disposition=Disposition.ANSWERED,
        outcome=outcome,
        summary=summary,
        transcript=tuple(
            TranscriptLine(at_ms, speaker, text.replace("{name}", name))  # type: ignore[arg-type]
            for at_ms, speaker, text in _SAID
        ),
        collected={"extra_time": "three days"} if outcome == "PAYMENT_DELAYED" else {},
        sip_call_id="a84b4c76e66710@127.0.0.1",
        sip_status=200,
        sip_reason="OK",
        ended_by="box" if number % 2 else "callee",
        recording=recording,
        quality=A_QUALITY,
    )


async def _call_now(office: Office, batch_id: BatchId) -> None:
    """Calls that are up: one talks, one rings, two are being dialed."""
    talking, ringing, *dialing = await office.claim(batch_id, 4)
    for call in (talking, ringing, *dialing):
        await office.dial(call)
    for call in (talking, ringing):
        await office.book.progress(batch_id, call, CallState.RINGING)
    await office.book.progress(batch_id, talking, CallState.TALKING)


async def _add_webhook(office: Office) -> None:
    webhook = Webhook(
        id=office.ids.webhook(),
        url="http://192.168.1.20:9000/movoice",
        events=tuple(EventType),
        is_enabled=True,
        created_at=office.clock.now(),
    )
    await office.database.write(lambda db: webhooks.put(db, office.seal, webhook, new_secret()))


async def _write_log(office: Office) -> None:
    """Most deliveries arrived; a few wait after a failure."""
    async with office.database.reading() as db:
        page = await outbox.deliveries(db, limit=200)
    for place, delivery in enumerate(page.items):
        ok = place % 6 != 1
        await office.database.write(
            lambda db, delivery=delivery, ok=ok: outbox.record_attempt(  # type: ignore[misc]
                db,
                delivery.id,
                state=DeliveryState.DELIVERED if ok else DeliveryState.PENDING,
                status=204 if ok else 503,
                detail="No Content" if ok else "Service Unavailable",
                due_at=None if ok else office.clock.now(),
                now=office.clock.now(),
            )
        )
