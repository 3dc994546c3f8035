"""The pages in a browser: they are drawn, they stay as the farm is, and everybody can use them."""

import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.keys import Keys

from ontarget.device_farm.leases.store import DeviceState
from support.browser import DESKTOP, PHONE, Browser
from support.farm_pages import COMMITS, STEP_AT, PageFarm, commit_name

ROOT = Path(__file__).parents[2]
HISTORY = f"/test?{urlencode({'name': 'kernels.test_saxpy::test_saxpy[1000]'})}"
PAGES = (
    "/",
    "/runs",
    "/runs/{run}",
    "/runs/{run}/checks/0",
    "/runs/{run}/checks/4",
    "/tests",
    HISTORY,
    "/devices/pi-1",
    "/devices/pi-2",
)


@pytest.fixture(scope="session")
def axe() -> Path:
    subprocess.run([ROOT / "ci" / "npm-install"], check=True, capture_output=True, timeout=300)
    return ROOT / "ci" / "npm" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_page_is_whole_fits_and_keeps_nobody_out(
    browser: Browser, served: str, seen_farm: PageFarm, axe: Path, size: tuple[int, int], dark: bool
) -> None:
    browser.look(size, dark=dark)
    for page in PAGES:
        browser.open(served + page.format(run=seen_farm.run))
        browser.draw_charts()
        assert browser.hindrances(axe) == [], page
        assert browser.overflow() == 0, f"{page} is wider than the screen"
        assert browser.complaints() == [], page


def test_the_farm_page_follows_the_farm(browser: Browser, served: str, seen_farm: PageFarm) -> None:
    browser.look(DESKTOP)
    browser.open(f"{served}/")
    browser.until("document.getElementById('live').textContent === 'Live'", "the line to the server")
    rows = "[...document.querySelectorAll('#live-devices tbody tr')]"
    row = f"{rows}.find(row => row.textContent.includes('phone-1')).textContent"
    assert "available" in browser.until(row, "the device")
    seen_farm.store.set_state("phone-1", DeviceState.MAINTENANCE, "new battery", "admin")
    assert "new battery" in browser.until(f"({row}).includes('maintenance') && {row}", "its new state")
    run = seen_farm.memory.begin_run(commit="5eed" * 10, purpose="CI", started=4e9)
    browser.until(f"document.querySelector('#live-runs a[href=\"/runs/{run}\"]') !== null", "the run that began")


def test_a_history_is_read_and_zoomed_by_keys(browser: Browser, served: str) -> None:
    browser.look(DESKTOP)
    browser.open(served + HISTORY)
    browser.draw_charts()
    assert f"{COMMITS} commits, 1 change of level" in browser.text(".tools")
    plot = browser.find(".plot")
    plot.send_keys(Keys.END)
    assert browser.text(".told").startswith(f"{COMMITS}: {commit_name(COMMITS - 1)[:10]}")
    plot.send_keys(Keys.ARROW_LEFT)
    assert browser.text(".told").startswith(f"{COMMITS - 1}: ")
    browser.find("li button").click()
    told = browser.text(".told")
    assert told.startswith(f"{STEP_AT + 1}: {commit_name(STEP_AT)[:10]}"), "the change is shown by its button"
    assert "regressed" in told
    link = browser.find(".told a")
    assert link.get_attribute("href") == f"https://git.example.org/lib/commit/{commit_name(STEP_AT)}"


def test_who_broke_a_kernel_gets_from_the_farm_to_the_figures(browser: Browser, served: str) -> None:
    browser.look(PHONE)
    browser.open(f"{served}/runs?words=topic")
    browser.find("main tbody a").click()
    assert "4 of 6 checks failed" in browser.text("h1")
    browser.click("conv2d f32", within="tr:nth-of-type(3)")
    words = browser.text()
    assert "+3.1 % (+2.4 to +3.9 %)" in words
    assert "confirmed by fresh pairs" in words
