"""The pages, one method each. Those that ask the store run in threads of the server's."""

import json
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from ontarget.device_farm.errors import NoSuchRun
from ontarget.device_farm.memory.acceptance import is_commit
from ontarget.device_farm.reports.view import Check, RunView, modelless
from ontarget.device_farm.web.access import COOKIE, SESSION_SECONDS, Access
from ontarget.device_farm.web.charts import Histories, pairs
from ontarget.device_farm.web.live import Live, Parts
from ontarget.device_farm.web.site import Site, Views
from ontarget.device_farm.web.templating import render
from ontarget.harness.outcomes import Outcome

LATEST: Final = 8
PAGE: Final = 50
MOST_FAILED: Final = 100
MOST_CHECKS: Final = 250
MOST_TESTS: Final = 300
MOST_RUNS: Final = 1000
MOST_FAULTS: Final = 100
MOST_COMMITS: Final = 100
_LONGEST_FORM: Final = 4096


class Pages:
    def __init__(self, site: Site, access: Access) -> None:
        self._site = site
        self._access = access
        links = site.links()
        self._histories = Histories(site.memory, site.overview, links.commit, lambda run: links.run(run or ""))
        self._views = Views(site.overview)
        self._live = Live(self._parts)

    # The farm

    def farm(self, _request: Request) -> Response:
        return self._page("farm.html", "/", now=self._site.overview.now(), **self._farm())

    def _farm(self) -> dict[str, Any]:
        runs = self._site.overview.runs(newest=LATEST)
        return {"devices": self._site.devices(), "runs": runs, "links": self._site.links()}

    def _parts(self) -> Parts:
        found = self._farm()
        return {"devices": render("devices.html", found), "runs": render("runlist.html", found)}

    async def events(self, _request: Request) -> Response:
        return StreamingResponse(self._live.events(), media_type="text/event-stream")

    # Runs

    def runs(self, request: Request) -> Response:
        words = request.query_params.get("words", "").strip()
        skip = _number(request.query_params.get("skip", "0"))
        found = self._site.overview.runs(newest=PAGE + 1, skip=skip, words=words)

        def at(place: int) -> str:
            return f"/runs?{urlencode({'words': words, 'skip': place})}"

        return self._page(
            "runs.html",
            "/runs",
            runs=found[:PAGE],
            words=words,
            links=self._site.links(),
            newer=at(max(0, skip - PAGE)) if skip else None,
            older=at(skip + PAGE) if len(found) > PAGE else None,
        )

    def run(self, request: Request) -> Response:
        view = self._views.of(request.path_params["run"])
        chosen = {name: request.query_params.get(name, "") for name in ("operator", "model", "outcome")}
        return self._page(
            "run.html",
            "/runs",
            view=view,
            links=self._site.links(view.run or ""),
            most=MOST_FAILED,
            many=MOST_CHECKS,
            chosen=chosen,
            filtered=" on ".join(filter(None, (chosen["operator"], chosen["model"], chosen["outcome"]))),
            found=view.matching(**chosen),
        )

    def check(self, request: Request) -> Response:
        view = self._views.of(request.path_params["run"])
        number: int = request.path_params["number"]
        if number >= len(view.checks):
            raise NoSuchRun(f"run {view.run} has {len(view.checks)} checks, and none of number {number}")
        check = view.checks[number]
        return self._page(
            "onecheck.html",
            "/runs",
            view=view,
            links=self._site.links(view.run or ""),
            check=check,
            level=1,
            series=self._series(check),
            pairs=self._pairs(view, check),
        )

    def _series(self, check: Check) -> dict[str, str] | None:
        record = check.record
        if record.device is None or record.check is None or record.verdict is None:
            return None
        return self._source(record.id, record.device, record.check)

    def _pairs(self, view: RunView, check: Check) -> dict[str, str] | None:
        record = check.record
        if view.run is None or record.device is None or record.check is None:
            return None
        measured = self._site.overview.measured(view.run, record.id, record.device, record.check)
        if measured is None or len(measured.differences) < 2:
            return None
        return {"values": json.dumps(pairs(measured, record.verdict, self._site.memory))}

    # Tests

    def tests(self, request: Request) -> Response:
        words = request.query_params.get("words", "").strip()
        found: dict[str, dict[str, None]] = {}
        for row in self._site.overview.tests(words):
            found.setdefault(modelless(row.test, row.model), {})[row.model] = None
        shown = {name: list(found[name]) for name in sorted(found)[:MOST_TESTS]}
        return self._page("tests.html", "/tests", words=words, found=shown, total=len(found), links=self._site.links())

    def test(self, request: Request) -> Response:
        name = request.query_params.get("name", "")
        found = [
            {
                "model": row.model,
                "device": row.device,
                "metric": row.metric,
                "attributes": self._source(row.test, row.device, row.metric),
            }
            for row in self._site.overview.tests(name.partition("[")[0])
            if name in (row.test, modelless(row.test, row.model))
        ]
        if not found:
            return self.failed(404, "No such test", f"Nothing is remembered of the test {name!r}.")
        return self._page("test.html", "/tests", name=name, found=found)

    def series(self, request: Request) -> Response:
        asked = request.query_params
        return JSONResponse(
            self._histories.of((asked.get("test", ""), asked.get("device", ""), asked.get("check", "")))
        )

    def commits(self, request: Request) -> Response:
        """The commits after one measured commit up to another, as the server's repository knows them."""
        after, until = (request.query_params.get(name, "") for name in ("after", "until"))
        tree = self._site.tree
        known = tree.told_between(after, until) if tree and is_commit(after) and is_commit(until) else None
        if known is None:
            return JSONResponse([], 404)
        link = self._site.links().commit
        return JSONResponse(
            [{"name": sha[:10], "subject": subject, "link": link(sha)} for sha, subject in known[-MOST_COMMITS:]]
        )

    def _source(self, test: str, device: str, check: str) -> dict[str, str]:
        found = {"source": f"/series.json?{urlencode({'test': test, 'device': device, 'check': check})}"}
        return found if self._site.tree is None else {**found, "commits": "/commits.json"}

    # Devices

    def device(self, request: Request) -> Response:
        name = request.path_params["name"]
        device = self._site.device(name)
        rows = self._site.overview.device_runs(name, newest=MOST_RUNS)
        links = self._site.links()

        def told(column: str) -> str:
            values = [
                {"name": (row.commit or row.run)[:10], "value": getattr(row, column), "href": links.run(row.run)}
                for row in rows
                if getattr(row, column) is not None
            ]
            return json.dumps(values) if values else ""

        record = {
            "noise": told("noise"),
            "temperature": told("temperature_c"),
            "runs": len(rows),
            **{column: sum(getattr(row, column) for row in rows) for column in ("infra", "flawed", "pairs")},
        }
        faults = self._site.overview.faults(name, newest=MOST_FAULTS)
        return self._page("device.html", "/", device=device, record=record, faults=faults, links=links)

    # The door

    async def login(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page("login.html", "/login", refused=False)
        form = b""
        async for part in request.stream():
            form += part
            if len(form) > _LONGEST_FORM:
                return self.failed(413, "Too long", "The form is longer than any token.")
        given = parse_qs(form.decode("latin-1")).get("token", [""])[0]
        if not self._access.is_token(given.strip()):
            return self._page("login.html", "/login", status=403, refused=True)
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        answer.set_cookie(
            COOKIE, self._access.new_session(), SESSION_SECONDS, httponly=True, samesite="strict", secure=secure
        )
        return answer

    def failed(self, status: int, heading: str, message: str) -> Response:
        return self._page("error.html", "", status=status, heading=heading, message=message)

    def _page(self, template: str, here: str, *, status: int = 200, **values: Any) -> Response:
        known = {"here": here, "outcomes": list(Outcome), **values}
        return HTMLResponse(render(template, known), status)


def _number(words: str) -> int:
    return int(words) if words.isascii() and words.isdigit() and len(words) < 10 else 0
