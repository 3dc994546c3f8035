"""What each page of the farm says, from SQLite and from PostgreSQL."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ontarget.device_farm.git import WorkTree
from ontarget.device_farm.leases.store import DeviceState
from ontarget.device_farm.web.access import Access
from ontarget.device_farm.web.app import make_app
from support.farm_pages import COMMIT_URL, COMMITS, SCRIPT, STEP_AT, PageFarm, commit_name
from support.histories import repository, source
from support.memories import TEST


def said(html: str) -> str:
    """A page's words, one space between them."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_the_farm_shows_states_holders_queue_and_temperature(client: TestClient) -> None:
    words = said(client.get("/").text)
    assert "pi-1 pi ● leased ci@runner ci.example.org/job/7 , ends" in words
    assert "1 waiting next: anna@desk, came" in words
    assert "61 °C" in words, "as of the last comparison on it"
    assert "pi-2 pi ● quarantined too hot" in words
    assert "✗ 1 wrong ✗ 1 crashed ▲ 1 regressed ! 1 infra – 1 not-offered ✓ 1 pass" in words, (
        "the newest run's verdicts"
    )


@pytest.mark.parametrize("path", ["/", "/devices/pi-2", "/runs/{run}", "/runs/{run}/checks/1"])
def test_what_names_and_messages_say_is_never_markup(client: TestClient, farm: PageFarm, path: str) -> None:
    answer = client.get(path.format(run=farm.run))
    assert SCRIPT not in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_a_run_shows_what_failed_first_and_models_by_operators(client: TestClient, farm: PageFarm) -> None:
    page = client.get(f"/runs/{farm.run}").text
    words = said(page)
    assert "4 of 6 checks failed" in words
    assert words.index("✗ wrong max_pool f32") < words.index("▲ regressed conv2d f32") < words.index("! infra max_pool")
    assert "+3.1 % +2.4 to +3.9 %" in words
    assert 'aria-label="conv2d on phone: 1 crashed"' in page
    assert 'aria-label="conv2d on pi: 1 regressed, +3.1 %"' in page
    assert f"https://git.example.org/lib/commit/{commit_name(99)}" in page


def test_a_run_says_what_was_not_tested_and_what_was_run_again(client: TestClient, farm: PageFarm) -> None:
    words = said(client.get(f"/runs/{farm.run}").text)
    assert "conv2d f32: not offered, 1 check" in words
    assert "kernels.test_last::test_last: left out" in words
    check = said(client.get(f"/runs/{farm.run}/checks/4").text)
    assert "Run again phone-1 was offline" in check
    assert "conv1 900 ns, 90 % 900 ns, 90 %" in check


def test_a_cell_leads_to_its_checks(client: TestClient, farm: PageFarm) -> None:
    page = client.get(f"/runs/{farm.run}").text
    cell = re.search(r'href="([^"]+)" aria-label="max_pool on pi: ', page)
    assert cell is not None
    words = said(client.get(unescape(cell[1])).text.partition('id="checks"')[2])
    assert "2 checks of max_pool on pi" in words
    assert "✗ wrong test_pool[pi-2x2] pi accuracy" in words
    assert "conv" not in words.partition("Outcome Test")[2].partition("Devices")[0]


def test_a_check_says_by_how_much_how_sure_since_when_and_what_the_device_did(
    client: TestClient, farm: PageFarm
) -> None:
    page = client.get(f"/runs/{farm.run}/checks/0").text
    words = said(page)
    assert "+3.1 % (+2.4 to +3.9 %)" in words
    assert "22 launch pairs, e-value 512, confirmed by fresh pairs" in words
    assert f"Since {commit_name(99)[:10]} , compared with {commit_name(0)[:10]}" in words
    assert "pi-1 : 1800 MHz, 61 °C" in words
    assert "The same test, other checks phone : ✗ crashed" in words
    assert 'data-chart="pairs"' in page
    assert 'data-chart="history"' in page


def test_a_run_that_goes_on_shows_its_comparisons_and_says_so(client: TestClient, farm: PageFarm) -> None:
    import numpy as np

    from support.memories import IDENTITY, compared, record_of

    run = farm.memory.begin_run(commit="f" * 40, purpose="CI", started=3e9)
    found = compared(np.random.default_rng(1))
    farm.memory.record(run, IDENTITY, found, record_of(found))
    words = said(client.get(f"/runs/{run}").text)
    assert "No failure in 1 checks" in words
    assert "Comparisons only: the run goes on, or was killed" in words
    assert "running, or killed" in said(client.get("/runs").text)


def test_a_history_has_levels_changes_and_the_commits_of_its_points(client: TestClient) -> None:
    found = client.get("/series.json", params={"test": TEST, "device": "pi-1", "check": "latency"}).json()
    assert len(found["points"]) == COMMITS
    assert [change["index"] for change in found["changes"]] == [STEP_AT]
    assert found["changes"][0]["size"] == pytest.approx(0.05, abs=0.01)
    assert [level[:2] for level in found["levels"]] == [[0, STEP_AT], [STEP_AT, COMMITS]]
    point = found["points"][STEP_AT]
    assert point["commit"] == commit_name(STEP_AT)
    assert point["answer"] == "regressed"
    assert point["link"].endswith(commit_name(STEP_AT))
    assert point["run"].startswith("/runs/")


def test_a_series_that_is_not_known_has_no_points(client: TestClient) -> None:
    found = client.get("/series.json", params={"test": "no", "device": "pi-1", "check": "latency"}).json()
    assert (found["points"], found["levels"], found["changes"]) == ([], [], [])


def test_a_points_commits_are_told_by_the_repository(farm: PageFarm, tmp_path: Path) -> None:
    made = repository(tmp_path / "lib", [source(work=turns) for turns in (1, 2, 3, 4)])
    client = TestClient(make_app(replace(farm.site, tree=WorkTree(made.folder)), Access(None)), "http://127.0.0.1")
    first, *_, last = made.commits
    told = client.get("/commits.json", params={"after": first, "until": last}).json()
    assert [one["subject"] for one in told] == ["commit 1", "commit 2", "commit 3"]
    assert told[-1] == {"name": last[:10], "subject": "commit 3", "link": COMMIT_URL.replace("{commit}", last)}
    for after, until in ((first, "--all"), ("", last), ("0" * 40, last)):
        assert client.get("/commits.json", params={"after": after, "until": until}).status_code == 404


def test_a_history_grows_with_the_store(client: TestClient, farm: PageFarm) -> None:
    import numpy as np

    from support.memories import compared, keep

    asked = {"test": TEST, "device": "pi-1", "check": "latency"}
    assert len(client.get("/series.json", params=asked).json()["points"]) == COMMITS
    keep(farm.memory, compared(np.random.default_rng(2), candidate="9" * 64, ratio=3.05), commit="9" * 40)
    assert len(client.get("/series.json", params=asked).json()["points"]) == COMMITS + 1


def test_tests_are_found_by_words_and_shown_by_model(client: TestClient) -> None:
    assert "2 tests with a history" in said(client.get("/tests").text)
    page = client.get("/tests", params={"words": "saxpy 1000"}).text
    assert "1 tests with a history" in said(page)
    link = re.search(r'href="(/test\?[^"]+)"', page)
    assert link is not None
    assert "pi pi-1 , latency" in said(client.get(unescape(link[1])).text)


def test_a_devices_record_has_faults_quarantines_and_noise(client: TestClient, farm: PageFarm) -> None:
    farm.store.set_state("pi-2", DeviceState.AVAILABLE, "cooled", "admin")
    farm.store.set_state("pi-2", DeviceState.OFFLINE, "unplugged", "bert")
    words = said(client.get("/devices/pi-2").text)
    faults = words.partition("Faults and quarantines")[2]
    assert faults.index("● offline unplugged bert") < faults.index("● quarantined too hot")
    assert "cooled" not in faults, "being put back is no fault"
    busy = unescape(client.get("/devices/pi-1").text)
    assert busy.count('"value": ') == 2 * (COMMITS + 1), "noise of each run that timed something, and temperatures"


def test_runs_are_found_by_commit_and_branch_and_come_in_pages(client: TestClient, farm: PageFarm) -> None:
    for number in range(60):
        farm.memory.begin_run(commit=None, purpose="many", started=4e9 + number)
    first = client.get("/runs").text
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    assert first.count("many") == 50
    assert client.get(unescape(older[1])).text.count("many") == 10
    assert said(client.get("/runs", params={"words": "topic"}).text).count("1 crashed") == 1
    assert "No run is known of 100%" in said(client.get("/runs", params={"words": "100%"}).text)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/runs/0123", "knows no run '0123'"),
        ("/runs/{run}/checks/6", "has 6 checks, and none of number 6"),
        ("/devices/pi-9", "no device of this farm is named 'pi-9'"),
        ("/test?name=test_x", "Nothing is remembered of the test"),
        ("/nothing", "There is no such page"),
    ],
)
def test_what_is_not_there_is_said(client: TestClient, farm: PageFarm, path: str, problem: str) -> None:
    answer = client.get(path.format(run=farm.run))
    assert answer.status_code == 404
    assert problem in said(answer.text)


def test_nothing_can_be_changed(client: TestClient) -> None:
    for path in ("/", "/runs", "/devices/pi-1", "/metrics"):
        assert client.post(path).status_code == 405
