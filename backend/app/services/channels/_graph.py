"""A thin client of Meta's Graph API: one JSON call, and what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import structlog
from pydantic import SecretStr

from app.core.errors import (
    Indeterminate,
    RateLimited,
    UpstreamRefused,
    UpstreamUnavailable,
    WafaaError,
)
from app.core.hands import resting
from app.services.channels._json import Json, identifier, items, mapping, number

log = structlog.get_logger(__name__)

VERSION = "v25.0"
"""Reviewed with the adapters; supported until 2028-07-29. A platform constant, never a client's setting."""

TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5, sock_connect=5, sock_read=15)

NEVER_SENT = (
    aiohttp.ClientConnectorError,  # Refused, unresolved, or no TLS.
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)

_ANSWER_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """The Graph API's error object, as far as we act on it; none of its words, which may hold addresses or tokens.

    Attributes:
        status: HTTP status of the answer.
        code: The platform's code, by which alone one branches.
        subcode: The platform's finer code.
        transient: Whether the platform says that another try may help.
        retry_after: Seconds to wait, where the answer tells.
        trace: The platform's trace id, for its support.
    """

    status: int
    code: int
    subcode: int | None = None
    transient: bool = False
    retry_after: float | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    document: Json


@dataclass(frozen=True, slots=True)
class Graph:
    """The Graph API for one access token.

    Attributes:
        http: The process's session.
        base_url: ``https://graph.facebook.com``, or a simulator's.
        token: Sent as a bearer token, to this base URL only.
        explain: Turns a platform's fault into one of our errors.
    """

    http: aiohttp.ClientSession
    base_url: str
    token: SecretStr
    explain: Callable[[Fault], WafaaError]

    async def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """Posts one object and returns the answer's.

        Raises:
            UpstreamUnavailable: There was no connection, so nothing was sent.
            Indeterminate: The request went out, and whether it was taken is unknown.
            WafaaError: What ``explain`` makes of the platform's error.
        """
        answer = await self._exchange(path, body)
        _warn_of_other_version(answer)
        error = mapping(answer.document.get("error"))
        if answer.status < 300 and not error:
            return answer.document
        raise self._refusal(answer, error)

    async def _exchange(self, path: str, body: Mapping[str, Any]) -> Answer:
        url = f"{self.base_url.rstrip('/')}/{VERSION}/{path}"
        try:
            async with (
                resting(),
                self.http.post(
                    url,
                    data=orjson.dumps(body),
                    headers=self._headers(),
                    timeout=TIMEOUT,
                    allow_redirects=False,
                ) as response,
            ):
                return Answer(response.status, response.headers, await _document(response))
        except NEVER_SENT as error:
            raise UpstreamUnavailable from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Indeterminate from error

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "Content-Type": "application/json",
        }

    def _refusal(self, answer: Answer, error: Json) -> WafaaError:
        if not isinstance(error.get("code"), int):
            return _without_words(answer)
        fault = _fault(answer, error)
        log.warning(
            "graph_call_refused",
            status=fault.status,
            code=fault.code,
            subcode=fault.subcode,
            trace_id=fault.trace,
        )
        return self.explain(fault)


async def _document(response: aiohttp.ClientResponse) -> Json:
    """The answer's object; empty where it's too long or not one."""
    body = await response.content.read(_ANSWER_LIMIT)
    while not response.content.at_eof() and len(body) < _ANSWER_LIMIT:
        body += await response.content.read(_ANSWER_LIMIT - len(body))
    try:
        return mapping(orjson.loads(body))
    except orjson.JSONDecodeError:
        return {}


def _without_words(answer: Answer) -> WafaaError:
    """An answer that isn't the Graph API's own, as from a proxy on the way."""
    log.warning("graph_call_failed", status=answer.status)
    if answer.status == 429:
        return RateLimited(retry_after=_retry_after(answer.headers))
    if answer.status >= 500 or answer.status == 408:
        return Indeterminate()
    return UpstreamRefused(f"The Graph API answered {answer.status} without a reason.")


def _fault(answer: Answer, error: Json) -> Fault:
    subcode = error.get("error_subcode")
    return Fault(
        status=answer.status,
        code=error["code"],
        subcode=subcode if isinstance(subcode, int) else None,
        transient=error.get("is_transient") is True,
        retry_after=_retry_after(answer.headers),
        trace=identifier(error.get("fbtrace_id")),
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from Retry-After or the business use case's minutes."""
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdigit() and len(value) < 6:
        return float(value)
    return _regain_minutes(headers.get("x-business-use-case-usage", "")) * 60 or None


def _regain_minutes(header: str) -> float:
    try:
        usage = mapping(orjson.loads(header))
    except orjson.JSONDecodeError:
        return 0.0
    rows = [mapping(row) for rows in usage.values() for row in items(rows)]
    minutes = [number(row.get("estimated_time_to_regain_access")) or 0.0 for row in rows]
    return max(minutes, default=0.0)


def _warn_of_other_version(answer: Answer) -> None:
    """An expired version is silently served by the next oldest one."""
    served = answer.headers.get("facebook-api-version", VERSION)
    if served != VERSION:
        log.warning("graph_version_differs", version=VERSION, served_version_id=served[:16])
