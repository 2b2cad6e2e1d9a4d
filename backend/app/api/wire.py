"""HTTP on the wire: the server's own, with three differences.

What it can't even read is answered by a problem, as all errors are. What many requests are answered at the same
moment, as when a batch of webhooks is committed, leaves together, each answer in one piece: a reader is woken once. And
a webhook as platforms send it is read to its end, and handed to ``Intake`` whole: the steps between were a seventh of
what it costs. One that is odd in any way takes them.
"""

import asyncio
import re
from functools import partial
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api import errors
from app.api.intake import Answer, Intake, answer, lines
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


MOST_WHOLE = 64 * 1024
"""Bytes of a webhook that is read to its end before it finds a place."""

_PLAIN = re.compile(rb"/webhook/[\w.-]+/[\w.-]+", re.ASCII)
_ODD = {b"expect", b"transfer-encoding", b"upgrade"}


class _Mute:
    """Nobody waits for news of a call's body."""

    def set(self) -> None:
        """Tells nobody."""


class Call:
    """A webhook on its way: what the server sees of it, as of any request."""

    more_body = True
    response_complete = False
    disconnected = False
    message_event = _Mute()

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.body = bytearray()


class Http(HttpToolsProtocol):
    """One connection."""

    scope: Any
    cycle: Any
    _coming: Call | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # As the server's own.
        """Begins a connection."""
        super().connection_made(cast(asyncio.Transport, Held(transport, self.loop)))

    def on_headers_complete(self) -> None:
        """Begins to serve a request; a plain webhook waits for its end."""
        if self._is_plain():
            target = {"path": self.url.decode(), "raw_path": self.url, "query_string": b""}
            self.scope |= {"method": "POST", **target}
            self.cycle = self._coming = Call(keep_alive=self.parser.should_keep_alive())
        else:
            super().on_headers_complete()

    def _is_plain(self) -> bool:
        """Whether this is a webhook as platforms send it, on a connection with nothing else to do."""
        parser = self.parser
        if parser.get_method() != b"POST" or not _PLAIN.fullmatch(self.url):
            return False
        head = dict(self.headers)
        small = int(head.get(b"content-length", MOST_WHOLE + 1)) <= MOST_WHOLE
        plain = parser.get_http_version() == "1.1" and head.keys().isdisjoint(_ODD)
        free = self.cycle is None or self.cycle.response_complete
        return small and plain and free and self._intake is not None

    @property
    def _intake(self) -> Intake | None:
        """What serves webhooks, once the application has begun."""
        stack = getattr(self.app, "middleware_stack", None)
        return stack if isinstance(stack, Intake) else None

    def on_message_complete(self) -> None:
        """Takes note of a request's end; begins to serve a webhook."""
        super().on_message_complete()
        call, self._coming = self._coming, None
        if call and (intake := self._intake):
            intake.places.ask(partial(self._begin, intake, call, self.scope))

    def _begin(self, intake: Intake, call: Call, scope: Scope, has_place: bool) -> bool:
        """Serves a webhook that has a place; it became no task before. What was said whole counts, whoever left."""
        if has_place:
            task = self.loop.create_task(self._serve(intake, call, scope))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self._answer(call, answer(intake.overloaded(scope)))
        return True

    async def _serve(self, intake: Intake, call: Call, scope: Scope) -> None:
        try:
            told = await intake.whole(scope, bytes(call.body))
        except BaseException:
            self.transport.close()  # Nobody must wait for what doesn't come any more.
            raise
        if self.flow.write_paused:
            await self.flow.drain()
        self._answer(call, told)

    def _answer(self, call: Call, told: Answer) -> None:
        if call.disconnected:
            return
        status, head, body = told
        ours = lines(self.server_state.default_headers)
        end = b"\r\n" if call.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], ours, head, end, body)))
        call.response_complete = True
        if not call.keep_alive:
            self.transport.close()
        self.on_response_complete()

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
