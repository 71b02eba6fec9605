import pytest
import yaml

from movoice_box.errors import InputError
from movoice_box.web.pages.agent_text import from_text, to_text
from tests.builders import AGENT_ID, an_agent
from tests.web.sites import Site
from tests.web.visitor import Visitor


async def test_an_agent_is_shown_as_what_is_said_and_what_each_key_means(
    visitor: Visitor,
) -> None:
    words = await visitor.read(f"/agents/{AGENT_ID}")
    assert "Hello name , you owe amount_due ." in words
    assert "Press 1 to confirm, 2 to refuse." in words
    assert "Booked Then the call ends." in words


async def test_a_copy_is_an_agent_of_its_own(site: Site, visitor: Visitor) -> None:
    source = await visitor.source(f"/agents/new?copy={AGENT_ID}")
    assert "name: Payment reminder (copy)" in source
    text = to_text(an_agent(), name="Second")
    saved = await visitor.send("/agents/new", text=text)
    assert "Second is saved." in saved.words
    names = [one["name"] for one in (await site.api.get("/v1/agents")).json()["items"]]
    assert sorted(names) == ["Payment reminder", "Second"]


async def test_the_agent_that_is_offered_first_can_be_saved_as_it_is(visitor: Visitor) -> None:
    source = await visitor.source("/agents/new")
    assert "{{name}}" in source
    text = source.partition('autocomplete="off">')[2].partition("</textarea>")[0]
    saved = await visitor.send("/agents/new", text=text.replace("&#34;", '"').lstrip())
    assert "My first agent is saved." in saved.words


async def test_an_edit_replaces_the_agent(site: Site, visitor: Visitor) -> None:
    text = to_text(an_agent(greeting="Namaste {{name}}."))
    saved = await visitor.send(f"/agents/{AGENT_ID}/edit", text=text)
    assert saved.path == f"/agents/{AGENT_ID}"
    assert (await site.api.get(f"/v1/agents/{AGENT_ID}")).json()["greeting"] == "Namaste {{name}}."


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("outcome: BOOKED", "outcome: SOLD", "questions[0].answers[0].outcome 'SOLD'"),
        ("greeting:", "greting:", "greeting is missing"),
        ("outcomes:", "outcomes: [", "line"),
    ],
)
async def test_what_is_wrong_is_told_by_its_field_and_the_text_stays(
    visitor: Visitor, before: str, after: str, told: str
) -> None:
    text = to_text(an_agent()).replace(before, after, 1)
    answer = await visitor.send(f"/agents/{AGENT_ID}/edit", text=text)
    assert "Not saved" in answer.words
    assert told in answer.words
    assert after in answer.source


async def test_a_deleted_agent_is_gone(visitor: Visitor) -> None:
    deleted = await visitor.send(f"/agents/{AGENT_ID}/delete")
    assert "Payment reminder is deleted." in deleted.words
    assert "No agent yet" in deleted.words


def test_text_gives_the_agent_that_it_was_made_from() -> None:
    agent = an_agent(opt_out=False, record=True, description="Zahlt ₹2500: ja?")
    assert from_text(to_text(agent)) == agent


def test_json_is_yaml_too() -> None:
    agent = an_agent()
    text = yaml.safe_dump(agent.to_document(), default_flow_style=True)
    assert from_text(text) == agent


@pytest.mark.parametrize(
    "text", ["", "[", "a: b: c", "- 1", "date: 2026-99-99", "\x00", "{" * 2000]
)
def test_what_is_no_agent_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(InputError):
        from_text(text)
