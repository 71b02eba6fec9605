"""What is wrong with a request is told by row and field. Nothing changes: one site serves all."""

from typing import Any

import pytest

from tests.builders import AGENT_ID
from tests.web.sites import ON_SHARED_SITE, Site, a_recipient, error_of

pytestmark = ON_SHARED_SITE

RAHUL = "+919876543210"


@pytest.mark.parametrize(
    ("schedule_at", "hint"),
    [
        ("2026-04-20T16:00:00", "zone"),
        ("tomorrow", "epoch seconds"),
        (1714000000000, "milliseconds"),
        (-5, "epoch seconds"),
        (1e300, "epoch seconds"),
        ("9999-12-31T23:59:59-23:59", "epoch seconds"),
        ("0001-01-01T00:00:00+23:59", "epoch seconds"),
        ([], "number or text"),
    ],
)
async def test_a_time_that_cannot_be_says_why(
    shared_site: Site, schedule_at: Any, hint: str
) -> None:
    response = await shared_site.post_batch(RAHUL, schedule_at=schedule_at)
    assert response.status_code == 422
    error = error_of(response)
    assert (error["code"], error["field"]) == ("invalid", "schedule_at")
    assert hint in error["message"]


@pytest.mark.parametrize(
    ("change", "field", "row", "told"),
    [
        ({"recipients": [a_recipient(), {"variables": {}}]}, "phone", 2, "row 2: phone is missing"),
        ({"recipients": [{"phone": 5}]}, "phone", 1, "row 1: phone must be text, not a whole"),
        ({"recipients": [a_recipient(), 7]}, None, 2, "row 2: it must be an object"),
        ({"recipients": [{"phone": RAHUL, "fone": 1}]}, "fone", 1, "row 1: fone is not a field"),
        (
            {"recipients": [{"phone": RAHUL, "variables": {"a": [1]}}]},
            "variables",
            1,
            "row 1: variables must be",
        ),
        ({"recipients": []}, "recipients", None, "recipients is empty"),
        ({"recipients": {}}, "recipients", None, "recipients must be a list, not an object"),
        ({"agent_id": None}, "agent_id", None, "agent_id must be text, not null"),
        ({"concurency": 5}, "concurency", None, "concurency is not a field that is known here"),
        ({"concurrency": 0}, "concurrency", None, "concurrency (0) must be from 1 to 1000"),
        ({"concurrency": "many"}, "concurrency", None, "concurrency must be a whole number"),
        ({"concurrency": 1.5}, "concurrency", None, "concurrency must be a whole number"),
        ({"name": "x" * 201}, "name", None, "name must be at most 200 characters"),
        ({"default_country": "XX"}, "default_country", None, "two capital letters"),
    ],
)
async def test_a_wrong_request_names_the_row_and_the_field(
    shared_site: Site, change: dict[str, Any], field: str | None, row: int | None, told: str
) -> None:
    body = {"agent_id": AGENT_ID, "recipients": [a_recipient()]} | change
    response = await shared_site.api.post("/v1/calls/batch", json=body)
    assert response.status_code == 422
    error = error_of(response)
    assert (error["code"], error["field"], error["row"]) == ("invalid", field, row)
    assert told in error["message"]


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"agent_id": "agent_nobody"}, 404, "not_found", "agent_id"),
        ({"trunk_id": "trunk_nowhere"}, 404, "not_found", "trunk_id"),
    ],
)
async def test_unknown_ids_are_not_found(
    shared_site: Site, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    response = await shared_site.post_batch(RAHUL, **change)
    assert response.status_code == status
    assert (error_of(response)["code"], error_of(response)["field"]) == (code, field)


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("limit=0", "limit", "at least 1"),
        ("limit=501", "limit", "at most 500"),
        ("limit=ten", "limit", "a whole number"),
        ("state=done", "state", "scheduled, running, paused, completed, canceled"),
        ("stat=paused", "stat", "known: limit, cursor, state"),
        (f"cursor={'x' * 101}", "cursor", "at most 100"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(
    shared_site: Site, query: str, field: str, told: str
) -> None:
    response = await shared_site.api.get(f"/v1/calls/batch?{query}")
    assert response.status_code == 422
    assert error_of(response)["field"] == field
    assert told in error_of(response)["message"]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 30, "\u0661"])
async def test_a_cursor_of_another_list_is_refused(shared_site: Site, cursor: str) -> None:
    batch_id = await shared_site.a_batch()
    response = await shared_site.api.get(
        f"/v1/calls/batch/{batch_id}/recipients", params={"cursor": cursor}
    )
    assert response.status_code == 422
    assert error_of(response)["field"] == "cursor"


@pytest.mark.parametrize("tail", ["", "/recipients", "/export.csv"])
async def test_an_unknown_batch_is_not_found_to_read(shared_site: Site, tail: str) -> None:
    response = await shared_site.api.get(f"/v1/calls/batch/batch_nothing{tail}")
    assert response.status_code == 404
    assert error_of(response)["field"] == "batch_id"


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
async def test_an_unknown_batch_is_not_found_to_change(shared_site: Site, action: str) -> None:
    response = await shared_site.api.post(f"/v1/calls/batch/batch_nothing/{action}")
    assert response.status_code == 404
