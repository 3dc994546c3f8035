"""The comment on a change."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ontarget.device_farm.reports.markdown import as_markdown, code
from ontarget.device_farm.reports.metrics import as_metrics
from ontarget.device_farm.reports.view import RunView
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import RunResults, Verdict
from support.commands import CommandLine
from support.farm_pages import PageFarm, commit_name, failing_results, farm_file


def test_regressions_come_first_then_other_failures_then_what_improved() -> None:
    results = failing_results()
    faster = replace(results.tests[4], verdict=Verdict(Answer.IMPROVED, -0.05, (-0.06, None), 20))
    text = as_markdown(RunView(replace(results, tests=[*results.tests[:4], faster, *results.tests[5:]])))
    assert text.startswith(f"### ontarget: 4 of 6 checks failed\n\nCommit `{commit_name(99)[:10]}`\n")
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert rows[0] == "| **regressed** | `conv2d f32 latency` | `pi` | +3.1 % (+2.4 to +3.9) | `3.1 % slower` |"
    assert [row.split("**")[1] for row in rows[1:]] == ["wrong", "crashed", "infra"]
    assert "- `max_pool f32 latency` on `phone`: -5.0 % (-6.0 to ...)" in text
    assert "- `conv2d f32`: not offered\n- 1 tests were left out" in text
    assert "- `pi`: 1 wrong, 1 regressed, 1 infra" in text


def test_devices_that_could_not_be_had_and_accepted_slow_downs_are_told() -> None:
    results = failing_results()
    absent = replace(results.tests[0], id="ontarget.device::pixel-8", device=None, model=None, outcome=Outcome.INFRA)
    meant = replace(results.tests[4], accepted=7)
    one = {"id": 7, "test": "a|b", "device": None, "model": "pi", "commit": "c" * 40, "until": "2027-01-01"}
    unused = {**one, "id": 8, "test": "elsewhere"}
    accepted = [{**one, "reason": "safer @all", "author": "ada"}, {**unused, "reason": "", "author": ""}]
    text = as_markdown(RunView(replace(results, tests=[*results.tests[:4], meant, absent], accepted=accepted)))
    assert "- `pixel-8`: no such device could be had, nothing was tested on it" in text
    assert "- `a¦b` on `pi` slower by `cccccccccc` until `2027-01-01`: `safer @all` (`ada`)" in text
    assert "elsewhere" not in text, "nothing of this run was passed by it"


def test_figures_are_openmetrics_whatever_tests_are_called() -> None:
    results = failing_results()
    odd = replace(results.tests[4], id='t[pi-"\\\n]', verdict=Verdict(Answer.PASS, 0.031, (0.02, None), 20))
    text = as_metrics(RunView(replace(results, tests=[*results.tests, odd])))
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # theirs has no types
    (family,) = [one for one in families if one.name == "ontarget_run_ratio"]
    assert {sample.labels["test"]: sample.value for sample in family.samples}[odd.id] == 1.031
    assert 'ontarget_run_checks{model="pi",outcome="wrong"} 1' in text


def test_nothing_tested_is_not_told_as_success() -> None:
    nothing = RunResults(None, "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", [], [])
    assert as_markdown(RunView(nothing)) == "### ontarget: nothing was tested\n"


def test_a_run_in_which_all_failed_still_fits_a_comment() -> None:
    results = failing_results()
    broken = replace(results.tests[2], message="x" * 5000, outcome=Outcome.WRONG)
    text = as_markdown(RunView(replace(results, tests=[broken] * 3000)))
    assert len(text) < 60_000, "GitHub takes 65,536 characters"
    assert "2980 more failed." in text


@given(st.text())
def test_messages_stay_in_their_cell(words: str) -> None:
    shown = code(words)
    assert "|" not in shown
    assert len(shown.splitlines()) <= 1
    assert shown == "" or (shown[0] == shown[-1] == "`" and "`" not in shown[1:-1])


def test_the_command_prints_it_with_links(one_farm: PageFarm, tmp_path: Path) -> None:
    farm_file(tmp_path, one_farm.address)
    line = CommandLine(tmp_path)
    words = ("report", "--results", one_farm.run[:12], "--markdown", "-", "--link", "report=https://ci.example.org/r")
    said = line.done(*words, "--commit-url", "https://git.example.org/lib/commit/{commit}")
    assert f"https://git.example.org/lib/commit/{commit_name(99)}" in said
    assert "[report](https://ci.example.org/r)" in said
    refused = line.run(*words[:-1], "report=javascript:alert(1)")
    assert (refused.returncode, "--link: expected WORDS=https://" in refused.stderr) == (2, True)


def test_in_a_ci_job_it_links_to_the_commit_and_the_job(one_farm: PageFarm, tmp_path: Path) -> None:
    farm_file(tmp_path, one_farm.address)
    page = "https://github.example.org/ada/lib"
    github = {"GITHUB_SERVER_URL": "https://github.example.org", "GITHUB_REPOSITORY": "ada/lib", "GITHUB_RUN_ID": "7"}
    line = CommandLine(tmp_path, {**github, "ONTARGET_REPORT_URL": "https://ci.example.org/r"})
    said = line.done("report", "--results", one_farm.run[:12], "--markdown", "-")
    assert f"({page}/commit/{commit_name(99)})" in said
    assert f"[report](https://ci.example.org/r) · [job]({page}/actions/runs/7)" in said
