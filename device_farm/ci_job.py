"""The CI job that a process runs in, and its pages, from the variables that GitHub, GitLab or Jenkins set."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

# Where the team's `ontarget serve` answers, and where this job's report will be found.
PAGES_VARIABLE = "ONTARGET_PAGES"
REPORT_VARIABLE = "ONTARGET_REPORT_URL"


@dataclass(frozen=True)
class CiJob:
    """`service` is "github", "gitlab" or "jenkins"; `order` counts the builds; `url` is the job's own page.

    `repository` is its page on the web and `commits` the address to which a commit's SHA is added, "" where unknown;
    `change` is the page of the pull or merge request, "" for a push.
    """

    service: str
    name: str
    build: str
    order: int | None
    url: str
    repository: str = ""
    commits: str = ""
    change: str = ""

    def commit_url(self, sha: str | None) -> str:
        return f"{self.commits}{sha}" if sha and self.commits else ""


def ci_job(environment: Mapping[str, str]) -> CiJob | None:
    """The job that the variables tell of, None outside of these services."""
    found = [detect(environment) for detect in (_github, _gitlab, _jenkins)]
    return next((job for job in found if job is not None), None)


def history_url(environment: Mapping[str, str], test: str) -> str:
    """The page of a test (its id without the model) on the team's server, "" where $ONTARGET_PAGES names none."""
    base = environment.get(PAGES_VARIABLE, "").rstrip("/")
    return f"{base}/test?name={quote(test, safe='')}" if base else ""


def _github(environment: Mapping[str, str]) -> CiJob | None:
    """https://docs.github.com/actions/reference/workflows-and-actions/variables"""
    repository, run = environment.get("GITHUB_REPOSITORY"), environment.get("GITHUB_RUN_ID")
    if not repository or not run:
        return None
    page = f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
    number = environment.get("GITHUB_RUN_NUMBER", "")
    kind, _, change = environment.get("GITHUB_REF", "").removeprefix("refs/").partition("/")
    return CiJob(
        service="github",
        name=f"{repository}: {environment.get('GITHUB_WORKFLOW', 'workflow')}",
        build=f"#{number or run}",
        order=_number(number),
        url=f"{page}/actions/runs/{run}",
        repository=page,
        commits=f"{page}/commit/",
        change=f"{page}/pull/{change.partition('/')[0]}" if kind == "pull" else "",
    )


def _gitlab(environment: Mapping[str, str]) -> CiJob | None:
    """https://docs.gitlab.com/ci/variables/predefined_variables/"""
    url = environment.get("CI_JOB_URL")
    if not url or environment.get("GITLAB_CI") != "true":
        return None
    page, pipeline = environment.get("CI_PROJECT_URL", ""), environment.get("CI_PIPELINE_IID", "")
    change = environment.get("CI_MERGE_REQUEST_IID")
    return CiJob(
        service="gitlab",
        name=f"{environment.get('CI_PROJECT_PATH', 'project')}: {environment.get('CI_JOB_NAME', 'job')}",
        build=f"#{pipeline or environment.get('CI_JOB_ID', '')}",
        order=_number(pipeline),
        url=url,
        repository=page,
        commits=f"{page}/-/commit/" if page else "",
        change=f"{page}/-/merge_requests/{change}" if page and change else "",
    )


def _jenkins(environment: Mapping[str, str]) -> CiJob | None:
    """https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables, and Git's GIT_URL"""
    url = environment.get("BUILD_URL")
    if not url or not environment.get("JENKINS_URL"):
        return None
    remote, number = environment.get("GIT_URL", ""), environment.get("BUILD_NUMBER", "")
    page = remote.removesuffix(".git") if remote.startswith(("http://", "https://")) and "@" not in remote else ""
    return CiJob(
        service="jenkins",
        name=environment.get("JOB_NAME", "job"),
        build=f"#{number}",
        order=_number(number),
        url=url,
        repository=page,
        commits=f"{page}/commit/" if page else "",
        change=environment.get("CHANGE_URL", ""),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
