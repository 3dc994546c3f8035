"""The files that teams copy: schemas, linters, and what they promise about code from forks."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from support.pipelines import ROOT, STEPS

GITHUB = sorted((ROOT / "ci" / "github").glob("*.yml"))
GITLAB = ROOT / "ci" / "gitlab" / ".gitlab-ci.yml"
JENKINS = ROOT / "ci" / "jenkins" / "Jenkinsfile"
_BIN = Path(sys.executable).parent


def passes(*command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def loaded(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text())


def test_github_takes_the_workflows() -> None:
    passes(_BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *GITHUB)


def test_gitlab_takes_the_pipeline() -> None:
    words = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    passes(_BIN / "check-jsonschema", *words, GITLAB)


def test_the_workflows_contexts_and_expressions_are_right(tmp_path: Path) -> None:
    labels = tmp_path / "actionlint.yaml"
    labels.write_text("self-hosted-runner:\n  labels: [ontarget]\n")
    passes(_BIN / "actionlint", "-config-file", labels, "-shellcheck", _BIN / "shellcheck", "-pyflakes", "", *GITHUB)


def test_the_workflows_let_nothing_of_a_fork_at_secrets_or_tokens() -> None:
    passes(_BIN / "zizmor", "--offline", "--no-progress", "--persona=regular", *GITHUB)


def test_the_steps_are_plain_shell() -> None:
    steps = sorted(STEPS.iterdir())
    passes(_BIN / "shellcheck", "--external-sources", f"--source-path={STEPS}", *steps)
    for step in steps:
        passes("sh", "-n", step)
        assert step.name == "common" or step.stat().st_mode & 0o111


@pytest.mark.parametrize("file", [*GITHUB, GITLAB, JENKINS], ids=lambda file: file.name)
def test_each_step_that_is_called_exists(file: Path) -> None:
    called = set(re.findall(r"\.ontarget/ci/steps/(\w+)", file.read_text()))
    assert called >= {"setup", "build", "suite"}
    assert called <= {step.name for step in STEPS.iterdir()} - {"common"}


def test_what_writes_builds_or_comments_runs_no_code_of_an_unmerged_change() -> None:
    change = loaded(ROOT / "ci" / "github" / "ontarget-change.yml")
    assert change["permissions"] == {}
    for name, job in change["jobs"].items():
        writes = "write" in job.get("permissions", {}).values()
        reads = any("checkout" in step.get("uses", "") for step in job["steps"])
        assert not (writes and reads), name
        assert not re.search(r"secrets\.|github\.token", str(job)) or not reads, name
    push = loaded(ROOT / "ci" / "github" / "ontarget.yml")
    assert push["permissions"] == {"contents": "read"}
    secret = [name for name, job in push["jobs"].items() if "secrets." in str(job)]
    assert secret == ["keep"]
    assert "github.event_name != 'pull_request'" in push["jobs"]["keep"]["if"]
    hardware = [job for job in push["jobs"].values() if "self-hosted" in job["runs-on"]]
    assert [(job["needs"], job["concurrency"]["cancel-in-progress"]) for job in hardware] == [("keep", False)] * 2


def test_devices_of_the_approval_wait_for_the_approval() -> None:
    jobs = loaded(ROOT / "ci" / "github" / "ontarget-change.yml")["jobs"]
    assert jobs["approve"]["environment"] == "ontarget-forks"
    assert (jobs["core"]["needs"], jobs["build"]["needs"]) == ("build", "approve")
    sources = [
        step["with"]["ref"]
        for name in ("build", "core")
        for step in jobs[name]["steps"]
        if "with" in step and "ref" in step["with"]
    ]
    assert sources == ["${{ github.event.workflow_run.head_sha }}"] * 2, "never what a branch has come to since"


def test_the_jenkinsfile_is_a_declarative_pipeline() -> None:
    """Its brackets and quotes close, and its sections are those that there are. Jenkins alone knows the rest."""
    text = JENKINS.read_text()
    bare = re.sub(r"'(\\.|[^'\\])*'|\"(\\.|[^\"\\])*\"|//[^\n]*", "''", text)
    open_ones = []
    for sign in bare:
        if sign in "{[(":
            open_ones.append({"{": "}", "[": "]", "(": ")"}[sign])
        elif sign in "}])":
            assert open_ones.pop() == sign
    assert open_ones == []
    (sections,) = re.findall(r"^pipeline \{\n(.*)^\}", text, re.MULTILINE | re.DOTALL)
    top = re.findall(r"^    (\w+)", sections, re.MULTILINE)
    assert top == ["agent", "parameters", "options", "triggers", "environment", "stages", "post"]
    stages = re.split(r"^        stage\('(\w+)'\)", text, flags=re.MULTILINE)[1:]
    guarded = dict(zip(stages[::2], stages[1::2], strict=True))
    assert list(guarded) == ["build", "virtual", "keep", "hardware"]
    for name in ("keep", "hardware"):
        assert "not { changeRequest() }" in guarded[name]
        assert "beforeAgent true" in guarded[name]
