"""HTTP on the wire: the server's own, but that what it can't even read is answered by a problem, as all errors are."""

from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api import errors
from app.api.middleware import REQUEST_ID, id_of, safe_headers


class Http(HttpToolsProtocol):
    """One connection."""

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
