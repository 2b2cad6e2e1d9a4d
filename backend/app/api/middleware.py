"""What happens around every request: an id, a log line, safe headers, and a problem instead of a crash.

Plain ASGI, outermost first: ``Context`` (request id, log) > ``SafeHeaders`` > ``Problems`` > the framework.
Decisions look at ``scope["path"]`` only, never at a URL built from the Host header.
"""

import re
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors
from app.core.logs import get_logger, in_request
from app.core.metrics import Metrics
from app.core.principal import Principal
from app.utils.chance import Chance

REQUEST_ID = "x-request-id"
API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_ID = REQUEST_ID.encode()
_SANE_ID = re.compile(r"[\w.-]{8,64}", re.ASCII)
_IDS = Chance(16)
_PROBES = ("/health/live", "/health/ready", "/metrics")

log = get_logger()


def wrap(app: ASGIApp, metrics: Metrics, *, https: bool) -> ASGIApp:
    """Puts everything of this module around an application."""
    return Context(SafeHeaders(Problems(app), https=https), metrics)


class Context:
    """Gives each request an id, and tells how it ended: method, route, status and time, never its path or query."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = id_of(scope)
        ended = _Ended()
        with in_request(request_id):
            await self._app(scope, receive, _with_id(ended.watch(send), request_id))
            route = getattr(scope.get("route"), "path", "unknown")
            tell(scope, self._metrics, route, ended.status, ended.ms())


def tell(scope: Scope, metrics: Metrics, route: str, status: int, ms: int) -> None:
    """Logs how a request ended, and counts what went wrong."""
    principal: Principal | None = scope["state"].get("principal")
    client_id = principal.client_id if principal else None
    write = log.debug if _is_routine(scope["path"], status) else log.info
    write(
        "request_answered",
        method=scope["method"],
        route=route,
        status=status,
        ms=ms,
        **({"client_id": client_id} if client_id else {}),
    )
    if code := scope["state"].get("problem_code"):
        metrics.error(client_id, code)


def _is_routine(path: str, status: int) -> bool:
    """Whether a line would say nothing: probes, and webhooks that were taken, which are counted by client."""
    return path in _PROBES or (path.startswith("/webhook/") and status == 200)


class _Ended:
    """Notices with which status a response began, and how long it took."""

    def __init__(self) -> None:
        self.status = 0
        self._start = time.perf_counter()

    def watch(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            await send(message)

        return watched

    def ms(self) -> int:
        return round((time.perf_counter() - self._start) * 1000)


def id_of(scope: Scope) -> str:
    """Gives a request its id: the caller's where it is a sane one, else one of ours."""
    given = next((value for name, value in scope["headers"] if name == _ID), b"").decode("latin-1")
    request_id = given if _SANE_ID.fullmatch(given) else _IDS.take().hex()
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def _with_id(send: Send, request_id: str) -> Send:
    return _on_start(send, lambda headers: headers.__setitem__(REQUEST_ID, request_id))


def _on_start(send: Send, change: Callable[[MutableHeaders], None]) -> Send:
    """Lets ``change`` work on the headers of the response before they leave."""

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            change(MutableHeaders(scope=message))
        await send(message)

    return changed


def safe_headers(*, https: bool) -> dict[str, str]:
    """What makes browsers careful."""
    always = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "content-security-policy": API_POLICY,
        "cache-control": "no-store",
    }
    hsts = {"strict-transport-security": "max-age=31536000; includeSubDomains"}
    return always | (hsts if https else {})


class SafeHeaders:
    """Sets safe headers. A handler that sets one itself, as a page does its policy, keeps its own."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._defaults = safe_headers(https=https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http":
            send = _on_start(send, self._add)
        await self._app(scope, receive, send)

    def _add(self, headers: MutableHeaders) -> None:
        for name, value in self._defaults.items():
            headers.setdefault(name, value)


class Problems:
    """Makes a problem of what the framework would answer in plain text, and of every exception that nobody caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rewriter = _Rewriter(scope, receive, send)
        if has_nul(scope):
            await errors.for_status(scope, 400)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, rewriter.send)
        except (
            Exception
        ) as error:  # The last resort: logged here, told as a problem, and not raised into the server's log.
            await rewriter.fail(error)


class _Rewriter:
    """Replaces a plain-text error by a problem, and swallows the body it came with."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._started = self._replaced = False

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            self._started = True
            if self._is_plain_error(message):
                self._replaced = True
                await self._problem(message["status"])
                return
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Tells of an exception; where a response has begun already, its end just doesn't come."""
        response = errors.of_crash(self._scope, error)
        if not self._started:
            await response(self._scope, self._receive, self._send)

    async def _problem(self, status: int) -> None:
        await errors.for_status(self._scope, status)(self._scope, self._receive, self._send)

    def _is_plain_error(self, message: Message) -> bool:
        if message["status"] < 400:
            return False
        kind = Headers(raw=message.get("headers", [])).get("content-type", "")
        return kind == "" or kind.startswith("text/plain")


def has_nul(scope: Scope) -> bool:
    """Whether path, query or a header has a NUL: no text of ours has one, and PostgreSQL refuses it."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return True
    return b"\0" in b"".join([value for _, value in scope["headers"]])
