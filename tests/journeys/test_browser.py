"""A person at the pages, in headless Chromium, from the set-up link to a completed batch."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.journeys.box import REPOSITORY, BoxProcess, a_box, a_simulator, run_command
from tests.journeys.browser import PASSWORD, WIDTHS, Browser, a_browser, log_in
from tests.web.samples import furnish
from tests.web.sites import a_site

pytestmark = pytest.mark.peer

PEOPLE = """phone,name,amount_due,due_date
+919876543210,Rahul Sharma,₹2500,April 25
+919876543211,Priya Patel,₹1800,April 26
+919876543212,Amit Kumar,₹3200,April 27
"""
ARTEFACTS = Path(os.environ.get("MOVOICE_ARTEFACTS", REPOSITORY / "artefacts"))
AGENT_ID = "agent_payment_collection"

# What a person who can't see the page, or can't use a mouse, would miss.
_AUDIT = """
const issues = [];
const name = (one) => one.outerHTML.slice(0, 90);
for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
  if (!one.hidden && !one.labels.length && !one.ariaLabel && !one.getAttribute("aria-labelledby"))
    issues.push("no label: " + name(one));
}
for (const one of document.querySelectorAll("button, a[href]")) {
  if (!one.textContent.trim() && !one.ariaLabel && !one.querySelector("img[alt]:not([alt=''])"))
    issues.push("no name: " + name(one));
}
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
for (const id of ids.filter((id, place) => ids.indexOf(id) !== place)) issues.push("twice: #" + id);
for (const one of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
  for (const attribute of ["aria-describedby", "aria-labelledby"])
    for (const id of (one.getAttribute(attribute) || "").split(" ").filter(Boolean))
      if (!document.getElementById(id)) issues.push(attribute + " of nothing: " + name(one));
}
if (document.querySelectorAll("h1").length !== 1) issues.push("not one h1");
for (const one of document.querySelectorAll("[style], script:not([src]), style"))
  issues.push("inline: " + name(one));
return issues;
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    folder = tmp_path / "chromium"
    folder.mkdir()
    return folder


async def test_from_the_setup_link_to_a_completed_batch(tmp_path: Path, profile: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(PEOPLE, encoding="utf-8")
    data_dir = tmp_path / "box"
    data_dir.mkdir()
    async with a_simulator("payment-demo", tmp_path / "ledger") as port, a_box(data_dir) as box:
        link = await run_command("setup-link", data_dir=data_dir)
        token = link.strip().rpartition("=")[2]
        with a_browser(box.address, profile, ARTEFACTS) as browser:
            await asyncio.to_thread(_set_up, browser, token)
            await asyncio.to_thread(_add_a_trunk, browser, port)
            await asyncio.to_thread(_launch, browser, people)
            await asyncio.to_thread(_watch_to_the_end, browser)
            await asyncio.to_thread(_read_a_call, browser)
            _check_it_was_quiet(browser)
        closed = await box.api.get("/setup", params={"token": token})
        assert closed.status_code == 403


async def test_every_page_fits_a_phone_and_is_usable_by_all(tmp_path: Path, profile: Path) -> None:
    async with a_site(tmp_path) as site:
        running = await furnish(site.office)
        calls = (await site.api.get("/v1/calls", params={"outcome": "PAYMENT_DELAYED"})).json()
        hook = (await site.api.get("/v1/webhooks")).json()["items"][0]["webhook_id"]
        client = await site.logged_in()
        await client.aclose()
        pages = {
            "batches": "/calls/batches",
            "batch": f"/calls/batches/{running}",
            "calls": "/calls",
            "call": f"/calls/{calls['items'][0]['call_id']}",
            "call-new": "/calls/new",
            "agents": "/agents",
            "agent": "/agents/agent_payment_collection",
            "agent-edit": "/agents/agent_payment_collection/edit",
            "trunks": "/trunks",
            "trunk": "/trunks/trunk_gateway",
            "dnd": "/dnd?check=9811100001",
            "webhooks": "/webhooks",
            "webhook": f"/webhooks/{hook}",
            "api-keys": "/api-keys",
            "account": "/account",
            "new-batch": "/calls/batches/new",
        }
        with a_browser(str(site.api.base_url), profile, ARTEFACTS) as browser:
            await asyncio.to_thread(log_in, browser)
            issues = await asyncio.to_thread(_visit, browser, pages)
            assert issues == {}
            _check_it_was_quiet(browser)


async def test_rows_stay_filtered_while_the_batch_lives(tmp_path: Path, profile: Path) -> None:
    async with a_site(tmp_path) as site:
        batch_id = await furnish(site.office)
        await (await site.logged_in()).aclose()
        with a_browser(str(site.api.base_url), profile, ARTEFACTS) as browser:
            await asyncio.to_thread(log_in, browser)
            await asyncio.to_thread(browser.open, f"/calls/batches/{batch_id}")
            await asyncio.to_thread(browser.choose, "#f-state", "failed")
            await asyncio.to_thread(browser.wait_for, "15", "#rows tbody tr:first-child")
            await site.services.control.cancel(batch_id, end_talking=True)
            await asyncio.to_thread(browser.wait_for, "Canceled", "#content")
            states = await asyncio.to_thread(browser.texts, "#rows .state")
            assert set(states) == {"Failed"}
            assert browser.driver.current_url.endswith("?state=failed")
            await asyncio.to_thread(browser.wait_until_gone, "#actions [data-opens]")
            _check_it_was_quiet(browser)


async def test_one_call_is_followed_while_it_lasts(tmp_path: Path, profile: Path) -> None:
    async with _a_box_on_the_phone(tmp_path, "interrupts_1") as box:
        with a_browser(box.address, profile, ARTEFACTS) as browser:
            await asyncio.to_thread(_follow_one_call, browser)
            _check_it_was_quiet(browser)


async def test_a_page_catches_up_by_itself_after_the_box_died(
    tmp_path: Path, profile: Path
) -> None:
    async with _a_box_on_the_phone(tmp_path, "hurries_1") as box:
        people = [
            {
                "phone": f"98765{number:05d}",
                "variables": {"name": "Asha", "amount_due": "₹2500", "due_date": "April 25"},
            }
            for number in range(12)
        ]
        body = {"agent_id": AGENT_ID, "recipients": people}
        batch_id = (await box.post("/v1/calls/batch", body))["batch_id"]
        with a_browser(box.address, profile, ARTEFACTS) as browser:
            await asyncio.to_thread(log_in, browser)
            await asyncio.to_thread(browser.open, f"/calls/batches/{batch_id}")
            await box.kill()
            await asyncio.to_thread(browser.wait_for, "does not answer", "#connection")
            await box.start()
            await asyncio.to_thread(browser.wait_until_gone, "#connection:not([hidden])")
            await asyncio.to_thread(browser.wait_for, "12 of 12 rows done", ".progress-figure")


@asynccontextmanager
async def _a_box_on_the_phone(folder: Path, callee: str) -> AsyncIterator[BoxProcess]:
    """A box with an owner and a trunk to people who are all alike."""
    data_dir, scenario = folder / "box", folder / "scenario.yaml"
    data_dir.mkdir()
    scenario.write_text(f"mix: {{{callee}: 1}}\n", encoding="utf-8")
    async with a_simulator(str(scenario), folder / "ledger") as port, a_box(data_dir) as box:
        await box.post("/v1/trunks", {"name": "GSM gateway", "host": "127.0.0.1", "port": port})
        token = (await run_command("setup-link", data_dir=data_dir)).strip().rpartition("=")[2]
        owner = {"token": token, "name": "asha", "password": PASSWORD, "again": PASSWORD}
        assert (await box.api.post("/setup", data=owner)).status_code == 303
        yield box


def _set_up(browser: Browser, token: str) -> None:
    browser.open(f"/setup?token={token}")
    browser.screenshot("setup")
    browser.type("#f-name", "asha")
    browser.type("#f-password", PASSWORD)
    browser.type("#f-again", PASSWORD)
    browser.press("Set up the box")
    browser.wait_for("This box is yours")
    browser.screenshot("first-look")
    browser.press("Log out")
    browser.wait_for("You are logged out")
    browser.screenshot("login")
    log_in(browser)


def _add_a_trunk(browser: Browser, port: int) -> None:
    browser.press("Add a trunk")
    browser.type("#f-name", "GSM gateway")
    browser.type("#f-host", "127.0.0.1")
    browser.type("#f-port", str(port))
    browser.press("Add the trunk")
    browser.wait_for("GSM gateway is saved")
    browser.press("Test")
    browser.wait_for("Up", ".trunk-status")
    browser.screenshot("trunk-added")


def _launch(browser: Browser, people: Path) -> None:
    browser.open("/calls/batches")
    browser.press("New batch")
    browser.click("input[value=agent_payment_collection]")
    browser.type("input[type=file]", str(people))
    browser.press("Next: columns")
    browser.wait_for("What is in each column?")
    browser.screenshot("new-batch-columns")
    browser.press("Next: start")
    browser.wait_for("How fast")
    browser.screenshot("new-batch-start")
    browser.press("Next: review")
    browser.wait_for("of 3 rows will be called")
    browser.wait_for("two thousand five hundred rupees", "#words")
    browser.type("#f-row", "2")
    browser.wait_for("Priya Patel", "#words")
    browser.screenshot("new-batch-review")
    browser.press("Launch 3 calls")
    browser.wait_for("Progress", "#progress-title")


def _watch_to_the_end(browser: Browser) -> None:
    browser.driver.execute_script("window.neverReloaded = true")
    browser.wait_for("Completed", ".progress-head")
    browser.wait_for("3 of 3 rows done", ".progress-figure")
    browser.wait_until_gone("#actions [data-opens]")
    outcomes = set(browser.texts(".chart tbody th"))
    assert outcomes == {"Payment confirmed", "Payment delayed", "Busy"}
    browser.wait_for("Rahul Sharma confirmed payment of ₹2500 by April 25.", "#rows")
    assert browser.driver.execute_script("return window.neverReloaded")
    browser.screenshot("batch-completed")


def _read_a_call(browser: Browser) -> None:
    browser.press("+919876543210")
    browser.wait_for("Transcript")
    browser.wait_for("Hello Rahul Sharma.", ".transcript")
    browser.wait_for("200 OK")
    browser.screenshot("call-completed")


def _follow_one_call(browser: Browser) -> None:
    log_in(browser)
    browser.press("Call one number")
    browser.choose("#f-agent_id", AGENT_ID)
    for name, value in (("name", "Rahul"), ("amount_due", "₹2500"), ("due_date", "April 25")):
        browser.type(f"[name=variable-{name}]", value)
    browser.type("#f-phone", "98765 43210")
    browser.press("Call now")
    browser.wait_for("Talking", ".call-state")
    browser.wait_for("Hello Rahul.", ".transcript")
    browser.screenshot("call-live")
    browser.wait_for("Call again", "#call-actions")
    browser.wait_for("Rahul confirmed payment of ₹2500 by April 25.", ".call-summary")
    browser.wait_for("Pressed 1", ".transcript")


def _visit(browser: Browser, pages: dict[str, str]) -> dict[str, list[str]]:
    """Look at every page at both widths; what is wrong with which."""
    issues: dict[str, list[str]] = {}
    for name, path in pages.items():
        browser.open(path)
        browser.find("h1")
        found = list(browser.driver.execute_script(_AUDIT))
        for width, (across, _) in WIDTHS.items():
            browser.resize(width)
            if browser.width_of_page() > across:
                found.append(f"{browser.width_of_page()} pixels wide on a {width}")
        browser.screenshot(name)
        if found:
            issues[name] = found
    return issues


def _check_it_was_quiet(browser: Browser) -> None:
    """No complaint on the console, and no request to anywhere but the box."""
    assert browser.console() == []
    strangers = {
        address
        for address in browser.addresses()
        if not address.startswith((f"{browser.base}/", "data:"))
    }
    assert strangers == set()
