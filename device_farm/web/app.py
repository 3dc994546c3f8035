"""The pages as an ASGI application."""

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ontarget.device_farm.errors import NoSuchDevice, NoSuchRun
from ontarget.device_farm.web.access import Access
from ontarget.device_farm.web.guard import Guard
from ontarget.device_farm.web.metrics import exposed
from ontarget.device_farm.web.pages import Pages
from ontarget.device_farm.web.site import Site
from ontarget.device_farm.web.templating import STATIC, compile_all
from ontarget.harness.errors import OntargetError

log = logging.getLogger(__name__)


def make_app(site: Site, access: Access) -> Starlette:
    """The application; it closes nothing of `site`."""
    compile_all()
    pages = Pages(site, access)

    def metrics(request: Request) -> Response:
        asked = "application/openmetrics-text" in request.headers.get("accept", "")
        text, kind = exposed(site, as_openmetrics=asked)
        return Response(text, headers={"content-type": kind})

    def failed(_request: Request, error: Exception) -> Response:
        if isinstance(error, NoSuchRun | NoSuchDevice):
            return pages.failed(404, "Not here", str(error))
        log.warning("%s", error)
        return pages.failed(503, "The store does not answer", str(error))

    def unknown(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return pages.failed(status, "Not here" if status == 404 else f"Status {status}", "There is no such page.")

    routes = [
        Route("/", pages.farm),
        Route("/events", pages.events),
        Route("/runs", pages.runs),
        Route("/runs/{run}", pages.run),
        Route("/runs/{run}/checks/{number:int}", pages.check),
        Route("/tests", pages.tests),
        Route("/test", pages.test),
        Route("/series.json", pages.series),
        Route("/commits.json", pages.commits),
        Route("/devices/{name}", pages.device),
        Route("/login", pages.login, methods=["GET", "POST"]),
        Route("/metrics", metrics),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, access=access), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)],
        exception_handlers={OntargetError: failed, HTTPException: unknown},
    )
