"""The comment on a change, by the interfaces of GitHub and GitLab, which a server here plays."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.pipelines import Pipeline, library

SHA = "ab" * 20


class Service(ThreadingHTTPServer):
    """Keeps comments as both services do: listed by pages, added by POST, renewed by PATCH or PUT."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments = [{"id": number, "body": f"I think {number}"} for number in range(120)]
        self.heads: dict[int, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def ours(self) -> list[str]:
        return [str(comment["body"]) for comment in self.comments if "<!-- ontarget" in str(comment["body"])]


class Handler(BaseHTTPRequestHandler):
    server: Service

    def _take(self) -> None:
        service = self.server
        path, _, query = self.path.partition("?")
        service.asked.append((self.command, path))
        service.tokens.add(self.headers.get("PRIVATE-TOKEN") or self.headers["Authorization"].removeprefix("Bearer "))
        if service.tokens == {"wrong"}:
            self._answer(403, {"message": "no"})
        elif path.endswith("/pulls"):
            heads = [
                {"head": {"sha": sha}, "html_url": f"{service.address}/ada/kernels/pull/{number}"}
                for number, sha in service.heads.items()
            ]
            self._answer(200, heads if "page=1" in re.split("&", query) else [])
        elif self.command == "GET":
            first = (int(query.rpartition("page=")[2]) - 1) * 100
            self._answer(200, service.comments[first : first + 100])
        else:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
            if self.command == "POST":
                service.comments.append({"id": len(service.comments), "body": body})
            else:
                service.comments[int(path.rpartition("/")[2])]["body"] = body
            self._answer(200, {})

    do_GET = do_POST = do_PATCH = do_PUT = _take  # noqa: N815  # as the server calls them

    def _answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def job(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    # a store is made once: that takes a second
    state = tmp_path_factory.getbasetemp() / "comments-state"
    job = library(tmp_path).saying(ONTARGET_COMMENT_TOKEN="secret", XDG_STATE_HOME=str(state))
    _found(job.clone, "saxpy")
    return job


def _found(clone: Path, operator: str) -> None:
    record = {
        "id": "t::t[pi]",
        "device": "pi",
        "model": "pi",
        "layer": None,
        "dtype": None,
        "check": None,
        "outcome": "crashed",
        "seconds": 1.0,
        "message": "@maintainers | look",
        "operator": operator,
    }
    results = {"schema": 1, "commit": SHA, "started": "", "finished": "", "devices": [], "tests": [record]}
    (clone / "found").mkdir(exist_ok=True)
    (clone / "found" / "ontarget-results.json").write_text(json.dumps(results))


def test_a_fork_s_change_is_found_by_its_commit_and_the_comment_renewed(job: Pipeline, service: Service) -> None:
    service.heads = {3: "cd" * 20, 8: SHA}
    job = job.saying(
        GITHUB_API_URL=service.address,
        GITHUB_SERVER_URL=service.address,
        GITHUB_REPOSITORY="ada/kernels",
        ONTARGET_COMMIT=SHA,
    )
    job.step("comment", "found", "core")
    _found(job.clone, "gemm")
    job.step("comment", "found", "core")
    job.step("comment", "found", "virtual")
    core, virtual = service.ours()
    assert core.startswith("<!-- ontarget: core -->\n### ontarget: 1 of 1 checks failed")
    assert "`gemm`" in core
    assert "`@maintainers ¦ look`" in virtual, "what the change's code says can call nobody"
    assert ("POST", "/repos/ada/kernels/issues/8/comments") in service.asked
    assert ("PATCH", "/repos/ada/kernels/issues/comments/120") in service.asked


def test_a_commit_of_no_open_change_is_commented_nowhere(job: Pipeline, service: Service) -> None:
    service.heads = {3: "cd" * 20}
    job = job.saying(GITHUB_API_URL=service.address, GITHUB_REPOSITORY="ada/kernels", ONTARGET_COMMIT=SHA)
    assert "nothing to comment on" in job.step("comment", "found", "core")
    assert service.ours() == []


def test_a_merge_request_gets_a_note(job: Pipeline, service: Service) -> None:
    job = job.saying(ONTARGET_CHANGE=f"{service.address}/group/ada/kernels/-/merge_requests/3")
    job.step("comment", "found", "core")
    job.step("comment", "found", "core")
    notes = "/api/v4/projects/group%2Fada%2Fkernels/merge_requests/3/notes"
    assert [asked for asked in service.asked if asked[0] != "GET"] == [("POST", notes), ("PUT", f"{notes}/120")]
    assert service.tokens == {"secret"}


def test_what_cannot_be_said_is_a_failure(job: Pipeline, service: Service) -> None:
    change = f"{service.address}/ada/kernels/pull/8"
    refused = job.saying(GITHUB_API_URL=service.address, ONTARGET_CHANGE=change, ONTARGET_COMMENT_TOKEN="wrong")
    assert "found 403" in refused.step("comment", "found", "core", status=1)
    assert "expected a token" in job.saying(ONTARGET_COMMENT_TOKEN="").step("comment", "found", "core", status=1)
    elsewhere = job.saying(ONTARGET_CHANGE="https://example.org/8")
    assert "expected the page of a pull or merge request" in elsewhere.step("comment", "found", "core", status=1)
    (job.clone / "found" / "ontarget-results.json").unlink()
    (job.clone / "found" / "ontarget-results.json").symlink_to("/etc/hostname")
    assert "no results" in job.step("comment", "found", "core"), "a link out of the artifact is not followed"
