"""Allure's report as a person opens it: drawn by `allure generate`, from a file, in a browser without a network."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.remote.webelement import WebElement

from support.browser import DESKTOP, Browser, opened
from support.kernel_faults import Faults

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as found:
        found.look(DESKTOP)
        yield found


@pytest.fixture(scope="module")
def report(faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's file; drawn twice, so that it has a history."""
    folder = tmp_path_factory.mktemp("report")
    for _ in range(2):
        subprocess.run([ROOT / "ci/allure", faults.allure, folder / "out"], cwd=folder, check=True, timeout=300)
    return folder / "out" / "index.html"


def having(browser: Browser, selector: str, words: str) -> WebElement:
    """The first element of a selector whose text begins with `words`, once the page has drawn it."""
    script = f"[...document.querySelectorAll({selector!r})].find(e => e.textContent.trim().startsWith({words!r}))"
    found: WebElement = browser.until(script, f"{words} in {selector}")
    return found


def leaf(browser: Browser, name: str) -> WebElement:
    """A test in the tree."""
    return having(browser, "[data-testid=tree-leaf-title]", name)


def shows(browser: Browser, words: str) -> object:
    """Wait until the words are to be read on the page, whatever a style makes of their case."""
    script = f"document.body.innerText.toLowerCase().includes({words.lower()!r})"
    return browser.until(script, f"{words!r} on the page")


@pytest.mark.parametrize(
    ("name", "on_its_page"),
    [
        ("test_scale_is_no_slower[desk]: regressed +", ["latency", "% slower (", "pairs", "model", "desk"]),
        ("test_results[desk-shift]: wrong", ["3 of 20000 elements are off", "[25, 0]", "4.25001252"]),
        ("test_results[desk-twice]: crashed", ["SIGSEGV", "twice"]),
        ("test_results[lost-chop]: infra", ["lost-1"]),
    ],
)
def test_each_failure_is_one_click_away(browser: Browser, report: Path, name: str, on_its_page: list[str]) -> None:
    browser.open(report.as_uri())
    leaf(browser, name).click()
    for words in on_its_page:
        shows(browser, words)
    assert browser.complaints() == []


def test_a_regression_s_figures_are_in_a_table(browser: Browser, report: Path) -> None:
    browser.open(report.as_uri())
    leaf(browser, "test_scale_is_no_slower[desk]").click()
    browser.driver.switch_to.frame(browser.find("iframe"))
    for words in ("Device desk-1", "interval", "e-value", "regressed"):
        shows(browser, words)


@pytest.mark.parametrize(
    ("name", "picture"),
    [("test_scale_is_no_slower[desk]", "latency distributions"), ("test_results[desk-shift]", "accuracy errors")],
)
def test_the_pictures_are_drawn(browser: Browser, report: Path, name: str, picture: str) -> None:
    browser.open(report.as_uri())
    leaf(browser, name).click()
    having(browser, "span", picture).click()
    browser.until("[...document.images].some(i => i.complete && i.naturalWidth >= 700)", f"the picture {picture}")
    assert browser.complaints() == []


def test_categories_environment_and_history(browser: Browser, report: Path) -> None:
    browser.open(report.as_uri())
    leaf(browser, "test_scale")
    for words in ("image", "scale", "desk", "team/kernels: kernels", "ontarget c0ffeec0ffee"):
        shows(browser, words)
    having(browser, "button", "Categories").click()
    for words in ("Regressed: slower", "Wrong: off the reference", "Crashed: a signal", "Infrastructure: the device"):
        shows(browser, words)
    browser.open(report.as_uri())
    leaf(browser, "test_scale_is_no_slower[desk]").click()
    having(browser, "button", "History").click()
    assert browser.complaints() == []


def test_nobody_is_called(report: Path) -> None:
    """It is of private code: nothing in it is fetched from elsewhere when it is opened."""
    assert "googletagmanager" not in report.read_text(encoding="utf-8")
