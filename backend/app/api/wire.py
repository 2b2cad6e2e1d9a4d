"""HTTP on the wire: the server's own, with two differences.

What it can't even read is answered by a problem, as all errors are. And what many requests are answered at the same
moment, as when a batch of webhooks is committed, leaves together, each answer in one piece: a reader is woken once.
"""

import asyncio
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api import errors
from app.api.middleware import REQUEST_ID, id_of, safe_headers

MOST_HELD = 64 * 1024
"""Bytes of one connection that wait for the others; of more, none do."""


class Held:
    """A transport that sends what is written when everything that can run now has run."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Writes soon; at once where it is much, so that a reader who is too slow is noticed."""
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MOST_HELD:
            self._send()

    def close(self) -> None:
        """Closes the connection once everything is sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._pieces:
            whole = b"".join(self._pieces)
            self._pieces, self._size = [], 0
            self._transport.write(whole)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's."""
        return getattr(self._transport, name)


class Http(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # As the server's own.
        """Begins a connection."""
        super().connection_made(cast(asyncio.Transport, Held(transport, self.loop)))

    def send_400_response(self, msg: str) -> None:
        """Answers a request that isn't HTTP, in the language it has named by then; ends the connection."""
        del msg  # The parser's words; the log has them.
        scope: Scope = {"type": "http", "headers": list(self.headers or ())}
        request_id = id_of(scope)
        told = errors.for_status(scope, 400)
        headers: dict[str, Any] = safe_headers(https=False) | dict(told.headers)
        headers |= {REQUEST_ID: request_id, "connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[400] + head.encode() + b"\r\n" + bytes(told.body))
        self.transport.close()
