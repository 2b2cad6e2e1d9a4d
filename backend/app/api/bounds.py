"""How much one request may carry before anybody looks at it. What a body weighs is bounded by the framework."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors

MOST_ADDRESS_BYTES = 8 * 1024
MOST_HEAD_BYTES = 32 * 1024
"""Both as at the gateway, for installations without one."""
MOST_SEPARATORS = 12_000
"""Colons and commas of a JSON body. Each may be an error to tell of, and 60,000 took 400 ms; a megabyte of prose has
fewer. Webhooks may have more: they are read only once their signature is right."""


class Bounds:
    """Refuses swollen addresses and heads, and JSON of more parts than anybody needs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "http" and (status := swollen(scope)):
            await errors.for_status(scope, status)(scope, receive, send)
            return
        if scope["type"] == "http" and _may_be_json(scope):
            receive = _counting(receive)
        await self._app(scope, receive, send)


def swollen(scope: Scope) -> int:
    """The status of a request whose head is larger than any that we know a reason for; nothing of another."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_ADDRESS_BYTES:
        return 414
    size = sum([len(name) + len(value) for name, value in scope["headers"]])
    return 431 if size > MOST_HEAD_BYTES else 0


def _may_be_json(scope: Scope) -> bool:
    kind = Headers(scope=scope).get("content-type", "")
    return not kind.startswith("multipart/") and not scope["path"].startswith("/webhook/")


def _counting(receive: Receive) -> Receive:
    found = 0

    async def counting() -> Message:
        nonlocal found
        message = await receive()
        body = message.get("body", b"")
        found += body.count(b",") + body.count(b":")
        if found > MOST_SEPARATORS:
            raise HTTPException(413)
        return message

    return counting
