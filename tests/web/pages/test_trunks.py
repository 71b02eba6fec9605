import pytest

from movoice_box.store import trunks
from tests.web.sites import Site
from tests.web.visitor import Answer, Visitor

TRUNK = {
    "name": "Carrier",
    "host": "sip.example.net",
    "port": "5060",
    "username": "box",
    "password": "s3cret",
    "channels": "10",
    "ring_timeout_s": "30",
    "caller_id": "+912240001234",
    "number_format": "national",
    "driver": "native",
    "register": "yes",
}


async def _id_of(site: Site, name: str) -> str:
    items = (await site.api.get("/v1/trunks")).json()["items"]
    return str(next(one["trunk_id"] for one in items if one["name"] == name))


async def _add(site: Site, visitor: Visitor) -> str:
    added: Answer = await visitor.send("/trunks/new", **TRUNK)
    assert "Carrier is saved." in added.words
    return await _id_of(site, "Carrier")


async def _password(site: Site, trunk_id: str) -> str | None:
    async with site.office.database.reading() as db:
        return (await trunks.get(db, site.office.seal, trunk_id)).password


async def test_a_trunk_is_added_with_all_its_fields(site: Site, visitor: Visitor) -> None:
    trunk_id = await _add(site, visitor)
    trunk = (await site.api.get(f"/v1/trunks/{trunk_id}")).json()
    assert trunk["register"]
    assert (trunk["channels"], trunk["ring_timeout_s"]) == (10, 30)
    assert (trunk["number_format"], trunk["caller_id"]) == ("national", "+912240001234")
    source = await visitor.source(f"/trunks/{trunk_id}")
    assert 'value="sip.example.net"' in source
    assert "s3cret" not in source


async def test_a_password_that_is_left_empty_stays(site: Site, visitor: Visitor) -> None:
    trunk_id = await _add(site, visitor)
    await visitor.send(f"/trunks/{trunk_id}", **{**TRUNK, "password": "", "channels": "12"})
    assert await _password(site, trunk_id) == "s3cret"
    await visitor.send(f"/trunks/{trunk_id}", **{**TRUNK, "password": "n3w"})
    assert await _password(site, trunk_id) == "n3w"
    forgotten = {**TRUNK, "password": "", "forget_password": "yes"}
    await visitor.send(f"/trunks/{trunk_id}", **forgotten)
    assert await _password(site, trunk_id) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "gateway"}, "Another trunk is named 'gateway'"),
        ({"name": ""}, "The name is missing."),
        ({"host": "not a host"}, "Host ('not a host') must be an address"),
        ({"port": "70000"}, "The port must be a whole number from 1 to 65535."),
        ({"channels": "0"}, "Channels must be a whole number from 1 to 1000."),
        ({"username": ""}, "Username is missing: register needs one."),
        ({"driver": "magic"}, "The driver must be one of native, pyvoip."),
    ],
)
async def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(
    visitor: Visitor, changes: dict[str, str], told: str
) -> None:
    answer = await visitor.send("/trunks/new", **{**TRUNK, **changes})
    assert told in answer.words
    assert 'value="30"' in answer.source
    assert 'name="register" value="yes" checked' in answer.source


async def test_a_test_shows_how_the_trunk_is(visitor: Visitor) -> None:
    assert "Not known yet" in await visitor.read("/trunks")
    tested = await visitor.send("/trunks/trunk_gateway/test")
    assert tested.words == "Up answered 200, 2 ms"


async def test_a_trunk_is_disabled_and_enabled(visitor: Visitor) -> None:
    assert "gateway is disabled." in (await visitor.send("/trunks/trunk_gateway/disable")).words
    assert "Disabled" in await visitor.read("/trunks")
    assert "Disabled" in (await visitor.send("/trunks/trunk_gateway/test")).words
    assert "gateway is enabled." in (await visitor.send("/trunks/trunk_gateway/enable")).words


async def test_a_trunk_that_a_batch_needs_is_not_deleted(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(name="Spring")
    refused = await visitor.send("/trunks/trunk_gateway/delete")
    assert "Batch 'Spring' still needs this trunk" in refused.words
    await site.office.control.cancel(batch_id, end_talking=True)
    deleted = await visitor.send("/trunks/trunk_gateway/delete")
    assert "gateway is deleted." in deleted.words
    assert "No trunk yet" in deleted.words
    assert "a trunk that was deleted" in await visitor.read(f"/calls/batches/{batch_id}")
