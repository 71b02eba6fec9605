"""What browsers load comes from the box, is accounted for, and is used."""

import hashlib
import re

import pytest

from movoice_box.web.pages.templating import STATIC, TEMPLATES
from tests.web.sites import Site

VENDOR = STATIC / "vendor"
LISTED = re.findall(
    r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$",
    (VENDOR / "README.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
OURS = [*TEMPLATES.rglob("*.html"), *STATIC.glob("*.css"), *STATIC.glob("*.js")]
OURS += (TEMPLATES.parent / "api").glob("*.py")


def test_every_vendored_file_is_listed() -> None:
    kept = {
        file.relative_to(VENDOR).as_posix()
        for file in VENDOR.rglob("*")
        if file.is_file() and not re.search(r"LICENSE|NOTICE|README", file.name)
    }
    assert {name for name, _ in LISTED} == kept


@pytest.mark.parametrize(("name", "digest"), LISTED)
def test_a_vendored_file_is_unchanged_licensed_and_used(name: str, digest: str) -> None:
    file = VENDOR / name
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    assert (file.parent / "LICENSE").is_file()
    assert any(name in ours.read_text(encoding="utf-8") for ours in OURS)


def test_every_icon_of_the_set_is_used() -> None:
    icons = (VENDOR / "tabler-icons" / "icons.svg").read_text(encoding="utf-8")
    templates = "".join(file.read_text(encoding="utf-8") for file in TEMPLATES.rglob("*.html"))
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', icons))
    assert {name for name in drawn if f'"{name}"' not in templates} == set()


@pytest.mark.parametrize("pattern", [r"https?://(?!www\.w3\.org|192\.168\.)", r"//cdn"])
def test_our_pages_point_nowhere_but_at_the_box(pattern: str) -> None:
    pointing = [file.name for file in OURS if re.search(pattern, file.read_text(encoding="utf-8"))]
    assert pointing == []


async def test_a_file_may_be_kept_by_its_version(site: Site) -> None:
    page = (await site.anyone.get("/login")).text
    (address,) = re.findall(r'href="(/static/movoice\.css\?v=\w+)"', page)
    kept = await site.anyone.get(address)
    assert "immutable" in kept.headers["Cache-Control"]
    assert kept.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/static/../auth.py", "/static/%2e%2e/auth.py", "/static/none"])
async def test_nothing_beside_the_static_files_is_served(site: Site, path: str) -> None:
    assert (await site.anyone.get(path)).status_code == 404
