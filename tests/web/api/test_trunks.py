"""/v1/trunks: CRUD, status and test; the password is never told."""

from typing import Any

import pytest

from movoice_box.store import trunks
from tests.web.sites import ON_SHARED_SITE, Site, error_of

FULL = {
    "name": "GSM gateway",
    "host": "192.168.1.50",
    "port": 5070,
    "transport": "udp",
    "username": "box",
    "password": "s3cret",
    "register": True,
    "channels": 8,
    "caller_id": "+912212345678",
    "ring_timeout_s": 30,
    "driver": "pyvoip",
    "number_format": "national",
    "is_enabled": True,
}


async def test_a_trunk_needs_a_name_and_a_host_and_gets_the_defaults(site: Site) -> None:
    response = await site.api.post("/v1/trunks", json={"name": "acme", "host": "sip.acme.net"})
    assert response.status_code == 201
    trunk = response.json()
    assert trunk.pop("trunk_id").startswith("trunk_")
    assert trunk == {
        "name": "acme",
        "host": "sip.acme.net",
        "port": 5060,
        "transport": "udp",
        "username": None,
        "has_password": False,
        "register": False,
        "channels": 4,
        "caller_id": None,
        "ring_timeout_s": 45,
        "driver": "native",
        "number_format": "e164",
        "is_enabled": True,
        "status": {
            "is_up": None,
            "detail": "not asked yet",
            "round_trip_ms": None,
            "is_registered": None,
        },
    }


async def test_a_password_is_kept_and_never_told(site: Site) -> None:
    made = await site.api.post("/v1/trunks", json=FULL)
    trunk_id = made.json()["trunk_id"]
    read = await site.api.get(f"/v1/trunks/{trunk_id}")
    listed = await site.api.get("/v1/trunks")
    for response in (made, read, listed):
        assert "s3cret" not in response.text
        assert '"password"' not in response.text
    expected = {**FULL, "has_password": True}
    del expected["password"]
    assert read.json().items() >= expected.items()
    assert await _password(site, trunk_id) == "s3cret"


@pytest.mark.parametrize(
    ("change", "password"),
    [({}, "s3cret"), ({"password": "new"}, "new"), ({"password": None}, None)],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_keeps_the_password_unless_it_has_one(
    site: Site, method: str, change: dict[str, Any], password: str | None
) -> None:
    trunk_id = (await site.api.post("/v1/trunks", json=FULL)).json()["trunk_id"]
    body = {"name": "GSM", "host": "192.168.1.51", **change}
    response = await site.api.request(method, f"/v1/trunks/{trunk_id}", json=body)
    assert (response.status_code, response.json()["host"]) == (200, "192.168.1.51")
    assert await _password(site, trunk_id) == password


async def test_put_sets_defaults_where_patch_keeps_what_is_there(site: Site) -> None:
    path = f"/v1/trunks/{(await site.api.post('/v1/trunks', json=FULL)).json()['trunk_id']}"
    patched = (await site.api.patch(path, json={"channels": 2})).json()
    assert (patched["channels"], patched["port"], patched["driver"]) == (2, 5070, "pyvoip")
    put = (await site.api.put(path, json={"name": "a", "host": "b"})).json()
    assert (put["channels"], put["port"], put["driver"]) == (4, 5060, "native")


async def test_a_trunk_is_up_when_the_answer_comes(site: Site) -> None:
    trunk_id = (await site.api.post("/v1/trunks", json=FULL)).json()["trunk_id"]
    assert [one.id for one in site.services.trunks.accounts()] == ["trunk_gateway", trunk_id]
    await site.api.patch(f"/v1/trunks/{trunk_id}", json={"is_enabled": False})
    assert [one.id for one in site.services.trunks.accounts()] == ["trunk_gateway"]


async def test_testing_a_trunk_asks_the_far_end_and_is_remembered(site: Site) -> None:
    answer = await site.api.post("/v1/trunks/trunk_gateway/test")
    assert answer.status_code == 200
    assert answer.json() == {
        "is_up": True,
        "detail": "answered 200",
        "round_trip_ms": 1.5,
        "is_registered": None,
    }
    assert (await site.api.get("/v1/trunks/trunk_gateway")).json()["status"] == answer.json()


async def test_a_disabled_trunk_cannot_be_tested(site: Site) -> None:
    await site.api.patch("/v1/trunks/trunk_gateway", json={"is_enabled": False})
    response = await site.api.post("/v1/trunks/trunk_gateway/test")
    assert (response.status_code, error_of(response)["code"]) == (409, "trunk_disabled")


async def test_a_batch_cannot_name_a_disabled_trunk(site: Site) -> None:
    await site.api.patch("/v1/trunks/trunk_gateway", json={"is_enabled": False})
    response = await site.post_batch("+919876543210", trunk_id="trunk_gateway")
    assert (response.status_code, error_of(response)["code"]) == (422, "trunk_disabled")


async def test_a_trunk_that_a_batch_needs_cannot_be_deleted(site: Site) -> None:
    batch_id = await site.a_batch()
    busy = await site.api.delete("/v1/trunks/trunk_gateway")
    assert (busy.status_code, error_of(busy)["code"]) == (409, "trunk_in_use")
    await site.api.post(f"/v1/calls/batch/{batch_id}/cancel")
    assert (await site.api.delete("/v1/trunks/trunk_gateway")).status_code == 204
    assert (await site.api.get("/v1/trunks")).json() == {"items": [], "next_cursor": None}


async def test_a_name_can_be_taken_once(site: Site) -> None:
    response = await site.api.post("/v1/trunks", json={"name": "gateway", "host": "b"})
    assert (response.status_code, error_of(response)["code"]) == (409, "name_taken")


async def test_trunks_are_listed_page_by_page(site: Site) -> None:
    for name in ("a", "b"):
        await site.api.post("/v1/trunks", json={"name": name, "host": "h"})
    first = (await site.api.get("/v1/trunks?limit=2")).json()
    rest = (await site.api.get(f"/v1/trunks?limit=2&cursor={first['next_cursor']}")).json()
    names = [one["name"] for one in first["items"] + rest["items"]]
    assert (names, rest["next_cursor"]) == (["a", "b", "gateway"], None)


@ON_SHARED_SITE
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\r\nb"}, "name"),
        ({"host": "http://x"}, "host"),
        ({"host": "a b"}, "host"),
        ({"host": "x:5060"}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"port": "sip"}, "port"),
        ({"transport": "tls"}, "transport"),
        ({"username": "a\r\nVia: x"}, "username"),
        ({"caller_id": '"Bob" <sip:x>'}, "caller_id"),
        ({"password": "a\nb"}, "password"),
        ({"register": True, "username": None}, "username"),
        ({"channels": 0}, "channels"),
        ({"ring_timeout_s": 181}, "ring_timeout_s"),
        ({"driver": "asterisk"}, "driver"),
        ({"number_format": "local"}, "number_format"),
        ({"colour": "red"}, "colour"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_wrong_trunk_names_the_field(
    shared_site: Site, method: str, change: dict[str, Any], field: str
) -> None:
    path, body = ("/v1/trunks", FULL) if method == "POST" else ("/v1/trunks/trunk_gateway", {})
    response = await shared_site.api.request(method, path, json={**body, **change})
    assert response.status_code == 422
    assert error_of(response)["field"] == field


@ON_SHARED_SITE
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_an_unknown_trunk_is_not_found(shared_site: Site, method: str) -> None:
    body = {"name": "a", "host": "b"} if method in ("PUT", "PATCH") else None
    response = await shared_site.api.request(method, "/v1/trunks/trunk_nothing", json=body)
    assert (response.status_code, error_of(response)["field"]) == (404, "trunk_id")


async def _password(site: Site, trunk_id: str) -> str | None:
    async with site.office.database.reading() as db:
        return (await trunks.get(db, site.office.seal, trunk_id)).password
