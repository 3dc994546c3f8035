"""What every request passes, and every answer carries: the door, and the headers that keep other sites out."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ontarget.device_farm.web.access import COOKIE, Access

# Nothing from anywhere else, nothing inline: what a test's name or message says cannot become a script.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_OPEN: Final = ("/login", "/static/")
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """An ASGI layer around the pages."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        path: str = scope["path"]
        if not self._access.knows_host(headers.get("host", "")):
            return PlainTextResponse("This page is for this machine alone: open it as http://127.0.0.1\n", 421)
        if path.startswith(_OPEN):
            return None
        session = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        if self._access.allows(headers.get("authorization"), session):
            return None
        if "text/html" in headers.get("accept", "") and scope["method"] == "GET":
            return RedirectResponse("/login", 303)
        challenge = {"www-authenticate": "Bearer"}
        return PlainTextResponse("A token is needed: Authorization: Bearer TOKEN\n", 401, challenge)
