"""Posts a comment on the change that a CI job is about, or renews the one that is there: `comment.py FILE`.

Which change it is, is told by $ONTARGET_CHANGE, its page, or found by the commit ($ONTARGET_COMMIT) on GitHub. The
token is in $ONTARGET_COMMENT_TOKEN. https://docs.github.com/rest/issues/comments, https://docs.gitlab.com/api/notes/
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

MARK = "<!-- ontarget: {name} -->"
TOKEN, CHANGE, COMMIT, NAME = (
    "ONTARGET_COMMENT_TOKEN",
    "ONTARGET_CHANGE",
    "ONTARGET_COMMIT",
    "ONTARGET_COMMENT_NAME",
)
_PATIENCE = 60
_MOST = 65_000  # GitHub takes 65,536 characters
_GITHUB = re.compile(r"(https?://[^/]+)/([^/]+/[^/]+)/pull/(\d+)/?")
_GITLAB = re.compile(r"(https?://[^/]+)/(.+)/-/merge_requests/(\d+)/?")


@dataclass(frozen=True)
class Discussion:
    """Where a change's comments are listed and added; `one` begins the address of each."""

    all: str
    one: str
    headers: Mapping[str, str]
    renew: str  # the HTTP method

    def comments(self) -> Iterator[dict[str, Any]]:
        page = 1
        while found := _asked("GET", f"{self.all}?per_page=100&page={page}", self.headers):
            yield from found
            page += 1

    def say(self, text: str, mark: str) -> str:
        """Add the text, or renew what was said under this mark before."""
        for comment in self.comments():
            if str(comment.get("body", "")).startswith(mark):
                _asked(self.renew, f"{self.one}/{comment['id']}", self.headers, {"body": text})
                return "renewed"
        _asked("POST", self.all, self.headers, {"body": text})
        return "added"


def main() -> int:
    if len(sys.argv) != 2:
        return _failed("expected one file: comment.py comment.md")
    token = os.environ.get(TOKEN, "")
    if not token:
        return _failed(f"expected a token that may comment in ${TOKEN}, found none")
    mark = MARK.format(name=os.environ.get(NAME) or "devices")
    text = f"{mark}\n{Path(sys.argv[1]).read_text(encoding='utf-8')[:_MOST]}"
    try:
        page = os.environ.get(CHANGE) or _change_of_commit(os.environ, token)
        if not page:
            print("no open change has this commit as its newest: nothing to comment on", file=sys.stderr)
            return 0
        said = discussion(page, os.environ, token).say(text, mark)
    except (ValueError, requests.RequestException) as error:
        return _failed(str(error))
    print(f"{page}: comment {said}", file=sys.stderr)
    return 0


def discussion(page: str, environment: Mapping[str, str], token: str) -> Discussion:
    """Where to comment on the change with this page. Raises ValueError for what is no page of a change."""
    github, gitlab = _GITHUB.fullmatch(page), _GITLAB.fullmatch(page)
    if github:
        repository = f"{_github_api(environment, github[1])}/repos/{github[2]}"
        comments = f"{repository}/issues/{github[3]}/comments"
        return Discussion(comments, f"{repository}/issues/comments", _github_headers(token), "PATCH")
    if gitlab:
        api = environment.get("CI_API_V4_URL") or f"{gitlab[1]}/api/v4"
        notes = f"{api}/projects/{quote(gitlab[2], safe='')}/merge_requests/{gitlab[3]}/notes"
        return Discussion(notes, notes, {"PRIVATE-TOKEN": token}, "PUT")
    raise ValueError(f"expected the page of a pull or merge request in ${CHANGE}, found {page!r}")


def _change_of_commit(environment: Mapping[str, str], token: str) -> str:
    """The open pull request whose newest commit this is. GitHub names none in the event when it is from a fork."""
    repository, commit = environment.get("GITHUB_REPOSITORY"), environment.get(COMMIT) or environment.get("GITHUB_SHA")
    if not repository or not commit:
        raise ValueError(
            f"expected the change's page in ${CHANGE}, or the commit in ${COMMIT} on GitHub, found neither"
        )
    api = f"{_github_api(environment, environment.get('GITHUB_SERVER_URL', 'https://github.com'))}/repos/{repository}"
    headers, page = _github_headers(token), 1
    while found := _asked("GET", f"{api}/pulls?state=open&per_page=100&page={page}", headers):
        for change in found:
            if change["head"]["sha"] == commit:
                return str(change["html_url"])
        page += 1
    return ""


def _github_api(environment: Mapping[str, str], host: str) -> str:
    own = "https://api.github.com" if host == "https://github.com" else f"{host}/api/v3"
    return environment.get("GITHUB_API_URL") or own


def _github_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}


def _asked(method: str, address: str, headers: Mapping[str, str], body: Mapping[str, str] | None = None) -> Any:
    answer = requests.request(method, address, headers=dict(headers), json=body, timeout=_PATIENCE)
    if not answer.ok:
        raise ValueError(
            f"{method} {address}: expected success, found {answer.status_code} {answer.reason}: {answer.text[:200]}; "
            f"see that ${TOKEN} may comment there"
        )
    return answer.json()


def _failed(why: str) -> int:
    print(f"comment.py: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
