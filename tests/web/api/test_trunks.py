"""/v1/trunks: CRUD, status and test; the password is never told."""

import dataclasses
from typing import Any

import pytest

from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Disposition
from movoice_box.domain.early_media import EarlySound
from movoice_box.domain.routing import Wish
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.store import trunks
from tests.builders import AGENT_ID
from tests.web.sites import ON_SHARED_SITE, Site, error_of

FULL: dict[str, Any] = {
    "name": "GSM gateway",
    "host": "gsm.example.net",
    "port": 5071,
    "transport": "tls",
    "outbound_proxy": "proxy.example.net:5061",
    "tls_ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "srtp": True,
    "username": "box",
    "password": "s3cret",
    "register": True,
    "driver": "native",
    "is_enabled": True,
    "channels": 8,
    "ports": [
        {
            "name": "sim1",
            "prefix": "1#",
            "calls_per_day": 80,
            "minutes_per_day": 90,
            "gap_s": 15,
            "rest_after_calls": 6,
            "rest_minutes": 45,
        },
        {
            "name": "sim2",
            "prefix": "2#",
            "calls_per_day": 0,
            "minutes_per_day": 0,
            "gap_s": 0,
            "rest_after_calls": 10,
            "rest_minutes": 30,
        },
    ],
    "calls_per_second": 0.5,
    "priority": 2,
    "weight": 3,
    "ring_timeout_s": 30,
    "number_format": "national",
    "number_prefix": "9",
    "number_pattern": r"0(\d+)",
    "number_replacement": r"00\1",
    "allows_extensions": True,
    "caller_id": "+912212345678",
    "caller_id_header": "p_asserted_identity",
    "is_private": True,
    "call_id_header": "X-Call-Id",
    "follows_redirects": True,
    "inbound_agent_id": AGENT_ID,
    "dispositions": [
        {"sip_status": 503, "q850_cause": 20, "sound": "speech", "disposition": "unreachable"},
        {"sip_status": None, "q850_cause": None, "sound": "busy", "disposition": "rejected"},
    ],
    "codecs": ["G722", "PCMA"],
    "ptime_ms": 40,
    "dtmf": "info",
}
DEFAULTS: dict[str, Any] = {
    "port": None,
    "transport": "udp",
    "outbound_proxy": None,
    "tls_ca": None,
    "srtp": False,
    "username": None,
    "register": False,
    "driver": "native",
    "is_enabled": True,
    "channels": 4,
    "ports": [],
    "calls_per_second": None,
    "priority": 1,
    "weight": 1,
    "ring_timeout_s": 45,
    "number_format": "e164",
    "number_prefix": "",
    "number_pattern": None,
    "number_replacement": "",
    "allows_extensions": False,
    "caller_id": None,
    "caller_id_header": "none",
    "is_private": False,
    "call_id_header": None,
    "follows_redirects": False,
    "inbound_agent_id": None,
    "dispositions": [],
    "codecs": ["PCMU", "PCMA", "G722"],
    "ptime_ms": 20,
    "dtmf": "auto",
}
NOT_ASKED = {
    "is_up": None,
    "detail": "not asked yet",
    "round_trip_ms": None,
    "is_registered": None,
    "registered_until": None,
}


def test_every_field_of_a_trunk_can_be_set() -> None:
    fields = {field.name for field in dataclasses.fields(TrunkAccount)}
    assert fields - {"id"} == set(FULL)
    assert fields - {"id", "name", "host", "password"} == set(DEFAULTS)
    assert not {name for name in DEFAULTS if FULL[name] == DEFAULTS[name]} - {
        "driver",
        "is_enabled",
    }


async def test_a_trunk_needs_a_name_and_a_host_and_gets_the_defaults(site: Site) -> None:
    response = await site.api.post("/v1/trunks", json={"name": "acme", "host": "sip.acme.net"})
    assert response.status_code == 201
    trunk = response.json()
    assert trunk.pop("trunk_id").startswith("trunk_")
    told = {"has_password": False, "status": NOT_ASKED, "health": None}
    assert trunk == {"name": "acme", "host": "sip.acme.net", **DEFAULTS, **told}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_every_field_is_kept_and_told(site: Site, method: str) -> None:
    path = "/v1/trunks" if method == "POST" else "/v1/trunks/trunk_gateway"
    changed = await site.api.request(method, path, json=FULL)
    assert changed.is_success, changed.text
    told = (await site.api.get(f"/v1/trunks/{changed.json()['trunk_id']}")).json()
    assert told == changed.json()
    expected = {name: value for name, value in FULL.items() if name != "password"}
    assert {name: told[name] for name in expected} == expected
    (account,) = [one for one in site.services.trunks.accounts() if one.id == told["trunk_id"]]
    assert account.ports[0].calls_per_day == 80
    assert account.dispositions[0].fits(503, 20, (EarlySound.SPEECH,))
    assert account.password == "s3cret"


async def test_a_patch_of_each_field_changes_it_alone(site: Site) -> None:
    trunk_id = (await site.api.post("/v1/trunks", json=FULL)).json()["trunk_id"]
    path = f"/v1/trunks/{trunk_id}"
    for name, value in DEFAULTS.items():
        if FULL[name] == value or name in ("transport", "username"):  # srtp, register need those
            continue
        before = (await site.api.get(path)).json()
        after = (await site.api.patch(path, json={name: value})).json()
        assert after == {**before, name: value}
    assert await _password(site, trunk_id) == "s3cret"


async def test_a_password_is_kept_and_never_told(site: Site) -> None:
    made = await site.api.post("/v1/trunks", json=FULL)
    trunk_id = made.json()["trunk_id"]
    read = await site.api.get(f"/v1/trunks/{trunk_id}")
    listed = await site.api.get("/v1/trunks")
    for response in (made, read, listed):
        assert "s3cret" not in response.text
        assert '"password"' not in response.text
    assert read.json()["has_password"]
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
    assert (patched["channels"], patched["port"], patched["transport"]) == (2, 5071, "tls")
    put = (await site.api.put(path, json={"name": "a", "host": "b"})).json()
    assert (put["channels"], put["port"], put["transport"]) == (4, None, "udp")


async def test_a_trunk_is_up_when_the_answer_comes(site: Site) -> None:
    trunk_id = (await site.api.post("/v1/trunks", json=FULL)).json()["trunk_id"]
    assert [one.id for one in site.services.trunks.accounts()] == ["trunk_gateway", trunk_id]
    await site.api.patch(f"/v1/trunks/{trunk_id}", json={"is_enabled": False})
    assert [one.id for one in site.services.trunks.accounts()] == ["trunk_gateway"]


async def test_testing_a_trunk_asks_the_far_end_and_is_remembered(site: Site) -> None:
    answer = await site.api.post("/v1/trunks/trunk_gateway/test")
    assert answer.status_code == 200
    asked = {"is_up": True, "detail": "answered 200", "round_trip_ms": 1.5}
    assert answer.json() == {**NOT_ASKED, **asked}
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
        ({"transport": "sctp"}, "transport"),
        ({"transport": "udp", "srtp": True}, "srtp"),
        ({"outbound_proxy": "sip:proxy"}, "outbound_proxy"),
        ({"tls_ca": "a certificate"}, "tls_ca"),
        ({"ports": [{"prefix": "1"}]}, "ports[0].name"),
        ({"ports": [{"name": "sim1", "colour": "red"}]}, "ports[0].colour"),
        ({"ports": [{"name": "sim1", "gap_s": 3_601}]}, "ports"),
        ({"ports": [{"name": "sim1"}, {"name": "sim2"}]}, "ports"),
        ({"calls_per_second": 0}, "calls_per_second"),
        ({"priority": 101}, "priority"),
        ({"weight": 0}, "weight"),
        ({"number_prefix": "+91 "}, "number_prefix"),
        ({"number_pattern": "(", "number_replacement": ""}, "number_pattern"),
        ({"number_pattern": "0", "number_replacement": r"\2"}, "number_replacement"),
        ({"caller_id_header": "from"}, "caller_id_header"),
        ({"call_id_header": "Subject"}, "call_id_header"),
        ({"inbound_agent_id": "agent_nobody"}, "inbound_agent_id"),
        ({"dispositions": [{"disposition": "busy"}]}, "dispositions"),
        ({"dispositions": [{"sip_status": 503, "disposition": "answered"}]}, "dispositions"),
        ({"dispositions": [{"sound": "jazz", "disposition": "busy"}]}, "dispositions[0].sound"),
        ({"codecs": []}, "codecs"),
        ({"codecs": ["PCMU", "PCMU"]}, "codecs"),
        ({"codecs": ["GSM"]}, "codecs[0]"),
        ({"ptime_ms": 25}, "ptime_ms"),
        ({"dtmf": "rfc2833"}, "dtmf"),
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


async def test_its_ports_tell_their_day_and_what_keeps_them(site: Site) -> None:
    ports = [{"name": "sim1", "calls_per_day": 1}]
    await site.api.patch("/v1/trunks/trunk_gateway", json={"ports": ports})
    channels = site.services.channels
    await channels.follow()
    lease = channels.try_take(Wish())
    assert lease
    health = (await site.api.get("/v1/trunks/trunk_gateway")).json()["health"]
    assert (health["obstacle"], health["calls_up"], health["capacity"]) == ("busy", 1, 1)
    assert health["ports"][0]["state"] == "busy"
    lease.release(Attempt(disposition=Disposition.ANSWERED, sip_status=200, talk_s=61.0))
    health = (await site.api.get("/v1/trunks/trunk_gateway")).json()["health"]
    assert (health["obstacle"], health["calls_up"]) == ("used_up", 0)
    assert health["ports"] == [
        {
            "name": "sim1",
            "state": "used_up",
            "reason": "its 1 calls of the day are up",
            "until": None,
            "calls": 1,
            "minutes": 2,
            "answer_rate": 1.0,
            "average_talk_s": 61.0,
        }
    ]
