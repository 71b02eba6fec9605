import pytest

from movoice_box.domain.attempt import Attempt
from movoice_box.domain.call import Disposition
from movoice_box.domain.routing import Wish
from movoice_box.store import trunks
from tests.builders import AGENT_ID, a_result
from tests.web.sites import Site
from tests.web.visitor import Answer, Filled, Visitor

Fields = dict[str, str | list[str]]

DEFAULTS: Fields = {
    "transport": "udp",
    "outbound_proxy": "",
    "tls_ca": "",
    "driver": "native",
    "number_format": "e164",
    "number_pattern": "",
    "number_replacement": "",
    "number_prefix": "",
    "caller_id_header": "none",
    "call_id_header": "",
    "priority": "1",
    "weight": "1",
    "calls_per_second": "",
    "ring_timeout_s": "45",
    "inbound_agent_id": "",
    "codec": ["PCMU", "PCMA", "", ""],
    "ptime_ms": "20",
    "dtmf": "auto",
}
TRUNK: Fields = {
    **DEFAULTS,
    "name": "Carrier",
    "host": "sip.example.net",
    "port": "5060",
    "username": "box",
    "password": "s3cret",
    "channels": "10",
    "ring_timeout_s": "30",
    "caller_id": "+912240001234",
    "number_format": "national",
    "register": "yes",
}
RICH: Fields = {
    **TRUNK,
    "port": "",
    "transport": "tls",
    "outbound_proxy": "proxy.example.net:5061",
    "srtp": "yes",
    "follows_redirects": "yes",
    "number_pattern": r"0(\d+)",
    "number_replacement": r"00\1",
    "number_prefix": "9",
    "allows_extensions": "yes",
    "caller_id_header": "remote_party_id",
    "is_private": "yes",
    "call_id_header": "X-Call-Id",
    "priority": "2",
    "weight": "3",
    "calls_per_second": "0,5",
    "inbound_agent_id": AGENT_ID,
    "codec": ["G722", "PCMA", "", ""],
    "ptime_ms": "40",
    "dtmf": "info",
    "port-name": ["sim1", "sim2", ""],
    "port-prefix": ["1#", "2#", ""],
    "port-calls_per_day": ["80", "", "0"],
    "port-minutes_per_day": ["90", "", "0"],
    "port-gap_s": ["15", "", "0"],
    "port-rest_after_calls": ["6", "", "10"],
    "port-rest_minutes": ["45", "", "30"],
    "rule-sip_status": ["503", "", ""],
    "rule-q850_cause": ["20", "", ""],
    "rule-sound": ["speech", "busy", ""],
    "rule-disposition": ["unreachable", "rejected", "busy"],
}
CA = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


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


async def test_every_field_of_the_form_is_kept_and_shown_again(
    site: Site, visitor: Visitor
) -> None:
    fields = {**RICH, "name": "Rich"}
    added = await visitor.upload_as("tls_ca_file", "/trunks/new", "ca.pem", CA, **fields)
    assert "Rich is saved." in added.words
    trunk_id = await _id_of(site, "Rich")
    told = (await site.api.get(f"/v1/trunks/{trunk_id}")).json()
    assert told["tls_ca"] == CA.decode()
    assert (told["port"], told["transport"], told["srtp"]) == (None, "tls", True)
    assert (told["number_pattern"], told["number_replacement"]) == (r"0(\d+)", r"00\1")
    assert (told["calls_per_second"], told["codecs"]) == (0.5, ["G722", "PCMA"])
    assert [(port["name"], port["gap_s"]) for port in told["ports"]] == [("sim1", 15), ("sim2", 0)]
    assert [rule["disposition"] for rule in told["dispositions"]] == ["unreachable", "rejected"]
    form = Filled((await visitor.source(f"/trunks/{trunk_id}")), f"/trunks/{trunk_id}")
    await visitor.send(f"/trunks/{trunk_id}", **form.fields)
    assert (await site.api.get(f"/v1/trunks/{trunk_id}")).json() == told
    assert await _password(site, trunk_id) == "s3cret"


async def test_who_adds_sims_reads_that_promotional_calls_from_them_are_barred(
    visitor: Visitor,
) -> None:
    words = await visitor.read("/trunks/new")
    assert "Promotional calls from ordinary SIMs are barred in India" in words
    assert "140 and 160 number series of registered senders" in words


async def test_a_section_that_is_wrong_is_opened_and_its_rows_are_kept(visitor: Visitor) -> None:
    wrong: Fields = {**RICH, "port-prefix": ["1#", "1#", ""], "port-gap_s": ["15", "7", "0"]}
    answer = await visitor.send("/trunks/new", **wrong)
    assert "Ports: each needs a prefix of its own" in answer.words
    assert '<details class="fold" id="more-gsm" open>' in answer.source
    assert answer.source.count('<details class="fold"') == 8
    assert answer.source.count("open>") == 1
    assert 'name="port-gap_s" value="7"' in answer.source


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"try_number": "98765 43210"}, "is dialed as 900919876543210"),
        ({"try_number": "204"}, "'204' is not a phone number"),
        ({"try_number": "204", "allows_extensions": "yes"}, "is dialed as 204"),
        ({"try_number": "98765 43210", "number_pattern": "("}, "is no regular expression"),
        ({"try_number": "98765 43210", "number_replacement": r"\2"}, "does not fit the pattern"),
        ({"try_number": "98765 43210", "number_prefix": "9 "}, "is dialed as 900919876543210"),
        ({"try_number": ""}, "Type a number"),
    ],
)
async def test_what_the_rules_make_of_a_number_is_seen_while_they_are_typed(
    visitor: Visitor, typed: dict[str, str], told: str
) -> None:
    rules: Fields = {
        "number_format": "digits",
        "number_pattern": r"91(\d{10})",
        "number_replacement": r"0091\1",
        "number_prefix": "9",
    }
    answer = await visitor.send("/trunks/written", **{**rules, **typed})
    assert (answer.status, told in answer.words) == (200, True), answer.words


async def test_its_page_tells_how_it_is_now(site: Site, visitor: Visitor) -> None:
    body = {"ports": [{"name": "sim1", "calls_per_day": 1}]}
    await site.api.patch("/v1/trunks/trunk_gateway", json=body)
    batch_id = await site.a_batch("+919876543210")
    failed = a_result("FAILED", disposition=Disposition.FAILED, sip_status=503, sip_reason="Full")
    await site.call_next(batch_id, failed)
    channels = site.services.channels
    await channels.follow()
    lease = channels.try_take(Wish())
    assert lease
    assert "Calls up 1 of 1" in await visitor.read("/trunks/trunk_gateway/now")
    lease.release(Attempt(disposition=Disposition.ANSWERED, sip_status=200, talk_s=61.0))
    now = await visitor.read("/trunks/trunk_gateway")
    assert "Its ports have had their day" in now
    assert "sim1 its 1 calls of the day are up, until midnight Used up 1 2 100 % 1 min 1 s" in now
    assert "+919876543210 503 Full" in now
    listed = await visitor.read("/trunks")
    assert "Ports used up" in listed
    assert "3 messages from addresses of no trunk were dropped" in listed


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
        ({"username": ""}, "The user name is missing: register needs one."),
        ({"driver": "magic"}, "The driver must be one of native, pyvoip."),
        ({"srtp": "yes"}, "SRTP needs the transport tls"),
        ({"tls_ca": "x"}, "The certificate authority must be a certificate in PEM."),
        ({"number_pattern": "("}, "is no regular expression"),
        ({"calls_per_second": "many"}, "Calls per second must be a number such as 0.5."),
        ({"codec": ["PCMU", "PCMU", "", ""]}, "Codecs must name at least one, each once."),
        ({"codec": ["", "", "", ""]}, "Codecs must name at least one, each once."),
        ({"codec": ["GSM"]}, "Codecs must be among PCMU, PCMA, G722, opus."),
        ({"inbound_agent_id": "agent_gone"}, "There is no agent 'agent_gone'."),
    ],
)
async def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(
    visitor: Visitor, changes: Fields, told: str
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
    batch_id = await site.office.a_batch(name="Spring", trunk_id="trunk_gateway")
    refused = await visitor.send("/trunks/trunk_gateway/delete")
    assert "Batch 'Spring' still needs this trunk" in refused.words
    await site.office.control.cancel(batch_id, end_talking=True)
    deleted = await visitor.send("/trunks/trunk_gateway/delete")
    assert "gateway is deleted." in deleted.words
    assert "No trunk yet" in deleted.words
    assert "a trunk that was deleted" in await visitor.read(f"/calls/batches/{batch_id}")
