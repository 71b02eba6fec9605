import re

import httpx

from tests.web.sites import Site
from tests.web.visitor import Visitor


async def test_a_key_is_shown_once_works_and_is_revoked(site: Site, visitor: Visitor) -> None:
    made = await visitor.send("/api-keys", name="CRM")
    key = re.search(r'<code id="key">(mvb_[\w-]+)</code>', made.source)
    assert key
    bearer = {"Authorization": f"Bearer {key[1]}"}
    assert (await site.anyone.get("/v1/agents", headers=bearer)).status_code == 200
    source = await visitor.source("/api-keys")
    assert key[1] not in source
    revoke = re.search(r'action="(/api-keys/\d+/revoke)"(?=(?:(?!</dialog>).)*CRM)', source, re.S)
    assert revoke
    await visitor.send(revoke[1])
    refused: httpx.Response = await site.anyone.get("/v1/agents", headers=bearer)
    assert refused.status_code == 401


async def test_a_key_needs_a_name(visitor: Visitor) -> None:
    assert "The name is missing." in (await visitor.send("/api-keys", name=" ")).words
