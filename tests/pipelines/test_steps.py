"""The steps of the pipelines, run as each service's jobs run them, in a clean clone of a library."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from support.pipelines import ABI, WRONG, Pipeline, git, library, services
from support.waiting import eventually


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return library(tmp_path)


def ontarget(pipeline: Pipeline, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "ontarget.device_farm.cli", *words],
        cwd=pipeline.clone,
        env=pipeline.environ(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_fault_among_superseded_commits_is_found_and_told(pipeline: Pipeline, tmp_path: Path) -> None:
    """GitHub: build, keep, virtual, core, report; then two pushes of which only the second reaches the device."""
    job = pipeline.saying(**services(tmp_path)["github"])
    good = git(job.clone, "rev-parse", "HEAD")
    job.step("setup")
    job.step("build", ABI, "0" * 40)
    job.step("keep")
    job.step("suite", "core")
    job.step("bisect", "core")
    job.step("report", "core")
    assert job.results("core")["commit"] == good
    assert "no failure in 1 checks" in job.found("core", "comment.md")
    assert f"https://github.example.org/ada/kernels/commit/{good}" in job.found("core", "comment.md")

    culprit = job.push("Round differently", WRONG)
    job.step("build", ABI)
    job.step("keep")
    newest = job.push("Say more")
    job.step("build", ABI)
    job.step("keep")
    job.step("suite", "core", status=1)
    job.step("bisect", "core")
    job.saying(ONTARGET_ALLURE="yes").step("report", "core")
    builds = {build["commit"] for build in json.loads(ontarget(job, "artifact", "list", "--json"))}
    assert builds == {good, culprit, newest}
    comment = job.found("core", "comment.md")
    assert "1 of 1 checks failed" in comment
    assert "| **wrong** | `scale accuracy` | `local` |" in comment
    assert f'{culprit[:12]} "Round differently" made it wrong' in comment
    assert comment in Path(job.environment["GITHUB_STEP_SUMMARY"]).read_text()
    assert 'failures="1"' in job.found("core", "junit.xml")
    assert (job.clone / ".ontarget-ci" / "good-core").read_text().strip() == good, "what fails is no baseline"
    assert (job.clone / ".ontarget-ci" / "allure-history.jsonl").exists(), "where the service keeps it for the next run"
    assert (job.clone / "ontarget-reports" / "core" / "allure-report" / "index.html").exists()


def test_a_change_from_a_fork_is_tested_once_that_commit_was_approved(pipeline: Pipeline, tmp_path: Path) -> None:
    """GitLab, by a maintainer's pipeline: what was pushed after the look is refused, nothing becomes a baseline."""
    git(pipeline.origin, "checkout", "-q", "-b", "change")
    approved = pipeline.push("Offer a change")
    git(pipeline.origin, "update-ref", "refs/merge-requests/3/head", approved)
    git(pipeline.clone, "checkout", "-q", "main")
    job = pipeline.saying(**services(tmp_path)["gitlab"], ONTARGET_COMMIT=approved, ONTARGET_MERGE_REQUEST="3")
    job.step("checkout", "refs/merge-requests/3/head", approved)
    job.step("build", ABI, f"{approved}~1")
    assert (job.clone / "ontarget-base" / ABI / "libkernels.so").exists(), "what the commit is compared with"
    assert "not merged" in job.step("keep", status=2)
    job.step("suite", "virtual")
    assert job.results("virtual")["commit"] == approved
    job.step("suite", "core")
    job.step("report", "core")
    assert job.results("core")["commit"] == approved
    assert 'ontarget_run_checks{model="local",outcome="pass"} 1' in job.found("core", "metrics.txt")
    assert not (job.clone / ".ontarget-ci" / "good-core").exists()

    later = job.push("Slip something in")
    git(job.origin, "update-ref", "refs/merge-requests/3/head", later)
    git(job.clone, "checkout", "-q", "main")
    said = job.step("checkout", "refs/merge-requests/3/head", approved, status=2)
    assert f"is at {later} now, approved was {approved}" in said
    assert git(job.clone, "rev-parse", "HEAD") != later
    assert "expected the approved commit's whole name" in job.step("checkout", "refs/x", approved[:9], status=2)


@pytest.mark.parametrize("told", ["the step", "all processes"])
def test_a_cancelled_job_gives_its_device_back(pipeline: Pipeline, tmp_path: Path, told: str) -> None:
    """GitHub tells the step, Jenkins and GitLab all processes: what was leased is free at once, not when it ends."""
    job = pipeline.saying(**services(tmp_path)["jenkins"], ONTARGET_CORE_SUITE="-m long --lease-ttl 1h")
    job.step("build", ABI)
    running = job.start("suite", "core")
    try:
        eventually((job.clone / "measuring").exists, "a test that has the device", deadline=60)
        (device,) = json.loads(ontarget(job, "devices", "--on", "local", "--json"))
        assert (device["state"], device["purpose"]) == ("leased", "https://jenkins.example.org/job/kernels/7/")
        if told == "the step":
            running.send_signal(signal.SIGTERM)
        else:
            os.killpg(running.pid, signal.SIGTERM)
        said, _ = running.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert (running.returncode, "devices were given back" in said) == (130, True), said
    (device,) = json.loads(ontarget(job, "devices", "--on", "local", "--json"))
    assert device["state"] == "available"


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ("github", {"GITHUB_EVENT_NAME": "pull_request"}),
        ("github", {"GITHUB_EVENT_NAME": "workflow_run"}),
        ("gitlab", {"CI_COMMIT_REF_PROTECTED": "false"}),
        ("jenkins", {"CHANGE_ID": "7"}),
        ("jenkins", {"JENKINS_URL": ""}),
    ],
)
def test_only_jobs_of_what_members_pushed_keep_builds(
    pipeline: Pipeline, tmp_path: Path, service: str, more: dict[str, str]
) -> None:
    job = pipeline.saying(**{**services(tmp_path)[service], **more})
    assert "not merged" in job.step("keep", status=2)
    assert not (tmp_path / "artifacts").exists()


def test_a_superseded_commit_is_left_to_the_newer_ones_job(pipeline: Pipeline, tmp_path: Path) -> None:
    job = pipeline.saying(**services(tmp_path)["gitlab"])
    job.step("superseded")
    git(job.origin, "commit", "-q", "--allow-empty", "-m", "Go on")
    assert git(job.origin, "rev-parse", "HEAD") in job.step("superseded", status=1)
    git(job.origin, "checkout", "-q", "-b", "other")
    git(job.origin, "branch", "-q", "-D", "main")
    job.step("superseded")
