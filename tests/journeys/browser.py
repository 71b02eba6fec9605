"""Headless Chromium, driven as a person drives it, with everything it did on record."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

T = TypeVar("T")

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1"),
)
_LONGEST_WAIT_S = 60
PASSWORD = "correct horse battery"
WIDTHS = {"desktop": (1440, 900), "phone": (390, 844)}


class Browser:
    """One window. `base` is the address of the box; `artefacts` is where screenshots go."""

    def __init__(self, driver: Chrome, base: str, artefacts: Path) -> None:
        self.driver = driver
        self.base = base
        self._artefacts = artefacts

    def open(self, path: str) -> None:
        self.driver.get(f"{self.base}{path}")

    @property
    def path(self) -> str:
        return urlsplit(self.driver.current_url).path

    def find(self, selector: str) -> WebElement:
        """The first element that matches, as soon as it is there."""
        return self._until(
            f"'{selector}'", lambda driver: driver.find_element(By.CSS_SELECTOR, selector)
        )

    def find_all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What is to be read in the element now, in one look: pages replace their parts."""
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return str(self.driver.execute_script(script, selector))

    def click(self, selector: str) -> None:
        """Click, and when that leaves the page, wait for the next one."""
        element = self.find(selector)
        self.driver.execute_script(
            "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element
        )
        element.click()

    def press(self, words: str) -> None:
        """Click the first visible button or link that is called so, or has `words` in its name."""
        called = f"[contains(., '{words}') or contains(@aria-label, '{words}')]"
        xpath = f"//button{called} | //a{called}"
        matching = self._until(
            f"a button '{words}'",
            lambda driver: [
                one for one in driver.find_elements(By.XPATH, xpath) if one.is_displayed()
            ],
        )
        self.driver.execute_script(
            "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", matching[0]
        )
        matching[0].click()

    def type(self, selector: str, text: str) -> None:
        element = self.find(selector)
        if element.get_attribute("type") != "file":
            element.clear()
        element.send_keys(text)

    def wait_for(self, words: str, selector: str = "body") -> None:
        """Until `words` stand in the element."""
        self._until(f"'{words}' in {selector}", lambda _: words in self.text(selector))

    def wait_until_gone(self, selector: str) -> None:
        self._until(f"no '{selector}' any more", lambda _: not self.find_all(selector))

    def texts(self, selector: str) -> list[str]:
        """What is to be read in each element that matches now, in one look."""
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        return list(self.driver.execute_script(script, selector))

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select by its value."""
        Select(self.find(selector)).select_by_value(value)

    def resize(self, width: str) -> None:
        """Lay the page out anew at one of `WIDTHS`, as that device does."""
        across, down = WIDTHS[width]
        metrics = {
            "width": across,
            "height": down,
            "deviceScaleFactor": 1,
            "mobile": width == "phone",
        }
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def width_of_page(self) -> int:
        """In CSS pixels; more than the window is wide means scrolling sideways."""
        return int(self.driver.execute_script("return document.documentElement.scrollWidth"))

    def screenshot(self, name: str) -> None:
        """The whole page at both widths, as NAME-desktop.png and NAME-phone.png."""
        for width in WIDTHS:
            self.resize(width)
            self._artefacts.mkdir(parents=True, exist_ok=True)
            self.save(self._artefacts / f"{name}-{width}.png", whole=True)
        self.resize("desktop")

    def save(self, file: Path, *, whole: bool = False) -> None:
        """What the window shows, or the whole page, as a PNG."""
        options = {"captureBeyondViewport": whole}
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)
        file.write_bytes(base64.b64decode(picture["data"]))

    def console(self) -> list[str]:
        """Everything that the pages complained about since the last look."""
        log = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [f"{entry['level']}: {entry['message']}" for entry in log]

    def addresses(self) -> set[str]:
        """Every address that was asked for since the last look, whoever asked."""
        asked = set()
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.add(message["params"]["request"]["url"])
        return asked

    def _until(self, what: str, look: Callable[[Chrome], T]) -> T:
        """Look until there is something to see; what never shows fails with what did."""
        waiting = WebDriverWait(self.driver, _LONGEST_WAIT_S, poll_frequency=0.05)
        try:
            return waiting.until(look)
        except TimeoutException:
            pytest.fail(f"{self.path} never showed {what}; it shows:\n{self.text('body')}")


@contextmanager
def a_browser(base: str, profile: Path, artefacts: Path) -> Iterator[Browser]:
    """Chromium with an empty profile; ended when the block ends."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.fail("Chromium is missing: apt install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=ChromeService(driver))
    try:
        browser = Browser(chrome, base, artefacts)
        browser.resize("desktop")
        browser.driver.get("about:blank")
        browser.addresses()  # what the browser's own first page is made of
        yield browser
    finally:
        chrome.quit()


def log_in(browser: Browser) -> None:
    """As asha, who owns every box of the tests."""
    browser.open("/login")
    browser.type("#f-name", "asha")
    browser.type("#f-password", PASSWORD)
    browser.press("Log in")
    browser.wait_for("Batch calls", "h1")
