"""Who may ask: keys for scripts, sessions for people, and nothing from other sites' pages."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest

from movoice_box.store import owners
from tests.web.sites import Site, error_of

BATCHES = "/v1/calls/batch"


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with await site.logged_in() as client:
        yield client


@pytest.mark.parametrize(
    "authorization",
    [
        {},
        *(
            {b"Authorization": value.encode("latin-1")}
            for value in ("", "Bearer", "Bearer mvb_wrong", "Basic YTpi", "mvb_x", "Bearer \u00e9")
        ),
    ],
)
async def test_the_api_wants_a_key_it_knows(site: Site, authorization: dict[bytes, bytes]) -> None:
    response = await site.anyone.get(BATCHES, headers=authorization)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert error_of(response)["code"] == "unauthorized"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_the_scheme_may_be_written_in_any_case(site: Site, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {site.key}"}
    assert (await site.anyone.get(BATCHES, headers=headers)).status_code == 200


async def test_a_stranger_s_body_is_not_read(site: Site) -> None:
    response = await site.anyone.post(BATCHES, content=b"{")
    assert response.status_code == 401


async def test_a_revoked_key_is_refused_from_then_on(site: Site) -> None:
    async with site.office.database.reading() as db:
        (key,) = await owners.api_keys(db)
    await site.office.database.write(lambda db: owners.remove_api_key(db, key.id))
    assert (await site.api.get(BATCHES)).status_code == 401


async def test_the_use_of_a_key_is_noted_at_most_once_a_minute(site: Site) -> None:
    start = site.office.clock.now()
    await site.api.get(BATCHES)
    await _until_last_used(site, start)
    site.office.clock.pass_time(59)
    await site.api.get(BATCHES)
    await site.api.get(BATCHES)
    await _until_last_used(site, start)
    site.office.clock.pass_time(1)
    await site.api.get(BATCHES)
    await _until_last_used(site, site.office.clock.now())


async def test_a_person_s_session_reads_the_api(browser: httpx.AsyncClient) -> None:
    assert (await browser.get(BATCHES)).status_code == 200


async def test_a_session_ends_with_its_lifetime(site: Site, browser: httpx.AsyncClient) -> None:
    site.office.clock.pass_time(owners.SESSION_LIFETIME.total_seconds() + 1)
    assert (await browser.get(BATCHES)).status_code == 401


async def test_a_wrong_key_is_not_made_good_by_a_session(browser: httpx.AsyncClient) -> None:
    response = await browser.get(BATCHES, headers={"Authorization": "Bearer mvb_wrong"})
    assert response.status_code == 401


async def test_a_session_changes_nothing_without_its_csrf_token(
    site: Site, browser: httpx.AsyncClient
) -> None:
    body = {"phone": "+919876543210"}
    other = "0" * 64
    refused = [
        await browser.post("/v1/dnd", json=body),
        await browser.post("/v1/dnd", json=body, headers={"X-CSRF-Token": other}),
        await browser.post(
            "/v1/dnd", json=body, headers={b"X-CSRF-Token": "\u00e9".encode("latin-1")}
        ),
        await browser.delete("/v1/agents/agent_payment"),
    ]
    assert {(one.status_code, error_of(one)["code"]) for one in refused} == {(403, "csrf")}
    token = site.csrf_token(browser)
    accepted = await browser.post("/v1/dnd", json=body, headers={"X-CSRF-Token": token})
    assert accepted.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_session_changes_nothing_for_a_page_of_another_site(
    site: Site, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await browser.post(
        "/v1/dnd",
        json={"phone": "+919876543210"},
        headers={"X-CSRF-Token": site.csrf_token(browser), **headers},
    )
    assert (response.status_code, error_of(response)["code"]) == (403, "cross_site")


async def test_a_page_of_the_box_itself_may_change(site: Site, browser: httpx.AsyncClient) -> None:
    for headers in (
        {"Origin": str(browser.base_url).rstrip("/")},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://behind.a.proxy"},
    ):
        response = await browser.post(
            "/v1/dnd",
            json={"phone": "+919876543210"},
            headers={"X-CSRF-Token": site.csrf_token(browser), **headers},
        )
        assert response.status_code == 201


async def test_a_key_needs_no_csrf_token_whatever_the_origin(site: Site) -> None:
    response = await site.api.post(
        "/v1/dnd", json={"phone": "+919876543210"}, headers={"Origin": "http://app.test"}
    )
    assert response.status_code == 201


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/docs/openapi.json"])
async def test_what_tells_nothing_of_the_owner_s_needs_no_key(site: Site, path: str) -> None:
    assert (await site.anyone.get(path)).status_code == 200


async def test_a_stranger_is_led_to_the_log_in_page_and_back(site: Site) -> None:
    response = await site.anyone.get("/calls/batches")
    assert response.status_code in (302, 303)
    assert response.headers["location"] == "/login?next=/calls/batches"


async def test_every_answer_keeps_browsers_strict(site: Site) -> None:
    for path in ("/healthz", "/v1/nothing", "/docs", "/login"):
        headers = (await site.anyone.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def _until_last_used(site: Site, moment: datetime) -> None:
    """The note is written after the answer."""
    async with asyncio.timeout(10):
        while True:
            async with site.office.database.reading() as db:
                (key,) = await owners.api_keys(db)
            if key.last_used_at == moment:
                return
            await asyncio.sleep(0.01)
