"""/v1/dnd: numbers that are never called."""

from typing import Any

import pytest

from tests.web.sites import ON_SHARED_SITE, Site, error_of

RAHUL = "+919876543210"
ENTRY = {
    "phone": RAHUL,
    "source": "owner",
    "note": "asked by mail",
    "call_id": None,
    "added_at": "2026-04-20T09:30:00Z",
}


async def test_a_number_can_be_listed_checked_and_removed(site: Site) -> None:
    added = await site.api.post("/v1/dnd", json={"phone": "98765 43210", "note": "asked by mail"})
    assert (added.status_code, added.json()) == (201, ENTRY)
    checked = await site.api.get("/v1/dnd/+91-98765-43210")
    assert checked.json() == {"phone": RAHUL, "listed": True, "entry": ENTRY}
    assert (await site.api.delete("/v1/dnd/09876543210")).status_code == 204
    checked = await site.api.get(f"/v1/dnd/{RAHUL}")
    assert checked.json() == {"phone": RAHUL, "listed": False, "entry": None}
    assert (await site.api.delete(f"/v1/dnd/{RAHUL}")).status_code == 404


async def test_a_number_that_is_listed_keeps_its_first_entry(site: Site) -> None:
    await site.api.post("/v1/dnd", json={"phone": RAHUL, "note": "asked by mail"})
    again = await site.api.post("/v1/dnd", json={"phone": RAHUL, "note": "again"})
    assert again.json() == ENTRY


async def test_a_listed_number_is_skipped_from_then_on(site: Site) -> None:
    await site.api.post("/v1/dnd", json={"phone": RAHUL})
    skipped = (await site.post_batch(RAHUL)).json()["skipped"]
    assert [one["reason"] for one in skipped] == ["dnd"]


async def test_a_file_of_numbers_is_imported(site: Site) -> None:
    await site.api.post("/v1/dnd", json={"phone": RAHUL})
    content = b"name,mobile\nA,9876543210\nB,9876543211\nC,nobody\n"
    response = await site.api.post("/v1/dnd/import", files={"file": ("dnd.csv", content)})
    assert response.status_code == 200
    assert response.json() == {
        "added": 1,
        "known": 1,
        "invalid_rows": 1,
        "invalid": [{"row": 3, "value": "nobody"}],
    }


async def test_entries_are_searched_and_listed_page_by_page(site: Site) -> None:
    for number in range(3):
        await site.api.post("/v1/dnd", json={"phone": f"987654321{number}"})
    first = (await site.api.get("/v1/dnd?limit=2")).json()
    cursor = {"limit": 2, "cursor": first["next_cursor"]}
    rest = (await site.api.get("/v1/dnd", params=cursor)).json()
    phones = [one["phone"][-1] for one in first["items"] + rest["items"]]
    assert (phones, rest["next_cursor"]) == (["0", "1", "2"], None)
    found = (await site.api.get("/v1/dnd?search=43212")).json()["items"]
    assert [one["phone"] for one in found] == ["+919876543212"]


@ON_SHARED_SITE
@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"phone": "12"}, "invalid_number", "phone"),
        ({"phone": 9876543210}, "invalid", "phone"),
        ({}, "invalid", "phone"),
        ({"phone": RAHUL, "note": "x" * 501}, "invalid", "note"),
    ],
)
async def test_what_is_no_number_is_refused(
    shared_site: Site, body: dict[str, Any], code: str, field: str
) -> None:
    response = await shared_site.api.post("/v1/dnd", json=body)
    assert response.status_code == 422
    assert (error_of(response)["code"], error_of(response)["field"]) == (code, field)


@ON_SHARED_SITE
async def test_a_file_without_numbers_is_refused(shared_site: Site) -> None:
    files = {"file": ("dnd.csv", b"name\nRahul\n")}
    response = await shared_site.api.post("/v1/dnd/import", files=files)
    assert (response.status_code, error_of(response)["field"]) == (422, "file")


@ON_SHARED_SITE
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_path_that_is_no_number_is_refused(shared_site: Site, method: str) -> None:
    response = await shared_site.api.request(method, "/v1/dnd/nobody")
    assert (response.status_code, error_of(response)["code"]) == (422, "invalid_number")
