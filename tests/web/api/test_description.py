"""/docs: everything the API takes and gives, shown without any other server."""

import re
from typing import Any

import pytest

from movoice_box.web.api.batches import BATCH_EXAMPLE
from tests.web.sites import ON_SHARED_SITE, Site

pytestmark = ON_SHARED_SITE

PATHS = {
    "/v1/calls/batch": {"get", "post"},
    "/v1/calls/batch/csv": {"post"},
    "/v1/calls/batch/{batch_id}": {"get"},
    "/v1/calls/batch/{batch_id}/pause": {"post"},
    "/v1/calls/batch/{batch_id}/resume": {"post"},
    "/v1/calls/batch/{batch_id}/cancel": {"post"},
    "/v1/calls/batch/{batch_id}/recipients": {"get"},
    "/v1/calls/batch/{batch_id}/export.csv": {"get"},
    "/v1/calls": {"get", "post"},
    "/v1/calls/{call_id}": {"get"},
    "/v1/calls/{call_id}/end": {"post"},
    "/v1/calls/{call_id}/transfer": {"post"},
    "/v1/calls/{call_id}/recording.wav": {"get"},
    "/v1/agents": {"get", "post"},
    "/v1/agents/{agent_id}": {"get", "put", "patch", "delete"},
    "/v1/trunks": {"get", "post"},
    "/v1/trunks/{trunk_id}": {"get", "put", "patch", "delete"},
    "/v1/trunks/{trunk_id}/test": {"post"},
    "/v1/webhooks": {"get", "post"},
    "/v1/webhooks/{webhook_id}": {"get", "put", "patch", "delete"},
    "/v1/webhooks/deliveries": {"get"},
    "/v1/webhooks/deliveries/{delivery_id}/replay": {"post"},
    "/v1/dnd": {"get", "post"},
    "/v1/dnd/import": {"post"},
    "/v1/dnd/{phone}": {"get", "delete"},
    "/v1/events": {"get"},
    "/healthz": {"get"},
    "/readyz": {"get"},
}


async def test_every_operation_is_described(shared_site: Site) -> None:
    document = await _document(shared_site)
    assert {path: set(operations) for path, operations in document["paths"].items()} == PATHS
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["tags"]
            errors = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert errors == {"$ref": "#/components/schemas/ErrorOut"}


async def test_every_reference_leads_somewhere(shared_site: Site) -> None:
    text = (await shared_site.anyone.get("/docs/openapi.json")).text
    known = (await _document(shared_site))["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert references <= set(known)
    assert "movoice_box" not in text


async def test_the_batch_request_stands_there_as_an_example(shared_site: Site) -> None:
    body = (await _document(shared_site))["paths"]["/v1/calls/batch"]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["examples"] == [BATCH_EXAMPLE]


async def test_a_key_is_asked_for_everywhere_but_by_the_health_checks(shared_site: Site) -> None:
    document = await _document(shared_site)
    assert document["security"] == [{"ApiKey": []}]
    assert document["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    assert document["paths"]["/healthz"]["get"]["security"] == []


async def test_a_cancel_needs_no_body(shared_site: Site) -> None:
    paths = (await _document(shared_site))["paths"]
    cancel = paths["/v1/calls/batch/{batch_id}/cancel"]["post"]
    assert cancel["requestBody"]["required"] is False
    assert paths["/v1/calls/batch"]["post"]["requestBody"]["required"] is True


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
async def test_the_page_loads_everything_from_the_box(shared_site: Site, path: str) -> None:
    page = await shared_site.anyone.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text
    assert "<script>" not in page.text
    for address in re.findall(r'(?:src|href|data-url)="([^"]+)"', page.text):
        assert (await shared_site.anyone.get(address)).status_code == 200, address


async def _document(site: Site) -> dict[str, Any]:
    document: dict[str, Any] = (await site.anyone.get("/docs/openapi.json")).json()
    return document
