"""A person at the pages, without a browser: what they read, and the forms that they send."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.web.sites import Site


class Visitor:
    """Sends forms as the pages do: with the token of the page that they stand on."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = ""

    async def read(self, path: str, status: int = 200) -> str:
        """The words of a page, without its tags."""
        return _words(await self.source(path, status))

    async def source(self, path: str, status: int = 200) -> str:
        response = await self.client.get(path, follow_redirects=True)
        assert response.status_code == status, response.text
        self._note_token(response.text)
        return response.text

    async def send(self, path: str, /, **fields: str | list[str]) -> "Answer":
        """Post a form, and follow where it leads."""
        return await self._post(path, fields, None)

    async def upload(
        self, path: str, name: str, data: bytes, /, **fields: str | list[str]
    ) -> "Answer":
        """Post a form with a file in its field `file`."""
        return await self._post(path, fields, {"file": (name, data)})

    async def _post(
        self,
        path: str,
        fields: dict[str, str | list[str]],
        files: dict[str, tuple[str, bytes]] | None,
    ) -> "Answer":
        if not self.token:
            await self.source("/account")
        response = await self.client.post(
            path, data={"_csrf": self.token, **fields}, files=files, follow_redirects=True
        )
        self._note_token(response.text)
        return Answer(response)

    def _note_token(self, text: str) -> None:
        if found := re.search(r'name="_csrf" value="(\w+)"', text):
            self.token = found[1]


class Answer:
    """Where a form led: the path, the words of the page there, and its source."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.path = response.url.path
        self.source = response.text
        self.words = _words(response.text)


@asynccontextmanager
async def a_visitor(site: Site) -> AsyncIterator[Visitor]:
    """Someone who is logged in as asha."""
    async with await site.logged_in() as client:
        yield Visitor(client)


def _words(source: str) -> str:
    without_tags = re.sub(r"<[^>]*>", " ", source)
    return " ".join(html.unescape(without_tags).split())
