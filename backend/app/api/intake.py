"""The short way of a webhook: the busiest address of all, served in front of the framework.

What stands around every other route is done here once, in its order and with its own parts: request id, bounds,
limits, problems, safe headers, log line. The route stands in the document like any other, and answers alike when the
framework serves it (tests/unit/test_intake.py); only its CPU differs (bench/webhook_accept).
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache, partial

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import errors
from app.api.addresses import Proxies
from app.api.bounds import swollen
from app.api.language import LANGUAGES, language_of
from app.api.limits import WebhookGate, refusal
from app.api.middleware import REQUEST_ID, has_nul, id_of, safe_headers, tell
from app.api.v1.endpoints import webhooks
from app.bootstrap import Services
from app.core.errors import TooLarge, WafaaError
from app.core.logs import in_request
from app.schemas.webhooks import Taken
from app.utils.places import Places

Read = Callable[[], Awaitable[bytes]]
Answer = tuple[int, bytes, bytes]
"""Status, headers as they go over the wire, and body."""

MOST_AT_ONCE = 256
MOST_WAITING = 4_000
LONGEST_WAIT = 5.0
"""Of more, who waits for longer is asked to come again: late 200s help nobody, the platform has hung up by then."""
_ID_HEADER = REQUEST_ID.encode()
_ID = "0" * 32
"""Stands for the request's id in a refusal that is written beforehand."""


class Intake:
    """Serves ``POST /webhook/{channel}/{client_slug}`` itself, and hands everything else on."""

    def __init__(
        self, app: ASGIApp, services: Services, gate: WebhookGate, proxies: Proxies, *, https: bool
    ) -> None:
        self._app = app
        self._services = services
        self._gate = gate
        self._proxies = proxies
        self.places = Places(MOST_AT_ONCE, seconds=LONGEST_WAIT, waiting=MOST_WAITING)
        self._full = lru_cache(len(LANGUAGES))(self._refusal_in)
        self._safe = safe_headers(https=https)
        self._body = Taken().model_dump_json().encode()
        size = str(len(self._body))
        head = {"content-type": "application/json", "content-length": size, **self._safe}
        self._head = [(name.encode(), value.encode()) for name, value in head.items()]
        self._lines = lines(self._head)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        named = _named(scope)
        if named is None:
            await self._app(scope, receive, send)
            return
        if await self.places.enter():
            refused = await self._serve(scope, partial(_read, scope, receive), *named)
        else:
            refused = self.overloaded(scope)
        if refused:
            await refused(scope, receive, send)
        else:
            head = [*self._head, (_ID_HEADER, scope["state"]["request_id"].encode())]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": self._body})

    async def whole(self, scope: Scope, body: bytes) -> Answer:
        """Serves a call that the server has read to its end, and that has a place; leaves the place.

        Args:
            scope: The call's, whose path names a channel and a client.
            body: What came.
        """

        async def read() -> bytes:
            return body

        _, _, channel, slug = scope["path"].split("/")
        if refused := await self._serve(scope, read, channel, slug):
            return answer(refused)
        own = (_ID_HEADER, scope["state"]["request_id"].encode())
        return 200, self._lines + lines([own]), self._body

    def overloaded(self, scope: Scope) -> Response:
        """Asks to come again, in words that are written already: a refusal mustn't cost what the work would."""
        # Counted, not logged: a line for each would be work, when there is too much of it.
        self._services.metrics.error(None, "overloaded")
        self._services.followers.refused("crowd")
        request_id = id_of(scope)
        head, body = self._full(language_of(Headers(scope=scope).get("accept-language")))
        refused = Response(body.replace(_ID.encode(), request_id.encode()), 503)
        own = [
            (b"content-length", b"%d" % len(refused.body)),
            (_ID_HEADER, request_id.encode()),
        ]
        refused.raw_headers = [*head, *own]
        return refused

    def _refusal_in(self, language: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body of the refusal in a language, the same for everybody but for the request's id."""
        asked = {"headers": [(b"accept-language", language.encode())]}
        refused = errors.for_status({**asked, "state": {"request_id": _ID}}, 503)
        refused.headers.update(self._safe)
        return [one for one in refused.raw_headers if one[0] != b"content-length"], bytes(
            refused.body
        )

    async def _serve(self, scope: Scope, read: Read, channel: str, slug: str) -> Response | None:
        """Takes a call that has a place, and leaves the place; gives what is to be said where it can't be taken."""
        try:
            return await self._serve_now(scope, read, channel, slug)
        finally:
            self.places.leave()

    async def _serve_now(
        self, scope: Scope, read: Read, channel: str, slug: str
    ) -> Response | None:
        began, request_id = time.perf_counter(), id_of(scope)
        with in_request(request_id):
            refused = await self._refusal(scope, read, channel, slug)
            if refused is None:
                return None  # It isn't logged: what came in is counted by client.
            refused.headers.update({**self._safe, REQUEST_ID: request_id})
            ms = round((time.perf_counter() - began) * 1000)
            tell(scope, self._services.metrics, webhooks.PATH, refused.status_code, ms)
            return refused

    async def _refusal(self, scope: Scope, read: Read, channel: str, slug: str) -> Response | None:
        """Takes a call within its bounds and limits; gives what is to be said where that isn't possible."""
        if status := 400 if has_nul(scope) else swollen(scope):
            return errors.for_status(scope, status)
        scope["client"] = (self._proxies.caller(scope), 0)
        account = self._gate.open(scope)
        if account.wait:
            return refusal(scope, account.wait)
        refused = await self._take(scope, read, channel, slug)
        account.settle(refused.status_code if refused else 200)
        return refused

    async def _take(self, scope: Scope, read: Read, channel: str, slug: str) -> Response | None:
        try:
            await webhooks.take(self._services, channel, slug, scope, await read())
        except WafaaError as error:
            return errors.of_ours(scope, error)
        except Exception as error:  # The last resort, as for every route.
            self._services.followers.refused("crash")
            return errors.of_crash(scope, error)
        return None


def answer(told: Response) -> Answer:
    """A response as the server writes it by itself."""
    return told.status_code, lines(told.raw_headers), bytes(told.body)


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they go over the wire."""
    return b"".join([name + b": " + value + b"\r\n" for name, value in headers])


def _named(scope: Scope) -> tuple[str, str] | None:
    """Channel and client of a webhook call; None for any other request."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    match scope["path"].split("/"):
        case ["", "webhook", channel, slug] if channel and slug:
            return channel, slug
        case _:
            return None


async def _read(scope: Scope, receive: Receive) -> bytes:
    """The body, read no further than it may be long.

    Raises:
        TooLarge: It is longer.
        ConnectionError: The caller left before its end.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > webhooks.MOST_BYTES:
            raise TooLarge
    pieces, size, more = list[bytes](), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("The caller left.")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message.get("more_body", False)
        if size > webhooks.MOST_BYTES:
            raise TooLarge
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
