import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from movoice_box.dialer.intake import check_rows
from movoice_box.domain.batch import BatchState
from movoice_box.domain.event import EventType
from movoice_box.errors import BoxError, ConflictError, InputError, NotFoundError, PlanLimitError
from movoice_box.ids import WebhookId
from movoice_box.store import batches, calls, outbox, trunks, webhooks
from movoice_box.store.webhooks import Webhook
from tests.builders import Office, a_row, a_trunk, an_agent, an_office, some_rows


@pytest.mark.parametrize(
    "spelling",
    ["98765 43210", "09876543210", "+91-98765-43210", "(+91) 98765.43210", "919876543210"],
)
def test_a_person_is_called_once_however_the_number_is_written(spelling: str) -> None:
    checked = check_rows([a_row("+919876543210"), a_row(spelling)], an_agent(), "IN")
    assert [one.phone for one in checked] == ["+919876543210"] * 2
    assert checked[1].skip_reason == "duplicate"
    assert checked[1].skip_message == "row 2: +919876543210 is in row 1 already"


@pytest.mark.parametrize("number", ["", "12345", "0415 555", "+9198765", "call me", "9" * 40])
def test_what_is_no_number_is_skipped_with_its_row(number: str) -> None:
    (checked,) = check_rows([a_row(number)], an_agent(), "IN")
    assert (checked.skip_reason, checked.phone) == ("invalid_number", number)
    assert "row 1" in (checked.skip_message or "")


def test_a_row_without_a_variable_that_the_agent_says_is_skipped() -> None:
    (checked,) = check_rows([a_row(amount_due=" ")], an_agent(), "IN")
    assert checked.skip_reason == "missing_variable"
    assert "amount_due is missing" in (checked.skip_message or "")


def test_an_agent_can_say_the_number_it_calls() -> None:
    agent = an_agent(greeting="Hello {{name}}. Is {{phone}} still your number?")
    (checked,) = check_rows([a_row("98765 43210")], agent, "IN")
    assert (checked.skip_reason, checked.variables["phone"]) == (None, "+919876543210")


def test_a_row_that_is_skipped_does_not_make_the_next_a_duplicate() -> None:
    checked = check_rows([a_row(name=""), a_row()], an_agent(), "IN")
    assert [one.skip_reason for one in checked] == ["missing_variable", None]


async def test_every_row_is_queued_or_skipped_with_a_reason(office: Office) -> None:
    await office.dnd.add("+919876543299")
    rows = [a_row("9876543210"), a_row("09876543210"), a_row("x"), a_row("9876543299")]
    answer = await office.intake.accept(office.request(rows=rows))
    assert (answer["state"], answer["total"], answer["queued"]) == ("running", 4, 1)
    assert [(one["row"], one["reason"]) for one in answer["skipped"]] == [
        (2, "duplicate"),
        (3, "invalid_number"),
        (4, "dnd"),
    ]
    assert "added by the owner on 20 Apr 2026" in answer["skipped"][2]["message"]
    assert office.wakes == 1


async def test_a_batch_in_which_nobody_can_be_called_is_complete_at_once(office: Office) -> None:
    answer = await office.intake.accept(office.request(rows=[a_row("x")]))
    assert (answer["state"], answer["queued"]) == ("completed", 0)


async def test_a_batch_for_later_waits_and_one_for_the_past_starts(office: Office) -> None:
    now = office.clock.now()
    later = await office.intake.accept(office.request(schedule_at=now + timedelta(hours=1)))
    past = await office.intake.accept(office.request(schedule_at=now - timedelta(hours=1)))
    assert (later["state"], past["state"]) == ("scheduled", "running")


async def test_a_repeated_key_gives_the_first_answer_and_no_second_batch(office: Office) -> None:
    request = office.request(idempotency_key="order-1", body=b"{}")
    answers = await asyncio.gather(*(office.intake.accept(request) for _ in range(5)))
    assert answers == [answers[0]] * 5
    async with office.database.reading() as db:
        assert len((await batches.page(db, limit=10)).items) == 1


async def test_a_key_with_another_body_is_refused(office: Office) -> None:
    await office.intake.accept(office.request(idempotency_key="order-1", body=b"{}"))
    with pytest.raises(ConflictError, match="used with another body"):
        await office.intake.accept(office.request(idempotency_key="order-1", body=b"[]"))


async def test_a_batch_larger_than_the_plan_is_refused_whole(tmp_path: Path) -> None:
    async with an_office(tmp_path, plan="starter") as office:
        with pytest.raises(PlanLimitError, match="51 recipients, the plan 'starter' allows 50"):
            await office.intake.accept(office.request(rows=some_rows(51)))
        async with office.database.reading() as db:
            assert (await batches.page(db, limit=1)).items == []


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"agent_id": "agent_x"}, NotFoundError, "no agent 'agent_x'"),
        ({"trunk_id": "trunk_x"}, NotFoundError, "no trunk 'trunk_x'"),
        ({"rows": []}, InputError, "at least one"),
        ({"concurrency": 0}, InputError, "from 1 to 1000"),
    ],
)
async def test_what_cannot_be_launched_is_refused(
    office: Office, changes: dict[str, object], kind: type[BoxError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        await office.intake.accept(office.request(**changes))


async def test_without_a_trunk_the_error_says_how_to_add_one(office: Office) -> None:
    disabled = a_trunk(is_enabled=False)
    await office.database.write(
        lambda db: trunks.put(db, office.seal, disabled, office.clock.now())
    )
    with pytest.raises(InputError, match="add one under Trunks") as caught:
        await office.intake.accept(office.request())
    assert caught.value.code == "no_trunk"


async def test_a_single_call_can_be_asked_for_before_it_is_placed(office: Office) -> None:
    answer = await office.intake.accept_call(office.request())
    async with office.database.reading() as db:
        call = await calls.get(db, answer["call_id"])
        assert (await batches.page(db, limit=1)).items == []
    assert (call.state, call.batch_id) == ("queued", None)


async def test_a_single_call_to_a_listed_number_is_refused(office: Office) -> None:
    await office.dnd.add("+919876543210")
    with pytest.raises(InputError, match="do-not-disturb") as caught:
        await office.intake.accept_call(office.request())
    assert caught.value.code == "dnd"


async def test_the_end_of_a_batch_is_in_the_outbox_once(office: Office) -> None:
    webhook = Webhook(
        id=WebhookId("webhook_1"),
        url="http://192.168.1.20/",
        events=tuple(EventType),
        is_enabled=True,
        created_at=office.clock.now(),
    )
    await office.database.write(lambda db: webhooks.put(db, office.seal, webhook, "whsec_c2VjcmV0"))
    answer = await office.intake.accept(office.request(rows=[a_row("x"), a_row("y")]))
    async with office.database.reading() as db:
        batch = await batches.get(db, answer["batch_id"])
        log = (await outbox.deliveries(db, limit=10)).items
    assert batch.state is BatchState.COMPLETED
    assert [one.event_type for one in log] == ["batch.completed"]
    assert '"skipped":2' in log[0].body
