"""Requests that nobody would send on purpose: an answer of the right shape, and never a 500."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import AGENT_ID
from tests.web.sites import ON_SHARED_SITE, Site, a_recipient, error_of

pytestmark = ON_SHARED_SITE

texts = st.text(st.characters(codec="utf-8"), max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
recipients = st.fixed_dictionaries(
    {"phone": texts | anything},
    optional={"variables": st.dictionaries(texts, scalars, max_size=4) | anything},
)
batches = st.fixed_dictionaries(
    {
        "agent_id": st.just(AGENT_ID) | anything,
        "recipients": st.lists(recipients, max_size=4) | anything,
    },
    optional=dict.fromkeys(
        ("concurrency", "schedule_at", "name", "trunk_id", "default_country", "extra"), anything
    ),
)
trunks = st.fixed_dictionaries(
    {"name": texts, "host": texts | st.just("127.0.0.1")},
    optional=dict.fromkeys(
        ("port", "username", "password", "register", "channels", "caller_id", "driver"), anything
    ),
)
often = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@often
@given(body=batches | anything)
async def test_any_batch_is_taken_or_refused(shared_site: Site, body: Any) -> None:
    response = await _post(shared_site, "/v1/calls/batch", body)
    assert response.is_success or error_of(response)
    assert response.status_code in (202, 404, 422)


@often
@given(body=anything)
async def test_any_call_is_taken_or_refused(shared_site: Site, body: Any) -> None:
    response = await _post(shared_site, "/v1/calls", body)
    assert response.status_code == 422


@often
@given(body=trunks)
async def test_any_trunk_is_taken_or_refused(shared_site: Site, body: Any) -> None:
    response = await _post(shared_site, "/v1/trunks", body)
    assert response.is_success or error_of(response)
    assert response.status_code in (201, 409, 422)


@often
@given(body=anything)
async def test_any_change_of_an_agent_is_taken_or_refused(shared_site: Site, body: Any) -> None:
    response = await shared_site.api.patch(f"/v1/agents/{AGENT_ID}", content=json.dumps(body))
    assert response.is_success or error_of(response)
    assert response.status_code in (200, 422)


@often
@given(content=st.binary(max_size=200), mapping=st.none() | texts)
async def test_any_file_is_taken_or_refused(
    shared_site: Site, content: bytes, mapping: str | None
) -> None:
    response = await shared_site.api.post(
        "/v1/calls/batch/csv",
        files={"file": ("list.csv", content)},
        data={"agent_id": AGENT_ID, "mapping": mapping or ""},
    )
    assert response.is_success or error_of(response)
    assert response.status_code in (202, 422)


@often
@given(value=texts)
@pytest.mark.parametrize(
    "path", ["/v1/calls/batch", "/v1/calls", "/v1/agents", "/v1/dnd", "/v1/webhooks/deliveries"]
)
async def test_any_cursor_is_a_page_or_refused(shared_site: Site, path: str, value: str) -> None:
    response = await shared_site.api.get(path, params={"cursor": value})
    assert response.is_success or error_of(response)
    assert response.status_code in (200, 422)


@often
@given(key=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=50))
async def test_any_idempotency_key_is_taken(shared_site: Site, key: str) -> None:
    headers = {"Idempotency-Key": key.strip() or "-"}
    body = {"agent_id": AGENT_ID, "recipients": [a_recipient()]}
    response = await shared_site.api.post("/v1/calls/batch", json=body, headers=headers)
    assert response.status_code == 202


async def _post(site: Site, path: str, body: Any) -> httpx.Response:
    return await site.api.post(path, content=json.dumps(body).encode())
