"""A person at the pages, without a browser: what they read, and the forms that they send."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser

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

    async def upload_as(
        self, field: str, path: str, name: str, data: bytes, /, **fields: str | list[str]
    ) -> "Answer":
        """Post a form with a file in another field."""
        return await self._post(path, fields, {field: (name, data)})

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


class Filled(HTMLParser):
    """What a browser would send of the form with `action`, as the page has filled it in."""

    def __init__(self, source: str, action: str) -> None:
        super().__init__()
        self.fields: dict[str, str | list[str]] = {}
        self._action = action
        self._is_inside = False
        self._templates = 0
        self._open: str | None = None  # the select or textarea that is being read
        self._values: dict[str, list[str]] = {}
        self.feed(source)
        self.fields = {name: values for name, values in self._values.items() if name != "_csrf"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = given.get("action") == self._action
        elif tag == "template":
            self._templates += 1
        if not self._is_inside or self._templates:
            return
        name = given.get("name", "")
        if tag == "input" and given.get("type") != "file":
            if given.get("type") != "checkbox" or "checked" in given:
                self._values.setdefault(name, []).append(given.get("value", ""))
        elif tag in ("select", "textarea"):
            self._open = name
            self._values.setdefault(name, []).append("")
        elif tag == "option" and "selected" in given and self._open:
            self._values[self._open][-1] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "template":
            self._templates -= 1
        elif tag in ("select", "textarea"):
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open == "tls_ca":
            self._values["tls_ca"][-1] += data.removeprefix("\n")


@asynccontextmanager
async def a_visitor(site: Site) -> AsyncIterator[Visitor]:
    """Someone who is logged in as asha."""
    async with await site.logged_in() as client:
        yield Visitor(client)


def _words(source: str) -> str:
    without_tags = re.sub(r"<[^>]*>", " ", source)
    return " ".join(html.unescape(without_tags).split())
