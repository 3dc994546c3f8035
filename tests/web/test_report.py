"""`ontarget report --html`: a run in one file, opened cold."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from ontarget.device_farm.reports.view import RunView
from ontarget.device_farm.web.report import as_html
from support.browser import DESKTOP, PHONE, Browser
from support.commands import CommandLine
from support.farm_pages import SCRIPT, PageFarm, failing_results, farm_file


@pytest.fixture
def line(tmp_path: Path, one_farm: PageFarm) -> CommandLine:
    farm_file(tmp_path, one_farm.address)
    return CommandLine(tmp_path)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_each_failure_is_found_in_two_clicks_at_most(browser: Browser, tmp_path: Path, size: tuple[int, int]) -> None:
    """By somebody who sees it for the first time: what failed is at the top, a click leads to what is known of it."""
    file = tmp_path / "report.html"
    file.write_text(as_html(RunView(failing_results())))
    browser.look(size)
    wanted = {
        "regressed": ("conv2d f32 on pi", "+3.1 % (+2.4 to +3.9 %)", "confirmed by fresh pairs", "1800 MHz, 61 °C"),
        "wrong": ("max_pool f32 on pi", "worst at [0, 7], expected 0.2394, found -0.2394"),
        "crashed": ("conv2d f32 on phone", "SIGSEGV at address 0x0, last frame libk.so+0x19f6"),
        "infra": ("max_pool f32 on pi", "no answer on port 22 within 10 s", "pi-2"),
    }
    for outcome, expected in wanted.items():
        browser.open("about:blank")
        browser.open(file.as_uri())
        rows = browser.find("section tbody").find_elements("css selector", "tr")
        (row,) = [row for row in rows if outcome in row.text]
        row.find_element("css selector", "a").click()
        found = browser.find("article:target")
        assert all(words in found.text for words in expected), found.text
        assert found.is_displayed()
    assert browser.complaints() == [], "nothing is asked of anybody, and no script fails"


def test_a_cell_of_the_heat_map_opens_its_checks(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(as_html(RunView(failing_results())))
    browser.look(DESKTOP)
    browser.open(file.as_uri())
    browser.find('a[aria-label^="max_pool on phone"]').click()
    browser.until("document.querySelector('details:target').open", "the group of checks")
    assert "test_pool[phone-2x2]" in browser.text("details:target")


def test_the_file_asks_for_nothing_and_runs_nothing_of_a_messages() -> None:
    text = as_html(RunView(failing_results()))
    assert SCRIPT not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r'(src|href)="(?!#|https://git)', text), "all that it shows is in it"


def test_a_run_of_the_store_brings_its_history(line: CommandLine, browser: Browser, one_farm: PageFarm) -> None:
    line.done("report", "--results", one_farm.run[:12], "--html", "report.html")
    browser.look(DESKTOP)
    browser.open((line.folder / "report.html").as_uri())
    browser.click("conv2d f32")
    browser.draw_charts()
    assert "8 launch pairs in measuring order" in browser.text('[data-chart="pairs"]')
    assert browser.complaints() == []


def test_a_results_file_is_recognised_by_the_store(line: CommandLine) -> None:
    """The run's own file gets what the store knows beside: the baseline's commit, the pairs."""
    (line.folder / "ontarget-results.json").write_text(json.dumps({"schema": 1, **asdict(failing_results())}))
    said = line.run("report", "--html", "report.html")
    assert said.returncode == 0
    assert "4 of 6 checks failed" in said.stderr
    assert 'data-chart="pairs"' in (line.folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (["--html", "x.html"], 2, "cannot read the results"),
        (["--results", "0123", "--html", "x.html"], 2, "knows no run '0123'"),
        (["--results", "broken.json", "--html", "x.html"], 2, "expected JSON as pytest writes it"),
        (["--results", "other.json", "--html", "x.html"], 2, "without `tests`"),
        ([], 2, "nothing was asked for"),
    ],
)
def test_what_is_no_run_is_said(line: CommandLine, words: list[str], status: int, problem: str) -> None:
    (line.folder / "broken.json").write_text("{")
    (line.folder / "other.json").write_text("{}")
    done = line.run("report", *words)
    assert (done.returncode, problem in done.stderr) == (status, True), done.stderr
    assert not (line.folder / "x.html").exists()
