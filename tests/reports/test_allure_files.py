"""What Allure is given of a run: valid in Allure 2's format, whole, and known again in the next run."""

import json
import re
import subprocess
import sys

import pytest

from ontarget.harness.outcomes import Outcome
from support import allure_2
from support.kernel_faults import Faults
from support.plugin_runs import CALL, SAXPY, Desk

PLANTED = CALL + (
    """
from ontarget.fixtures.recording import RECORDER
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import Verdict

@pytest.mark.parametrize("number", range(12))
def test_it(device, request, number):
    verdict = Verdict(Answer.INCONCLUSIVE, 0.013, (0.008, 0.018), 20, 900.0 if number < 10 else 1.0, None, 0.005)
    recorder = request.node.stash[RECORDER]
    recorder.record(Outcome.INCONCLUSIVE, seconds=1.0, message="1.3 % slower", check="latency", verdict=verdict)
"""
)


def test_every_result_is_valid_and_says_where_it_belongs(faults: Faults) -> None:
    assert faults.status == 1
    results = {result.name.partition(":")[0]: result for result in allure_2.results(faults.allure)}
    slow = results["test_scale_is_no_slower[desk]"]
    assert [slow.label(name) for name in ("parentSuite", "suite", "subSuite")] == ["image", "scale", "desk"]
    assert {one.name: one.value for one in slow.parameters} == {"model": "desk", "dtype": "f32"}
    assert slow.label("severity") == "critical"
    assert results["test_results[desk-shift]"].label("severity") == "critical"
    assert {link.name: link.url for link in slow.links} == {
        "commit c0ffeec0ffee": f"https://github.com/team/kernels/commit/{'c0ffee' * 6}",
        "job #12": "https://github.com/team/kernels/actions/runs/77",
        "change": "https://github.com/team/kernels/pull/5",
        "history": "https://farm.example/test?name=test_faults%3A%3Atest_scale_is_no_slower",
    }
    found = {name: (result.status, result.label("outcome")) for name, result in results.items()}
    assert found == {
        "test_scale_is_no_slower[desk]": ("failed", "regressed"),
        "test_results[desk-shift]": ("failed", "wrong"),
        "test_results[desk-twice]": ("failed", "crashed"),
        "test_results[desk-chop]": ("passed", "pass"),
        **{
            f"test_{name}[lost{rest}]": ("broken", "infra")
            for name, rest in (("scale_is_no_slower", ""), *(("results", f"-{x}") for x in ("shift", "twice", "chop")))
        },
    }


def test_the_ten_worst_elements_and_a_picture_are_attached(faults: Faults) -> None:
    (wrong,) = (one for one in allure_2.results(faults.allure) if one.label("outcome") == "wrong")
    files = {one.name: faults.allure / one.source for one in wrong.attachments}
    lines = files["accuracy, worst elements"].read_text().splitlines()
    assert lines[0] == "index,expected,found,allowed,error/allowed"
    assert [line.partition(",")[0] for line in lines[1:4]] == ["25 0", "0 77", "0 78"]
    assert len(lines) == 11
    assert "<svg" in files["accuracy errors"].read_text()
    assert files["accuracy errors"].stat().st_size < 200_000


def test_the_run_s_own_files(faults: Faults) -> None:
    executor = allure_2.executor(faults.allure)
    assert (executor.type, executor.buildOrder) == ("github", 12)
    assert executor.buildUrl == "https://github.com/team/kernels/actions/runs/77"
    environment = (faults.allure / "environment.properties").read_text("latin-1")
    assert f"commit={'c0ffee' * 6}\n" in environment
    assert re.search(r"^device\\ desk-1=desk, local, ", environment, re.MULTILINE)


def test_each_result_is_in_one_category_and_each_outcome_has_one(faults: Faults) -> None:
    categories = allure_2.categories(faults.allure)
    for outcome in Outcome:
        matching = [one for one in categories if re.fullmatch(one.messageRegex, f"{outcome}: why\nand more")]
        assert len(matching) == 1, outcome
    for result in allure_2.results(faults.allure):
        fitting = [
            one
            for one in categories
            if result.status in one.matchedStatuses and re.fullmatch(one.messageRegex, result.message)
        ]
        assert len(fitting) == 1, result.message
    rules = json.loads((faults.allure / "allurerc.json").read_text())["categories"]["rules"]
    assert [rule["name"] for rule in rules] == [one.name for one in categories]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_the_whole_run_shows_changes_the_results(desk: Desk, workers: str) -> None:
    library = desk.library("good", SAXPY)
    desk.write("test_x.py", PLANTED)
    out = desk.folder / "allure"
    ran = desk.run("--on", "local", "-n", workers, "--candidate", library, "--alluredir", out)
    assert ran.status == 1, ran.output
    found = allure_2.results(out)
    assert len(found) == 12
    late = [result for result in found if result.label("outcome") == "regressed"]
    assert len(late) == 10
    assert all(result.status == "failed" and "joint evidence of 12" in result.message for result in late)
    assert all(result.name.endswith(": regressed +1.3 %") for result in late)
    assert all([label.value for label in result.labels if label.name == "outcome"] == ["regressed"] for result in late)
    assert {result.status for result in found if result not in late} == {"passed"}


def test_acceptances_are_listed_in_the_report_of_every_run(desk: Desk) -> None:
    library = desk.library("good", SAXPY)
    compared = CALL + "def test_it(candidate, baseline, latency): latency.compare(call, candidate, baseline)\n"
    desk.write("test_x.py", compared)
    builds = ("--on", "local", "--candidate", library, "--baseline", library, "--pairs", "5")
    test = desk.run(*builds).records()[0]["id"]
    command = [sys.executable, "-m", "ontarget.device_farm.cli", "accept", test, "--commit", "abc1234"]
    command += ["--reason", "größer: x=1", "--until", "2099-12-31"]
    subprocess.run(command, cwd=desk.folder, env=desk.environ(), check=True, timeout=60)
    desk.write("test_y.py", "def test_other(device): pass\n")
    out = desk.folder / "allure"
    desk.run(*builds, "--alluredir", out, "test_y.py")
    lines = (out / "environment.properties").read_text("latin-1").splitlines()
    (accepted,) = (line for line in lines if line.startswith("accepted"))
    assert f"{test} slower by abc1234 until 2100-01-01T00:00:00Z: gr\\u00f6\\u00dfer: x=1" in accepted
    (shown,) = out.glob("*-globals.json")
    (attachment,) = json.loads(shown.read_text())["attachments"]
    assert "größer: x=1" in (out / attachment["source"]).read_text()


def test_a_folder_that_cannot_be_written_is_told(desk: Desk) -> None:
    desk.write("test_x.py", "def test_it(device): pass\n")
    out = desk.folder / "allure"
    (out / "environment.properties").mkdir(parents=True)
    ran = desk.run("--on", "local", "--alluredir", out)
    assert ran.status == 3
    assert f"cannot write {out}/environment.properties" in ran.output
