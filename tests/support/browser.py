"""Debian's Chromium without a window, driven by Selenium; and axe, which finds what keeps people out of a page.

A browser that is missing fails the test: pages that nobody has opened are not known to work.
"""

import base64
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PHONE, DESKTOP = (390, 844), (1400, 900)
AXE = Path(__file__).parent / "axe.min.js"
_SECONDS = 30.0


@dataclass(frozen=True)
class Browser:
    driver: Chrome

    def look(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """Be a screen of this size, in this light, from the next page on."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def open(self, address: str) -> None:
        self.driver.get(address)

    def find(self, selector: str) -> Any:
        """The first element of a CSS selector, waited for."""
        return WebDriverWait(self.driver, _SECONDS).until(lambda d: d.find_element(By.CSS_SELECTOR, selector))

    def text(self, selector: str = "main") -> str:
        return str(self.find(selector).text)

    def click(self, words: str, *, within: str = "main") -> None:
        """Click the first link with these words in it."""
        links = self.find(within).find_elements(By.PARTIAL_LINK_TEXT, words)
        if not links:
            raise AssertionError(f"no link says {words!r} in {self.find(within).text[:2000]}")
        links[0].click()

    def until(self, script: str, what: str) -> Any:
        """What the JavaScript expression comes to, once it is true."""
        return WebDriverWait(self.driver, _SECONDS).until(
            lambda driver: driver.execute_script(f"return {script}"), f"waited for {what}"
        )

    def asked(self, promise: str) -> Any:
        """What a promise of the page comes to; asked for by the debugger, past the page's policy."""
        given = {"expression": promise, "awaitPromise": True, "returnByValue": True}
        return self.driver.execute_cdp_cmd("Runtime.evaluate", given)["result"].get("value")

    def draw_charts(self) -> None:
        """Have all charts of the page drawn, those too that are far below."""
        for chart in self.driver.find_elements(By.CSS_SELECTOR, "[data-chart]"):
            self.driver.execute_script("arguments[0].scrollIntoView()", chart)
            self.settle(chart)
        self.driver.execute_script("scrollTo(0, 0)")

    def settle(self, chart: WebElement) -> None:
        """Wait until a chart is drawn. Raises AssertionError with what it says if it cannot be."""

        def done(_: object) -> bool:
            return bool(chart.get_attribute("data-drawn")) or "cannot be drawn" in chart.text

        WebDriverWait(self.driver, _SECONDS).until(done)
        if not chart.get_attribute("data-drawn"):
            raise AssertionError(chart.text)

    def complaints(self) -> list[str]:
        """What the console has said since the last call that is a warning or worse."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's has no types
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def hindrances(self, axe: Path) -> list[str]:
        """What axe finds in the open page against WCAG 2.2 A and AA, and its best practices."""
        # by the debugger's protocol: the page's own policy forbids scripts that are not its own
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe.read_text(encoding="utf-8")})
        violations = json.loads(self.asked("axe.run().then(found => JSON.stringify(found.violations))"))
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: "
            f"{'; '.join(node['html'][:200] for node in one['nodes'][:3])}"
            for one in violations
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.driver.execute_script(script))

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(shot["data"]))


def program(names: Sequence[str]) -> str:
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    raise RuntimeError(f"no {' or '.join(names)}: install Debian's chromium and chromium-driver (ci/system-packages)")


@contextmanager
def opened() -> Iterator[Browser]:
    options = ChromeOptions()
    options.binary_location = program(("chromium", "google-chrome"))
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(program(("chromedriver",))))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
