import httpx
import pytest

from movoice_box.store import owners
from tests.web.sites import Site
from tests.web.visitor import Visitor

PASSWORD = "correct horse battery"


async def _token(site: Site) -> str:
    token = await site.office.database.write(owners.setup_token)
    assert token
    return token


def _owner(token: str, **changes: str) -> dict[str, str]:
    return {"token": token, "name": "asha", "password": PASSWORD, "again": PASSWORD, **changes}


async def test_a_stranger_is_led_to_the_login_and_back(site: Site) -> None:
    await (await site.logged_in()).aclose()
    led = await site.anyone.get("/trunks")
    assert led.headers["Location"] == "/login?next=/trunks"
    form = {"name": "asha", "password": PASSWORD, "next": "/trunks"}
    entered = await site.anyone.post("/login", data=form)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/trunks")
    assert (await site.anyone.get("/trunks")).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", ""])
async def test_a_login_never_leads_to_another_site(site: Site, path: str) -> None:
    await (await site.logged_in()).aclose()
    form = {"name": "asha", "password": PASSWORD, "next": path}
    entered = await site.anyone.post("/login", data=form)
    assert entered.headers["Location"] == "/calls/batches"


async def test_a_wrong_password_is_told_and_the_name_stays(site: Site) -> None:
    await (await site.logged_in()).aclose()
    answer = await site.anyone.post("/login", data={"name": "asha", "password": "wrong"})
    assert "The name or the password is wrong." in answer.text
    assert 'value="asha"' in answer.text


async def test_a_box_without_an_owner_says_where_its_link_is(site: Site) -> None:
    answer = await site.anyone.get("/login")
    assert "movoice-box setup-link" in answer.text


async def test_the_setup_link_makes_the_owner_and_closes(site: Site) -> None:
    token = await _token(site)
    assert (await site.anyone.get("/setup", params={"token": token})).status_code == 200
    made = await site.anyone.post("/setup", data=_owner(token))
    assert made.headers["Location"] == "/calls/batches"
    assert "This box is yours" in (await site.anyone.get("/calls/batches")).text
    assert "This box is yours" not in (await site.anyone.get("/calls/batches")).text
    assert (await site.anyone.get("/setup", params={"token": token})).status_code == 403


async def test_the_setup_page_is_closed_without_its_token(site: Site) -> None:
    await _token(site)
    refused = await site.anyone.get("/setup", params={"token": "guess"})
    assert refused.status_code == 403
    assert "set-up link is not valid" in refused.text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"again": "another one here"}, "The two passwords are not the same."),
        ({"password": "short", "again": "short"}, "must have at least 10 characters"),
        ({"name": " "}, "Your name is missing."),
    ],
)
async def test_what_is_wrong_with_the_first_owner_is_told_and_the_link_stays_open(
    site: Site, changes: dict[str, str], told: str
) -> None:
    token = await _token(site)
    answer = await site.anyone.post("/setup", data=_owner(token, **changes))
    assert told in answer.text
    assert f'value="{token}"' in answer.text
    assert (await site.anyone.get("/setup", params={"token": token})).status_code == 200


async def test_logging_out_ends_the_session(visitor: Visitor) -> None:
    answer = await visitor.send("/logout")
    assert answer.path == "/login"
    assert (await visitor.client.get("/trunks")).headers["Location"] == "/login?next=/trunks"


async def test_a_changed_password_ends_the_other_sessions(site: Site, visitor: Visitor) -> None:
    async with await site.logged_in() as elsewhere:
        answer = await visitor.send(
            "/account/password", old=PASSWORD, password="a new password", again="a new password"
        )
        assert "Your password is changed" in answer.words
        assert (await elsewhere.get("/account")).status_code == 302
    assert "Account and plan" in await visitor.read("/account")


async def test_a_password_is_not_changed_without_the_old_one(visitor: Visitor) -> None:
    answer = await visitor.send(
        "/account/password", old="guess", password="a new password", again="a new password"
    )
    assert "The name or the password is wrong." in answer.words


async def test_a_form_from_elsewhere_changes_nothing(site: Site, visitor: Visitor) -> None:
    forged: httpx.Response = await visitor.client.post("/trunks/trunk_gateway/disable")
    assert forged.status_code == 403
    trunk = (await site.api.get("/v1/trunks/trunk_gateway")).json()
    assert trunk["is_enabled"]


async def test_an_address_that_is_not_there_is_told_in_a_page(visitor: Visitor) -> None:
    assert "There is nothing here" in await visitor.read("/agents/agent_none", status=404)
    assert "There is nothing here" in await visitor.read("/nowhere", status=404)


async def test_an_htmx_request_after_the_session_ended_leads_to_the_login(site: Site) -> None:
    answer = await site.anyone.get("/calls/batches", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/login?next=/calls/batches"
