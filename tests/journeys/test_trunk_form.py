"""The whole form of a trunk, filled in by a person in headless Chromium."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.journeys.box import REPOSITORY
from tests.journeys.browser import Browser, a_browser, log_in
from tests.web.sites import a_site

pytestmark = pytest.mark.peer

ARTEFACTS = Path(os.environ.get("MOVOICE_ARTEFACTS", REPOSITORY / "artefacts"))


async def test_a_gateway_is_described_from_its_address_to_its_last_sim(tmp_path: Path) -> None:
    profile = tmp_path / "chromium"
    profile.mkdir()
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    async with a_site(tmp_path) as site:
        await (await site.logged_in()).aclose()
        with a_browser(str(site.api.base_url), profile, ARTEFACTS) as browser:
            await asyncio.to_thread(log_in, browser)
            await asyncio.to_thread(_describe, browser, authority)
            trunk = (await site.api.get("/v1/trunks")).json()["items"][0]
            assert (trunk["name"], trunk["port"], trunk["transport"]) == ("GSM", None, "tls")
            assert trunk["tls_ca"] == authority.read_text()
            assert (trunk["number_pattern"], trunk["number_replacement"]) == (r"0(\d+)", r"00\1")
            told = [(one["name"], one["prefix"], one["calls_per_day"]) for one in trunk["ports"]]
            assert told == [("sim1", "1#", 80), ("sim3", "3#", 0)]
            (rule,) = trunk["dispositions"]
            assert (rule["sip_status"], rule["sound"]) == (503, "speech")
            await site.services.channels.follow()
            await asyncio.to_thread(_look_again, browser)
            assert browser.console() == []


def _describe(browser: Browser, authority: Path) -> None:
    browser.open("/trunks/new")
    browser.type("#f-name", "GSM")
    browser.type("#f-host", "gsm.example.net")
    browser.click("#more-connection summary")
    browser.choose("#f-transport", "tls")
    browser.type("#f-tls_ca_file", str(authority))
    browser.click("#more-numbers summary")
    browser.choose("#f-number_format", "national")
    browser.type("#f-try_number", "98765 43210")
    browser.wait_for("is dialed as 09876543210", "#written")
    browser.type("#f-number_pattern", "0(")
    browser.wait_for("is no regular expression", "#written")
    browser.type("#f-number_pattern", r"0(\d+)")
    browser.type("#f-number_replacement", r"00\1")
    browser.wait_for("is dialed as 009876543210", "#written")
    browser.click("#more-gsm summary")
    for name, prefix in (("sim1", "1#"), ("sim2", "2#"), ("sim3", "1#")):
        browser.press("Add a port")
        row = "#more-gsm [data-row]:nth-last-child(2)"
        browser.type(f"{row} [name=port-name]", name)
        browser.type(f"{row} [name=port-prefix]", prefix)
    browser.type("#more-gsm [data-row]:first-child [name=port-calls_per_day]", "80")
    browser.click("#more-gsm [data-row]:nth-child(2) [data-removes]")
    browser.click("#more-answers summary")
    browser.press("Add a rule")
    browser.type("[name=rule-sip_status]", "503")
    browser.choose("[name=rule-sound]", "speech")
    browser.press("Add the trunk")
    browser.wait_for("Ports: each needs a prefix of its own", "#more-gsm[open]")
    browser.screenshot("trunk-rich")
    browser.type("#more-gsm [data-row]:nth-last-child(2) [name=port-prefix]", "3#")
    browser.press("Add the trunk")
    browser.wait_for("GSM is saved")


def _look_again(browser: Browser) -> None:
    browser.press("GSM")
    browser.wait_for("0 of 2", "#now")
    assert browser.texts("#now tbody .main") == ["sim1", "sim3"]
    assert browser.texts(".fold .tag") == ["Set", "Set", "Set", "Set"]
    browser.screenshot("trunk-ports")
