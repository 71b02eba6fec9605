"""export.csv: opens in spreadsheets as it is, and runs nothing there."""

import csv
import io

import pytest

from movoice_box.domain.batch import Batch, BatchState
from movoice_box.ids import AgentId, BatchId, TrunkId
from movoice_box.web.api.export import file_name, safe_cell
from tests.builders import A_QUALITY, AGENT_ID, START, a_result
from tests.web.sites import Site


async def test_every_row_has_its_variables_and_what_came_of_it(site: Site) -> None:
    batch_id = await site.a_batch("+919876543210", "12", name="April dues")
    call_id = await site.call_next(
        batch_id,
        a_result(
            "BOOKED",
            collected={"day": "Friday"},
            summary="Rahul pays ₹2500.",
            quality=A_QUALITY,
        ),
    )
    response = await site.api.get(f"/v1/calls/batch/{batch_id}/export.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="April-dues.csv"'
    assert response.content.startswith("\ufeffrow,phone,name,amount_due,state,".encode())
    called, skipped = _table(response.text)
    assert called == {
        "row": "1",
        "phone": "+919876543210",
        "name": "Rahul",
        "amount_due": "₹2500",
        "state": "completed",
        "disposition": "answered",
        "outcome": "BOOKED",
        "summary": "Rahul pays ₹2500.",
        "skip_reason": "",
        "skip_message": "",
        "call_id": call_id,
        "direction": "outbound",
        "trunk": "gateway",
        "channel": "",
        "sip_status": "200",
        "sip_reason": "",
        "ring_s": "4.0",
        "talk_s": "10.0",
        "mos": "4.2",
        "dialed_at": "2026-04-20T15:00:00+05:30",
        "answered_at": "2026-04-20T15:00:04+05:30",
        "ended_at": "2026-04-20T15:00:14+05:30",
        "collected.day": "Friday",
    }
    assert (skipped["phone"], skipped["state"], skipped["skip_reason"]) == (
        "12",
        "skipped",
        "invalid_number",
    )


async def test_rows_with_other_variables_share_one_header(site: Site) -> None:
    both = {"name": "A", "amount_due": "1"}
    recipients = [
        {"phone": "+919876543210", "variables": {**both, "city": "Pune"}},
        {"phone": "+919876543211", "variables": {"shop": "Camp", **both, "state": "MH"}},
    ]
    body = {"agent_id": AGENT_ID, "recipients": recipients}
    batch_id = (await site.api.post("/v1/calls/batch", json=body)).json()["batch_id"]
    text = (await site.api.get(f"/v1/calls/batch/{batch_id}/export.csv")).text
    header = text.splitlines()[0].split(",")
    assert header[2:7] == ["name", "amount_due", "city", "shop", "variables.state"]
    first, second = _table(text)
    assert (first["city"], first["shop"]) == ("Pune", "")
    assert (second["variables.state"], second["state"]) == ("MH", "queued")


async def test_a_large_batch_is_exported_whole(site: Site) -> None:
    phones = [f"+9198765{number:05d}" for number in range(1_201)]
    batch_id = await site.a_batch(*phones)
    table = _table((await site.api.get(f"/v1/calls/batch/{batch_id}/export.csv")).text)
    assert [row["phone"] for row in table] == phones


async def test_formulas_in_names_and_columns_are_defused(site: Site) -> None:
    variables = {"name": '=HYPERLINK("http://x")', "amount_due": "+1-800-FREE", "@cmd": "-2+3"}
    body = {
        "agent_id": AGENT_ID,
        "recipients": [{"phone": "=1+1", "variables": variables}],
    }
    batch_id = (await site.api.post("/v1/calls/batch", json=body)).json()["batch_id"]
    text = (await site.api.get(f"/v1/calls/batch/{batch_id}/export.csv")).text
    (row,) = _table(text)
    assert row["phone"] == "'=1+1"
    assert row["name"] == '\'=HYPERLINK("http://x")'
    assert row["amount_due"] == "'+1-800-FREE"
    assert row["'@cmd"] == "'-2+3"


@pytest.mark.parametrize(
    "text",
    ["+919876543210", "+91 98765-43210", "+1 (415) 555-2671", "-1800", "-12.50", "₹2500", ""],
)
def test_numbers_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


@pytest.mark.parametrize(
    "text", ["=1", "+cmd|x", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "+", "-1+cmd|' /C'!A0"]
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("April dues", "April-dues.csv"),
        ('a"; filename="x', "a-filename-x.csv"),
        ("../../etc/passwd", "etc-passwd.csv"),
        ("अप्रैल", "batch_1.csv"),
        ("a\r\nX-Evil: 1", "a-X-Evil-1.csv"),
    ],
)
def test_a_batch_s_name_becomes_a_plain_file_name(name: str, file: str) -> None:
    assert file_name(_a_batch(name)) == file


def _a_batch(name: str) -> Batch:
    return Batch(
        id=BatchId("batch_1"),
        name=name,
        is_single=False,
        agent_id=AgentId("agent_1"),
        trunk_id=TrunkId("trunk_1"),
        state=BatchState.RUNNING,
        concurrency=1,
        schedule_at=None,
        created_at=START,
    )


def _table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
