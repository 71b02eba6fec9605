"""/v1/agents: CRUD of what is said and asked."""

from typing import Any

import pytest

from movoice_box.web.api.agents import AGENT_EXAMPLE
from tests.builders import AGENT_ID
from tests.web.sites import ON_SHARED_SITE, Site, a_recipient, error_of


async def test_an_agent_lives_from_post_to_delete(site: Site) -> None:
    made = await site.api.post("/v1/agents", json=AGENT_EXAMPLE)
    assert made.status_code == 201
    agent = made.json()
    assert (agent["agent_id"], agent["variables"]) == ("agent_12345", ["name", "amount_due"])
    assert agent["opt_out"]["key"] == "9"
    assert (await site.api.get("/v1/agents/agent_12345")).json() == agent

    changed = await site.api.patch("/v1/agents/agent_12345", json={"record": True})
    assert changed.json() == {**agent, "record": True}
    replaced = await site.api.put("/v1/agents/agent_12345", json=AGENT_EXAMPLE)
    assert replaced.json() == agent

    assert (await site.api.delete("/v1/agents/agent_12345")).status_code == 204
    assert (await site.api.get("/v1/agents/agent_12345")).status_code == 404
    assert (await site.api.delete("/v1/agents/agent_12345")).status_code == 404


async def test_an_agent_without_an_id_gets_one(site: Site) -> None:
    made = await site.api.post("/v1/agents", json={**AGENT_EXAMPLE, "agent_id": None})
    assert made.json()["agent_id"].startswith("agent_01")


async def test_what_was_read_can_be_sent_back(site: Site) -> None:
    read = (await site.api.get(f"/v1/agents/{AGENT_ID}")).json()
    assert (await site.api.put(f"/v1/agents/{AGENT_ID}", json=read)).json() == read


async def test_put_adds_an_agent_under_an_id_of_the_owner_s(site: Site) -> None:
    assert (await site.api.put("/v1/agents/agent_mine", json=AGENT_EXAMPLE)).status_code == 200
    assert (await site.api.get("/v1/agents/agent_mine")).json()["name"] == "Payment reminder"


async def test_opt_out_can_be_turned_off(site: Site) -> None:
    changed = await site.api.patch(f"/v1/agents/{AGENT_ID}", json={"opt_out": False})
    assert changed.json()["opt_out"] is False
    assert (await site.api.get("/v1/agents")).json()["items"][0]["opt_out"] is False


async def test_an_id_can_be_taken_once(site: Site) -> None:
    response = await site.api.post("/v1/agents", json={**AGENT_EXAMPLE, "agent_id": AGENT_ID})
    assert response.status_code == 409
    assert error_of(response)["code"] == "agent_id_taken"


async def test_agents_are_listed_page_by_page(site: Site) -> None:
    for name in ("agent_b", "agent_c"):
        await site.api.put(f"/v1/agents/{name}", json=AGENT_EXAMPLE)
    first = (await site.api.get("/v1/agents?limit=2")).json()
    rest = (await site.api.get(f"/v1/agents?limit=2&cursor={first['next_cursor']}")).json()
    ids = [one["agent_id"] for one in first["items"] + rest["items"]]
    assert (ids, rest["next_cursor"]) == (["agent_b", "agent_c", AGENT_ID], None)


async def test_a_launched_batch_keeps_the_agent_that_is_deleted(site: Site) -> None:
    batch_id = await site.a_batch()
    await site.api.delete(f"/v1/agents/{AGENT_ID}")
    assert (await site.api.get(f"/v1/calls/batch/{batch_id}")).json()["agent_id"] == AGENT_ID
    refused = await site.api.post(
        "/v1/calls/batch", json={"agent_id": AGENT_ID, "recipients": [a_recipient()]}
    )
    assert (refused.status_code, error_of(refused)["field"]) == (404, "agent_id")


@ON_SHARED_SITE
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"greeting": ""}, "greeting"),
        ({"name": {}}, "name"),
        ({"colour": "red"}, "colour"),
        ({"questions": [{"id": "a", "ask": "b"}]}, "questions[0].answers"),
        ({"max_duration_s": 5}, "max_duration_s"),
        ({"agent_id": "no spaces"}, "agent_id"),
        ({"agent_id": 5}, "agent_id"),
        ({"agent_id": {"a": 1}}, "agent_id"),
    ],
)
async def test_a_wrong_agent_names_the_field(
    shared_site: Site, change: dict[str, Any], field: str
) -> None:
    response = await shared_site.api.post("/v1/agents", json={**AGENT_EXAMPLE, **change})
    assert response.status_code == 422
    assert error_of(response)["field"] == field


@ON_SHARED_SITE
@pytest.mark.parametrize("agent_id", ["a b", "x" * 65, "a%2Fb", "%00"])
async def test_an_id_that_cannot_stand_in_a_url_is_refused(
    shared_site: Site, agent_id: str
) -> None:
    response = await shared_site.api.put(f"/v1/agents/{agent_id}", json=AGENT_EXAMPLE)
    assert response.status_code in (404, 422)
