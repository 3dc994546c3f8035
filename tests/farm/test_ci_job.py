"""Which CI job this is, by the variables of each service."""

import pytest

from ontarget.device_farm.ci_job import CiJob, ci_job, history_url
from ontarget.device_farm.identity import owner, purpose

GITHUB = {
    "GITHUB_REPOSITORY": "team/kernels",
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_NUMBER": "12",
    "GITHUB_WORKFLOW": "gate",
    "GITHUB_REF": "refs/pull/5/merge",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_JOB_URL": "https://gitlab.example/team/kernels/-/jobs/9",
    "CI_JOB_NAME": "core",
    "CI_PROJECT_URL": "https://gitlab.example/team/kernels",
    "CI_PROJECT_PATH": "team/kernels",
    "CI_PIPELINE_IID": "3",
    "CI_MERGE_REQUEST_IID": "8",
}
JENKINS = {
    "JENKINS_URL": "https://ci.example/",
    "BUILD_URL": "https://ci.example/job/kernels/4/",
    "BUILD_NUMBER": "4",
    "JOB_NAME": "kernels",
    "GIT_URL": "https://git.example/team/kernels.git",
}


def job(environment: dict[str, str]) -> CiJob:
    found = ci_job(environment)
    assert found is not None
    return found


def test_a_pull_request_on_github() -> None:
    found = job(GITHUB)
    assert (found.service, found.name, found.build, found.order) == ("github", "team/kernels: gate", "#12", 12)
    assert found.url == "https://github.com/team/kernels/actions/runs/77"
    assert found.change == "https://github.com/team/kernels/pull/5"
    assert found.commit_url("abc") == "https://github.com/team/kernels/commit/abc"
    assert job({**GITHUB, "GITHUB_REF": "refs/heads/main"}).change == ""
    assert job({**GITHUB, "GITHUB_SERVER_URL": "https://ghe.example"}).url.startswith("https://ghe.example/team")


def test_a_merge_request_on_gitlab() -> None:
    found = job(GITLAB)
    assert (found.service, found.name, found.order) == ("gitlab", "team/kernels: core", 3)
    assert found.change == "https://gitlab.example/team/kernels/-/merge_requests/8"
    assert found.commit_url("abc") == "https://gitlab.example/team/kernels/-/commit/abc"


@pytest.mark.parametrize(
    ("remote", "page"),
    [
        ("https://git.example/team/kernels.git", "https://git.example/team/kernels"),
        ("git@git.example:team/kernels.git", ""),
        ("https://user:secret@git.example/team/kernels.git", ""),  # a secret is no part of a link
    ],
)
def test_a_build_on_jenkins(remote: str, page: str) -> None:
    found = job({**JENKINS, "GIT_URL": remote})
    assert (found.service, found.repository, found.order) == ("jenkins", page, 4)
    assert found.commit_url("abc") == (f"{page}/commit/abc" if page else "")


@pytest.mark.parametrize("environment", [GITHUB, GITLAB, JENKINS])
def test_a_lease_is_for_the_job(environment: dict[str, str]) -> None:
    assert purpose(environment) == job(environment).url


def test_a_desk_is_no_job() -> None:
    assert ci_job({"BUILD_URL": "https://elsewhere.example"}) is None
    assert purpose({}) == owner()
    assert history_url({}, "t::x") == ""
    assert (
        history_url({"ONTARGET_PAGES": "https://farm.example/"}, "t::x[1]")
        == "https://farm.example/test?name=t%3A%3Ax%5B1%5D"
    )
