"""Logging in over HTTP: the cookie, the throttle, the set-up link."""

import httpx
import pytest

from movoice_box.store import owners
from tests.web.sites import Site

PASSWORD = "correct horse battery"


@pytest.fixture
async def owned(site: Site) -> Site:
    """A site whose owner is asha."""
    async with await site.logged_in():
        return site


async def test_the_right_password_opens_a_session(owned: Site) -> None:
    response = await _log_in(owned)
    assert response.status_code == 303
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("movoice_box_session=")
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=1209600"):
        assert attribute.lower() in cookie.lower()
    assert (await owned.anyone.get("/v1/calls/batch")).status_code == 200


@pytest.mark.parametrize(("name", "password"), [("asha", "wrong"), ("nobody", PASSWORD), ("", "")])
async def test_a_wrong_name_or_password_opens_nothing(
    owned: Site, name: str, password: str
) -> None:
    response = await _log_in(owned, name, password)
    assert "movoice_box_session" not in response.headers.get("set-cookie", "")
    assert (await owned.anyone.get("/v1/calls/batch")).status_code == 401


async def test_guessing_is_slowed_down_even_for_the_right_password(owned: Site) -> None:
    for _ in range(5):
        await _log_in(owned, password="wrong")
    response = await _log_in(owned)
    assert "too many wrong passwords" in response.text.lower()
    owned.office.clock.pass_time(2)
    assert (await _log_in(owned)).status_code == 303


async def test_logging_out_ends_the_session_on_the_box(owned: Site) -> None:
    async with await owned.logged_in() as browser:
        stolen = browser.cookies["movoice_box_session"]
        token = owned.csrf_token(browser)
        response = await browser.post("/logout", headers={"X-CSRF-Token": token})
        assert response.status_code == 303
    owned.anyone.cookies.set("movoice_box_session", stolen, domain="127.0.0.1")
    assert (await owned.anyone.get("/v1/calls/batch")).status_code == 401


async def test_a_log_in_form_of_another_site_is_refused(owned: Site) -> None:
    response = await owned.anyone.post(
        "/login",
        data={"name": "asha", "password": PASSWORD},
        headers={"Origin": "http://evil.test"},
    )
    assert response.status_code == 403


async def test_the_set_up_link_makes_one_owner_and_closes(site: Site) -> None:
    token = await site.office.database.write(owners.setup_token)
    made = await _set_up(site, token or "")
    again = await _set_up(site, token or "", name="eve")
    assert (made.status_code, again.status_code) == (303, 403)
    assert (await site.anyone.get(f"/setup?token={token}")).status_code == 403
    assert (await site.anyone.get("/v1/calls/batch")).status_code == 200


async def test_set_up_wants_the_token_of_the_link(site: Site) -> None:
    await site.office.database.write(owners.setup_token)
    assert (await _set_up(site, "guess")).status_code == 403
    async with site.office.database.reading() as db:
        assert not await owners.has_owner(db)


async def _log_in(site: Site, name: str = "asha", password: str = PASSWORD) -> httpx.Response:
    return await site.anyone.post("/login", data={"name": name, "password": password})


async def _set_up(site: Site, token: str, name: str = "asha") -> httpx.Response:
    form = {"token": token, "name": name, "password": PASSWORD, "again": PASSWORD}
    return await site.anyone.post("/setup", data=form)
