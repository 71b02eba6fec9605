"""One shape for every error, whatever went wrong."""

import asyncio
import json
import logging
import sqlite3
from typing import Any

import httpx
import pytest

from movoice_box.errors import ProtocolError, SpeechError, TrunkError
from movoice_box.ids import TrunkId
from tests.web.sites import ON_SHARED_SITE, QuietTrunk, Site, error_of

BATCHES = "/v1/calls/batch"


@ON_SHARED_SITE
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"\xff", 400, "malformed"),
        (b'{"agent_id": "\\ud800"}', 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b'{"recipients":' + b"[" * 100_000, 400, "malformed"),
        (b"", 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b'"text"', 422, "invalid"),
        (b"NaN", 400, "malformed"),
        (b'{"agent_id": 1e999}', 400, "malformed"),
    ],
)
@pytest.mark.parametrize("path", [BATCHES, "/v1/calls", "/v1/agents", "/v1/trunks"])
async def test_a_body_that_is_no_request_is_refused(
    shared_site: Site, path: str, content: bytes, status: int, code: str
) -> None:
    response = await shared_site.api.post(path, content=content)
    assert (response.status_code, error_of(response)["code"]) == (status, code)
    assert error_of(response)["message"].startswith("the body")


@ON_SHARED_SITE
@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/calls/a/b/c", "/v1/calls/%00/end"])
async def test_an_address_with_nothing_at_it_is_not_found(shared_site: Site, path: str) -> None:
    response = await shared_site.api.get(path)
    assert response.status_code in (404, 405)
    assert error_of(response)["code"] in ("not_found", "method_not_allowed")


@ON_SHARED_SITE
async def test_a_wrong_method_is_told_the_right_ones(shared_site: Site) -> None:
    response = await shared_site.api.delete(BATCHES)
    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(response.headers["allow"].split(", "))


@ON_SHARED_SITE
async def test_a_body_that_is_too_large_is_told_the_limit(shared_site: Site) -> None:
    response = await shared_site.api.post(BATCHES, content=b" " * (17 * 2**20))
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")
    assert "at most 16 MB" in error_of(response)["message"]


@ON_SHARED_SITE
async def test_a_body_that_hides_its_size_is_cut_off_too(shared_site: Site) -> None:
    async def chunks() -> Any:
        for _ in range(17):
            yield b" " * 2**20

    response = await shared_site.api.post(BATCHES, content=chunks())
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")


@ON_SHARED_SITE
@pytest.mark.parametrize(
    "body",
    [
        b'--x\r\nContent-Disposition: form-data; name="agent_id"\r\n\r\n\xff\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="agent_id"\r\n'
        b"Content-Type: text/plain; charset=klingon\r\n\r\na\r\n--x--\r\n",
        b"--x\r\n\r\n\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
        b"",
    ],
)
async def test_a_broken_form_is_refused(shared_site: Site, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = await shared_site.api.post(f"{BATCHES}/csv", content=body, headers=headers)
    assert response.status_code in (400, 422)
    assert error_of(response)["code"] in ("malformed", "invalid")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TrunkError("no answer from the gateway"), 503, "trunk"),
        (sqlite3.OperationalError("database or disk is full"), 503, "storage"),
        (SpeechError("espeak-ng is gone"), 500, "speech"),
        (ProtocolError("not SIP"), 500, "protocol"),
        (ValueError("secret detail"), 500, "internal"),
        (KeyError("secret detail"), 500, "internal"),
        (LookupError("secret detail"), 500, "internal"),
    ],
)
async def test_what_goes_wrong_inside_is_told_without_its_insides(
    site: Site, error: Exception, status: int, code: str
) -> None:
    response = await _test_of_failing_trunk(site, error)
    assert (response.status_code, error_of(response)["code"]) == (status, code)
    assert "secret detail" not in response.text
    assert "Traceback" not in response.text


async def test_what_was_not_foreseen_is_logged_whole(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await _test_of_failing_trunk(site, ValueError("secret detail"))
    assert "secret detail" in caplog.text


async def test_a_client_that_leaves_while_sending_is_no_fault_of_the_box(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = site.api.base_url.host, site.api.base_url.port
    with caplog.at_level(logging.ERROR):
        _, writer = await asyncio.open_connection(host, port)
        head = f"POST {BATCHES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.key}\r\n"
        writer.write(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        await writer.drain()
        await site.api.get("/healthz")
        writer.close()
        await writer.wait_closed()
        await site.post_batch("+919876543210")
    assert caplog.records == []
    assert json.loads((await site.api.get("/healthz")).text) == {"status": "ok"}


async def _test_of_failing_trunk(site: Site, error: Exception) -> httpx.Response:
    trunk = site.services.trunks.get(TrunkId("trunk_gateway"))
    assert isinstance(trunk, QuietTrunk)
    trunk.failure = error
    return await site.api.post("/v1/trunks/trunk_gateway/test")
