"""/v1/calls/batch/csv: lists as owners really have them."""

import json
from typing import Any

import httpx
import pytest

from tests.builders import AGENT_ID
from tests.web.sites import ON_SHARED_SITE, Site, error_of

EXAMPLE = """\
phone,name,amount_due,due_date
+919876543210,Rahul Sharma,₹2500,April 25
+919876543211,Priya Patel,₹1800,April 26
+919876543212,Amit Kumar,₹3200,April 27
"""


async def test_the_example_is_queued_without_a_mapping(site: Site) -> None:
    response = await _upload(site, EXAMPLE.encode())
    assert response.status_code == 202
    assert (response.json()["queued"], response.json()["skipped"]) == (3, [])
    rows = await _rows(site, response)
    assert rows[0] == (
        "+919876543210",
        {"name": "Rahul Sharma", "amount_due": "₹2500", "due_date": "April 25"},
    )


@ON_SHARED_SITE
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
async def test_encodings_and_separators_are_recognised(
    shared_site: Site, encoding: str, separator: str
) -> None:
    text = EXAMPLE.replace(",", separator)
    rows = await _rows(shared_site, await _upload(shared_site, text.encode(encoding)))
    assert rows[2][1]["amount_due"] == "₹3200"


async def test_mapping_sends_any_column_to_any_variable(site: Site) -> None:
    text = 'Kunde,Handy,Betrag,Notiz\n"Rahul\nSharma",98765 43210,₹2500,x\n'
    mapping = {"Kunde": "name", "Handy": "phone", "Betrag": "amount_due", "Notiz": None}
    rows = await _rows(site, await _upload(site, text.encode(), mapping=json.dumps(mapping)))
    assert rows == [("+919876543210", {"name": "Rahul\nSharma", "amount_due": "₹2500"})]


async def test_without_a_mapping_unused_columns_keep_their_names(site: Site) -> None:
    text = "Mobile No,Name,Amount Due,Customer ID\n9876543210,Rahul,₹2500,C-17\n"
    rows = await _rows(site, await _upload(site, text.encode()))
    assert rows == [
        ("+919876543210", {"name": "Rahul", "amount_due": "₹2500", "Customer ID": "C-17"})
    ]


async def test_a_first_row_that_is_a_person_is_called_too(site: Site) -> None:
    mapping = {"column 1": "phone", "column 2": "name", "column 3": "amount_due"}
    text = "98765 43210,Rahul,₹2500\n98765 43211,Priya,₹1800\n"
    rows = await _rows(site, await _upload(site, text.encode(), mapping=json.dumps(mapping)))
    assert [phone for phone, _ in rows] == ["+919876543210", "+919876543211"]
    assert rows[0][1] == {"name": "Rahul", "amount_due": "₹2500"}


async def test_options_stand_beside_the_file(site: Site) -> None:
    response = await _upload(
        site,
        EXAMPLE.encode(),
        concurrency="2",
        schedule_at="2026-04-21T10:00:00+05:30",
        name="April dues",
        trunk_id="trunk_gateway",
        caller_id="+912240005678",
        default_country="IN",
    )
    batch = (await site.api.get(f"/v1/calls/batch/{response.json()['batch_id']}")).json()
    assert (batch["state"], batch["concurrency"], batch["name"]) == ("scheduled", 2, "April dues")
    assert batch["schedule_at"] == "2026-04-21T04:30:00Z"


async def test_options_left_empty_count_as_left_out(site: Site) -> None:
    response = await _upload(
        site, EXAMPLE.encode(), concurrency="", schedule_at="", name="", trunk_id="", mapping=""
    )
    assert response.status_code == 202


async def test_epoch_seconds_are_taken_as_text(site: Site) -> None:
    response = await _upload(site, EXAMPLE.encode(), schedule_at="1714000000")
    assert response.json()["state"] == "running"


async def test_a_repeated_upload_gives_the_first_answer_again(site: Site) -> None:
    first = await _upload(site, EXAMPLE.encode(), key="file-1")
    again = await _upload(site, EXAMPLE.encode(), key="file-1")
    other = await _upload(site, EXAMPLE.encode(), key="file-1", concurrency="2")
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert again.json() == first.json()
    assert (other.status_code, error_of(other)["code"]) == (409, "idempotency_key_reused")


@ON_SHARED_SITE
@pytest.mark.parametrize(
    ("content", "options", "field", "row", "told"),
    [
        (b"", {}, "file", None, "the file is empty"),
        (b"a,b\n1,2,3\n", {}, "file", 1, "row 1 has 3 values"),
        (b'a,b\n1,"2\n', {}, "file", 1, "row 1 cannot be read"),
        (b"name,amount_due\nRahul,5\n", {}, "mapping", None, "exactly one column to 'phone'"),
        (EXAMPLE.encode(), {"mapping": "{"}, "mapping", None, "must be JSON"),
        (EXAMPLE.encode(), {"mapping": '["phone"]'}, "mapping", None, "must be JSON"),
        (EXAMPLE.encode(), {"mapping": "[" * 50_000}, "mapping", None, "must be JSON"),
        (EXAMPLE.encode(), {"mapping": '{"tel": "phone"}'}, "mapping", None, "column 'tel'"),
        (EXAMPLE.encode(), {"concurrency": "many"}, "concurrency", None, "must be a whole number"),
        (EXAMPLE.encode(), {"schedule_at": "soon"}, "schedule_at", None, "epoch seconds"),
        (EXAMPLE.encode(), {"colour": "red"}, "colour", None, "not a field that is known"),
        (b"phone,name,amount_due\n", {}, "recipients", None, "empty"),
    ],
)
async def test_a_wrong_file_or_option_says_where(
    shared_site: Site,
    content: bytes,
    options: dict[str, Any],
    field: str,
    row: int | None,
    told: str,
) -> None:
    response = await _upload(shared_site, content, **options)
    assert response.status_code == 422
    error = error_of(response)
    assert (error["field"], error["row"]) == (field, row)
    assert told in error["message"]


@ON_SHARED_SITE
async def test_an_upload_without_its_file_or_agent_says_so(shared_site: Site) -> None:
    no_file = await shared_site.api.post(
        "/v1/calls/batch/csv", files={"agent_id": (None, AGENT_ID)}
    )
    no_agent = await shared_site.api.post(
        "/v1/calls/batch/csv", files={"file": ("a.csv", b"phone\n1\n")}
    )
    unnamed = await shared_site.api.post(
        "/v1/calls/batch/csv", files={"agent_id": (None, AGENT_ID), "file": (None, EXAMPLE)}
    )
    assert error_of(no_file)["message"] == "file is missing"
    assert error_of(no_agent)["message"] == "agent_id is missing"
    assert error_of(unnamed)["message"] == "file must be one file, sent with its name"


@ON_SHARED_SITE
async def test_what_is_not_multipart_is_malformed(shared_site: Site) -> None:
    as_json = await shared_site.api.post("/v1/calls/batch/csv", json={"agent_id": AGENT_ID})
    broken = await shared_site.api.post(
        "/v1/calls/batch/csv",
        content=b"--x\r\nContent-Dis",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (as_json.status_code, broken.status_code) == (400, 400)
    assert error_of(broken)["code"] == "malformed"


async def _upload(site: Site, content: bytes, **options: str) -> httpx.Response:
    headers = {"Idempotency-Key": key} if (key := options.pop("key", None)) else {}
    return await site.api.post(
        "/v1/calls/batch/csv",
        files={"file": ("list.csv", content)},
        data={"agent_id": AGENT_ID, **options},
        headers=headers,
    )


async def _rows(site: Site, response: httpx.Response) -> list[tuple[str, dict[str, str]]]:
    assert response.status_code == 202, response.text
    path = f"/v1/calls/batch/{response.json()['batch_id']}/recipients"
    return [(one["phone"], one["variables"]) for one in (await site.api.get(path)).json()["items"]]
