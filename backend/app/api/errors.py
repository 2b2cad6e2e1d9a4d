"""Turns every error into ``application/problem+json`` (RFC 9457), in the caller's language.

Nothing leaves but what is written for people: no stack, no SQL, no path, and never the input itself.
"""

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.api.catalogue import BOUNDS, FIELD_ERRORS, PROBLEMS, WRONG, Entry
from app.api.language import language_of
from app.core import wording
from app.core.errors import RateLimited, WafaaError
from app.core.logs import get_logger
from app.core.shedding import Overloaded
from app.schemas.errors import FieldError, Problem

MEDIA_TYPE: Final = "application/problem+json"
DOCS: Final = "/docs/errors"
_SAFE_NAME = re.compile(r"[A-Za-z][\w-]{0,40}", re.ASCII)
_CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    410: "gone",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media",
    422: "invalid_input",
    428: "precondition_required",
    429: "rate_limited",
    503: "unavailable",
}
_LATER = {429: "1", 503: "5"}

log = get_logger()


def install(app: FastAPI) -> None:
    """Lets an application render every error that its routes raise."""
    handlers: dict[type[Exception], Callable[..., Awaitable[Response]]] = {
        WafaaError: _on_ours,
        HTTPException: _on_http,
        RequestValidationError: _on_invalid,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def problem(
    scope: Scope,
    status: int,
    code: str,
    *,
    detail: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response that tells a problem.

    Args:
        scope: The request's, for its id and language.
        status: HTTP status.
        code: A key of the catalogue.
        detail: What is to be read in English; the catalogue's sentence when absent.
        errors: The fields at fault.
        headers: More headers.
    """
    language = language_of(Headers(scope=scope).get("accept-language"))
    entry = PROBLEMS[code]
    state = scope.setdefault("state", {})
    state["problem_code"] = code
    body = Problem(
        type=f"{DOCS}#{code}",
        title=entry.title.within(language),
        status=status,
        detail=_told(detail, entry, language),
        instance=f"urn:wafaa:request:{state.get('request_id', '-')}",
        code=code,
        errors=list(errors),
        request_id=state.get("request_id", "-"),
        retryable=status in _LATER,
    )
    return Response(
        body.model_dump_json(),
        status,
        _headers(status, language) | dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def _told(detail: str | None, entry: Entry, language: str) -> str:
    """The error's own sentence in the caller's language; the code's where it has none there."""
    own = detail if language == "en" else wording.arabic(detail or "")
    return own or entry.detail.within(language)


def for_status(scope: Scope, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The problem behind a bare HTTP status."""
    code = _CODES.get(status, "bad_request" if status < 500 else "internal_error")
    return problem(scope, status, code, headers=headers)


def _headers(status: int, language: str) -> dict[str, str]:
    always = {"content-language": language, "vary": "Accept-Language"}
    if status == 401:
        return always | {"www-authenticate": 'Bearer realm="wafaa"'}
    return always | ({"retry-after": _LATER[status]} if status in _LATER else {})


async def _on_ours(request: Request, error: WafaaError) -> Response:
    return of_ours(request.scope, error)


def of_ours(scope: Scope, error: WafaaError) -> Response:
    """One of our own errors. What a server error says is for the log, not for the caller."""
    if error.status == 500:
        log.error("request_failed", exc_info=error)
    return problem(
        scope,
        error.status,
        error.code,
        detail=error.message if error.status != 500 else None,
        errors=_named_field(scope, error),
        headers=_wait(error),
    )


def of_crash(scope: Scope, error: Exception) -> Response:
    """An exception that nobody planned: its place goes to the log, and nothing of it to the caller."""
    log.error("request_failed", exc_info=error)
    return for_status(scope, 500)


def _named_field(scope: Scope, error: WafaaError) -> list[FieldError]:
    if error.pointer is None:
        return []
    language = language_of(Headers(scope=scope).get("accept-language"))
    detail = _told(error.message, PROBLEMS[error.code], language)
    return [FieldError(pointer=error.pointer, detail=detail)]


def _wait(error: WafaaError) -> dict[str, str]:
    if isinstance(error, (RateLimited, Overloaded)) and error.retry_after is not None:
        return {"retry-after": str(max(1, math.ceil(error.retry_after)))}
    return {}


async def _on_http(request: Request, error: HTTPException) -> Response:
    """What the framework refuses: an unknown path, a wrong method, a body too large."""
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    headers = _allow(request) if error.status_code == 405 else error.headers
    return for_status(request.scope, error.status_code, headers)


def _allow(request: Request) -> dict[str, str]:
    """Every method of the address: the framework names those of one route, and an address may have several."""
    routes = iter_route_contexts(request.app.routes)
    here = [one for one in routes if one.matches(request.scope)[0] is not Match.NONE]
    exact = [one for one in here if one.path == request.scope["path"]]
    path = (exact or here)[0].path
    methods = {method for one in here if one.path == path for method in one.methods or ()}
    return {"allow": ", ".join(sorted(methods))}


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    """A request that doesn't fit its model."""
    language = language_of(request.headers.get("accept-language"))
    fields = [_field_error(found, language) for found in error.errors()[:100]]
    return problem(request.scope, 422, "invalid_input", errors=fields)


def _field_error(found: Mapping[str, Any], language: str) -> FieldError:
    place, *path = found["loc"]
    bounds = {name: value for name, value in found.get("ctx", {}).items() if name in BOUNDS}
    said = FIELD_ERRORS.get(found["type"], WRONG).within(language)
    at = [] if found["type"] == "json_invalid" else path
    return FieldError(pointer=_pointer(at), place=str(place), detail=said.format(**bounds))


def _pointer(path: Sequence[object]) -> str:
    """A JSON pointer, as far as its names are names: a key that the caller made up isn't repeated."""
    names: list[str] = []
    for part in path:
        if not (isinstance(part, int) or _SAFE_NAME.fullmatch(str(part))):
            break
        names.append(str(part))
    return "".join(f"/{name}" for name in names)
