"""Lets a client's own web pages, and no others, use the web channel from a browser.

Origins are compared as a whole, letter by letter. No credentials, no wildcard: a page that isn't listed gets no
header, and its browser keeps the answer from it.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OriginCheck = Callable[[str], Awaitable[bool]]

METHODS = "GET, POST"
REQUEST_HEADERS = (
    "authorization, content-type, accept-language, idempotency-key, last-event-id, x-request-id"
)
EXPOSED_HEADERS = "x-request-id, retry-after, ratelimit, ratelimit-policy"
_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?"
)


class WebOrigins:
    """Answers browsers that ask on behalf of a page, under some paths only."""

    def __init__(self, app: ASGIApp, allowed: OriginCheck, paths: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = allowed
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or not self._concerns(scope["path"]):
            await self._app(scope, receive, send)
            return
        origin = await self._allowed_origin(scope)
        if _is_preflight(scope):
            await _preflight(origin)(scope, receive, send)
            return
        await self._app(scope, receive, _marked(send, origin))

    def _concerns(self, path: str) -> bool:
        return any(path == own or path.startswith(f"{own}/") for own in self._paths)

    async def _allowed_origin(self, scope: Scope) -> str | None:
        """The page's origin, when exactly one is named, well-formed and listed."""
        given = Headers(scope=scope).getlist("origin")
        if len(given) != 1 or not _ORIGIN.fullmatch(given[0]):
            return None
        return given[0] if await self._allowed(given[0]) else None


def _is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in Headers(scope=scope)


def _preflight(origin: str | None) -> Response:
    response = Response(status_code=204)
    _mark(response.headers, origin)
    if origin is not None:
        response.headers["access-control-allow-methods"] = METHODS
        response.headers["access-control-allow-headers"] = REQUEST_HEADERS
        response.headers["access-control-max-age"] = "600"
    return response


def _marked(send: Send, origin: str | None) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            _mark(MutableHeaders(scope=message), origin)
        await send(message)

    return marked


def _mark(headers: MutableHeaders, origin: str | None) -> None:
    headers.add_vary_header("Origin")
    if origin is not None:
        headers["access-control-allow-origin"] = origin
        headers["access-control-expose-headers"] = EXPOSED_HEADERS
