from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import AGENT_ID
from tests.web.sites import Site, a_site
from tests.web.visitor import Answer, Visitor, a_visitor

PEOPLE = b"phone,name,amount_due\n+919876543210,Rahul,\xe2\x82\xb92500\n+919876543211,Priya,1800\n"
MIXED = (
    b"phone,name,amount_due\n9876543210,Rahul,1\n09876543210,Rahul again,2\n12-34,Nobody,3\n"
    b"9811100001,Listed,4\n9876543211,,5\n"
)
COLUMNS = {"column-0": "phone", "column-1": "name", "column-2": "amount_due"}


async def _bring(visitor: Visitor, data: bytes | None = PEOPLE, /, **fields: str) -> Answer:
    """The first step, with a file or without."""
    fields = {"agent_id": AGENT_ID, "from": "file", **fields}
    if data is None:
        return await visitor.send("/calls/batches/new", **fields)
    return await visitor.upload("/calls/batches/new", "people.csv", data, **fields)


async def _to_review(visitor: Visitor, data: bytes = PEOPLE, /, **start: str) -> Answer:
    columns = await _bring(visitor, data)
    step = await visitor.send(columns.path, **COLUMNS)
    return await visitor.send(step.path, **{"start": "now", "concurrency": "4", **start})


def _step(answer: Answer, name: str) -> str:
    return f"{answer.path.rpartition('/')[0]}/{name}"


async def test_four_steps_lead_to_a_running_batch(site: Site, visitor: Visitor) -> None:
    columns = await _bring(visitor, name="Spring")
    assert "people.csv: 2 rows" in columns.words
    assert columns.source.count(" selected") == 3
    start = await visitor.send(columns.path, **COLUMNS)
    assert start.path.endswith("/start")
    review = await visitor.send(start.path, start="now", concurrency="2")
    assert "2 of 2 rows will be called" in review.words
    assert "Hello Rahul, you owe two thousand five hundred rupees." in review.words
    launched = await visitor.send(_step(review, "launch"))
    assert "Total 2" in launched.words
    (batch,) = (await site.api.get("/v1/calls/batch")).json()["items"]
    assert (batch["name"], batch["concurrency"], batch["state"]) == ("Spring", 2, "running")


async def test_the_review_counts_and_lists_who_is_not_called(site: Site, visitor: Visitor) -> None:
    await site.office.dnd.add("9811100001")
    review = await _to_review(visitor, MIXED)
    assert "1 of 5 rows will be called" in review.words
    counts = "Duplicates 1 Invalid numbers 1 Do not disturb 1 Missing values 1"
    assert counts in review.words
    assert "row 2: +919876543210 is in row 1 already" in review.words
    assert "row 3: '12-34' is not a phone number" in review.words
    assert "row 4: on the do-not-disturb list" in review.words
    assert "row 5: name is missing" in review.words


async def test_the_review_lists_the_first_fifty_of_many(visitor: Visitor) -> None:
    data = b"phone,name,amount_due\n" + b"12,Nobody,1\n" * 70 + b"9876543210,Rahul,1\n"
    review = await _to_review(visitor, data)
    assert review.source.count("is not a phone number") == 50
    assert "and 20 more" in review.words


async def test_any_row_can_be_heard_before_the_launch(visitor: Visitor) -> None:
    review = await _to_review(visitor)
    words = await visitor.read(f"{_step(review, 'words')}?row=2")
    assert words == "Hello Priya, you owe one thousand eight hundred. to +919876543211"
    assert "Hello Priya" in await visitor.read(f"{_step(review, 'words')}?row=99")
    assert "Hello Rahul" in await visitor.read(f"{_step(review, 'words')}?row=x")


async def test_a_list_of_nobody_cannot_be_launched(visitor: Visitor) -> None:
    review = await _to_review(visitor, b"phone,name,amount_due\n12,Nobody,1\n")
    assert "No row can be called" in review.words
    assert "Launch" not in review.words


async def test_a_second_click_on_launch_is_the_same_batch(site: Site, visitor: Visitor) -> None:
    review = await _to_review(visitor)
    first = await visitor.send(_step(review, "launch"))
    second = await visitor.send(_step(review, "launch"))
    assert first.path == second.path
    assert len((await site.api.get("/v1/calls/batch")).json()["items"]) == 1
    assert (await visitor.client.get(review.path)).headers["Location"] == first.path


async def test_a_batch_starts_at_a_time_of_the_owners_zone(site: Site, visitor: Visitor) -> None:
    review = await _to_review(visitor, start="later", at="2026-04-25T10:00")
    assert "25 Apr 2026, 10:00 , Asia/Kolkata" in review.words
    await visitor.send(_step(review, "launch"))
    (batch,) = (await site.api.get("/v1/calls/batch")).json()["items"]
    assert batch["state"] == "scheduled"
    assert batch["schedule_at"] == "2026-04-25T04:30:00Z"


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ({"start": "later", "at": "2026-04-20T10:00"}, "20 Apr 2026, 10:00 has passed"),
        ({"start": "later", "at": "soon"}, "'soon' is not a date and time."),
        ({"start": "later", "at": ""}, "The time to start is missing."),
        ({"concurrency": "many"}, "Calls at once must be a whole number from 1 to 1000."),
        ({"concurrency": "0"}, "Calls at once must be a whole number from 1 to 1000."),
    ],
)
async def test_a_start_that_cannot_be_is_told_and_stays_typed(
    visitor: Visitor, start: dict[str, str], told: str
) -> None:
    answer = await _to_review(visitor, **start)
    assert answer.path.endswith("/start")
    assert told in answer.words
    for typed in start.values():
        assert f'value="{typed}"' in answer.source


@pytest.mark.parametrize(
    ("fields", "data", "told"),
    [
        ({}, b"", "The file people.csv is empty."),
        ({}, None, "Choose a CSV file."),
        ({}, b"phone,name\n", "The list has column names only"),
        ({}, b"phone\n1,2\n", "Row 1 has 2 values"),
        ({"from": "paste", "numbers": " \n"}, PEOPLE, "Paste at least one phone number"),
        ({"agent_id": ""}, PEOPLE, "The agent is missing."),
    ],
)
async def test_a_list_that_cannot_be_read_is_told(
    visitor: Visitor, fields: dict[str, str], data: bytes | None, told: str
) -> None:
    answer = await _bring(visitor, data, name="My batch", **fields)
    assert (answer.path, answer.status) == ("/calls/batches/new", 200)
    assert told in answer.words
    assert 'value="My batch"' in answer.source


async def test_pasted_numbers_need_no_columns(visitor: Visitor) -> None:
    fields = {"from": "paste", "numbers": "+919876543210, 98765 43211\n098765-43212"}
    columns = await _bring(visitor, None, **fields)
    assert "pasted numbers: 3 rows" in columns.words


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"column-0": "name"}, "The columns phone and name cannot both be 'name'."),
        ({"column-0": ""}, "Choose the column that holds the phone numbers."),
        ({"column-2": ""}, "The agent says amount_due: choose the column for it."),
    ],
)
async def test_columns_that_leave_something_open_are_told(
    visitor: Visitor, chosen: dict[str, str], told: str
) -> None:
    columns = await _bring(visitor)
    answer = await visitor.send(columns.path, **{**COLUMNS, **chosen})
    assert answer.path == columns.path
    assert told in answer.words


async def test_the_way_back_keeps_the_list_and_the_choices(visitor: Visitor) -> None:
    columns = await _bring(visitor, name="Spring")
    draft_id = columns.path.split("/")[-2]
    source = await visitor.source(f"/calls/batches/new?draft={draft_id}")
    assert 'value="Spring"' in source
    assert "people.csv is kept unless you choose another" in source
    again = await _bring(visitor, None, draft=draft_id)
    assert "people.csv: 2 rows" in again.words


async def test_a_step_that_was_skipped_leads_back_to_it(visitor: Visitor) -> None:
    columns = await _bring(visitor)
    skipped = await visitor.client.get(_step(columns, "review"))
    assert skipped.headers["Location"] == columns.path


async def test_a_list_larger_than_the_plan_is_refused_with_the_limit(tmp_path: Path) -> None:
    async with a_site(tmp_path, plan="starter") as site, a_visitor(site) as visitor:
        data = PEOPLE + b"".join(b"98765%05d,Asha,1\n" % number for number in range(60))
        columns = await _bring(visitor, data)
        start = await visitor.send(columns.path, **COLUMNS)
        assert "The Starter plan allows 1 call at once." in start.words
        too_fast = await visitor.send(start.path, start="now", concurrency="2")
        assert "Calls at once must be a whole number from 1 to 1." in too_fast.words
        review = await visitor.send(start.path, start="now", concurrency="1")
        assert "the plan 'starter' allows 50 a batch" in review.words
        assert "Launch" not in review.words


async def test_without_a_trunk_a_batch_is_prepared_but_not_launched(
    site: Site, visitor: Visitor
) -> None:
    await visitor.send("/trunks/trunk_gateway/disable")
    review = await _to_review(visitor)
    assert "A trunk is needed to launch." in review.words
    refused = await visitor.send(_step(review, "launch"))
    assert "No trunk is enabled" in refused.words


async def test_of_several_trunks_the_box_chooses_unless_one_is_named(
    site: Site, visitor: Visitor
) -> None:
    added = await site.api.post("/v1/trunks", json={"name": "Carrier", "host": "b", "channels": 6})
    columns = await _bring(visitor)
    start = await visitor.send(columns.path, **COLUMNS)
    assert "Automatic each call by priority, weight and health" in start.words
    assert 'value="10"' in start.source  # channels of both
    wrong = await visitor.send(start.path, start="now", concurrency="2", caller_id="Bob <x>")
    assert "must be a number or a name" in wrong.words
    review = await visitor.send(
        start.path, start="now", concurrency="12", trunk_id="", caller_id="+912240005678"
    )
    assert "12, but the trunks carry 10" in review.words
    assert "Automatic: Carrier, gateway Caller id +912240005678" in review.words
    review = await visitor.send(
        start.path, start="now", concurrency="4", trunk_id=added.json()["trunk_id"], caller_id="7"
    )
    assert "Trunk Carrier Caller id 7" in review.words
    await visitor.send(_step(review, "launch"))
    (batch,) = (await site.api.get("/v1/calls/batch")).json()["items"]
    assert (batch["trunk_id"], batch["caller_id"]) == (added.json()["trunk_id"], "7")


async def test_a_draft_is_its_owners_and_is_forgotten_after_a_day(
    site: Site, visitor: Visitor
) -> None:
    columns = await _bring(visitor)
    (folder,) = (site.office.settings.data.dir / "drafts").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    site.office.clock.pass_time(timedelta(days=1, minutes=1).total_seconds())
    assert "dropped after a day" in await visitor.read(columns.path, status=404)
    await _bring(visitor)
    assert not folder.exists()


@pytest.mark.parametrize("draft_id", ["nothing", "A" * 22, "..%2F..%2Fbox.db", "%2e%2e"])
async def test_a_draft_that_is_not_there_is_told(visitor: Visitor, draft_id: str) -> None:
    answer = await visitor.client.get(f"/calls/batches/new/{draft_id}/columns")
    assert answer.status_code == 404
