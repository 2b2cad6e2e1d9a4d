"""One way to call a provider over HTTP: bounded in time and size, with our own errors."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from app.core.errors import RateLimited, UpstreamRefused, UpstreamUnavailable
from app.core.hands import resting
from app.core.resilience import Deadline
from app.services.ai.base import Tokens

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 12.0
FIRST_TOKEN_SHARE = 2 / 3
"""Of the time that is left, the part in which the first words must come: the rest is for somebody else."""

MOST_BYTES = 256 * 1024
LONGEST_PAUSE = 300.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is reached; ``headers`` carry the credential and are never shown."""

    name: str
    url: str
    headers: Mapping[str, str] = field(repr=False)


async def ask(
    http: aiohttp.ClientSession, endpoint: Endpoint, body: dict[str, Any], deadline: Deadline | None
) -> dict[str, Any]:
    """Posts JSON and gives back the JSON object that is answered."""
    async with posting(http, endpoint, body, deadline) as response:
        raw = bytearray()
        async for piece in pieces(response, endpoint.name):
            raw += piece
    return read_object(endpoint.name, bytes(raw))


@asynccontextmanager
async def posting(
    http: aiohttp.ClientSession, endpoint: Endpoint, body: dict[str, Any], deadline: Deadline | None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Posts JSON; inside, the answer has begun and its status is 200.

    Raises:
        RateLimited: 429 or an overload; with the seconds to wait where they were told.
        UpstreamRefused: The request or the credential is refused.
        UpstreamUnavailable: Anything else: no connection, a time-out, a 5xx, a body that breaks off.
    """
    left = deadline.remaining if deadline else TOTAL_SECONDS
    if left <= 0:
        raise UpstreamUnavailable(f"No time is left to ask {endpoint.name}.")
    limits = aiohttp.ClientTimeout(total=left, sock_connect=min(CONNECT_SECONDS, left))
    headers = {"Content-Type": "application/json", **endpoint.headers}
    try:
        async with (
            resting(),
            http.post(
                endpoint.url,
                data=orjson.dumps(body),
                headers=headers,
                timeout=limits,
                allow_redirects=False,
            ) as response,
        ):
            refuse(endpoint.name, response.status, response.headers)
            yield response
    except TimeoutError as error:
        raise UpstreamUnavailable(f"{endpoint.name} took too long.") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise UpstreamUnavailable(f"{endpoint.name} can't be reached or broke off.") from error


def refuse(name: str, status: int, headers: Mapping[str, str]) -> None:
    """Raises our error for any status but 200."""
    if status == 200:
        return
    if status in (429, 529):
        raise RateLimited(f"{name} asks for a pause.", retry_after=retry_after(headers))
    if status >= 500 or status == 408:
        raise UpstreamUnavailable(f"{name} answered {status}.")
    raise UpstreamRefused(
        f"{name} refused the request with {status}. Check its key, model and address."
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of ``Retry-After``, within reason; None where it is absent or a date."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return min(seconds, LONGEST_PAUSE) if seconds >= 0 else None


async def pieces(response: aiohttp.ClientResponse, name: str) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, up to the size that an answer may have."""
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            raise UpstreamUnavailable(f"{name} sent more than an answer can be.")
        yield piece


def read_object(name: str, raw: bytes) -> dict[str, Any]:
    """Parses a JSON object; broken UTF-8 or JSON is the provider's failure."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UpstreamUnavailable(f"{name} sent something that isn't JSON.") from error
    if not isinstance(value, dict):
        raise UpstreamUnavailable(f"{name} sent JSON of another shape.")
    return value


def count(usage: object, name: str) -> int:
    """A token count of a usage object; 0 where there is none."""
    value = usage.get(name) if isinstance(usage, dict) else None
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**8
        else 0
    )


def tokens(usage: object, sent: str, received: str) -> Tokens:
    """A provider's own count of tokens, or our guess from the texts' lengths where it gives none."""
    names = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    told = [max(count(usage, name) for name in either) for either in names]
    if any(told):
        return Tokens(*told)
    return Tokens.guessed(sent, received)


@asynccontextmanager
async def first_token(name: str, deadline: Deadline | None) -> AsyncIterator[asyncio.Timeout]:
    """Bounds the wait for the first words; call ``reschedule(None)`` on what it yields when they are there."""
    left = (deadline.remaining if deadline else TOTAL_SECONDS) * FIRST_TOKEN_SHARE
    try:
        async with asyncio.timeout(left) as limit:
            yield limit
    except TimeoutError as error:
        raise UpstreamUnavailable(f"{name} stayed silent for too long.") from error
