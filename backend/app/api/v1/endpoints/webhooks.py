"""What the platforms tell us. 200 means: committed.

Calls come in through ``app.api.intake``, which serves the second route in front of the framework.
"""

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.types import Scope

from app.api.deps import ServicesDep
from app.bootstrap import Services
from app.schemas.webhooks import Taken
from app.services.channels.base import WebhookRequest

router = APIRouter(prefix="/webhook", tags=["webhooks"])

PATH = "/webhook/{channel}/{client_slug}"
MOST_BYTES = 4 * 1024 * 1024
"""WhatsApp sends up to 3 MB (Meta, "WhatsApp webhooks overview")."""


@router.get("/{channel}/{client_slug}", response_class=PlainTextResponse)
async def handshake(
    channel: str, client_slug: str, request: Request, services: ServicesDep
) -> Response:
    """Answers a platform that checks whether this address is ours."""
    asked = WebhookRequest(_headers(request.scope), dict(request.query_params), b"")
    return PlainTextResponse(await services.ingress.challenge(channel, client_slug, asked))


@router.post("/{channel}/{client_slug}", max_body_size=MOST_BYTES)
async def webhook(channel: str, client_slug: str, request: Request, services: ServicesDep) -> Taken:
    """Takes what a platform tells us of any of our accounts."""
    await take(services, channel, client_slug, request.scope, await request.body())
    return Taken()


async def take(services: Services, channel: str, slug: str, scope: Scope, body: bytes) -> None:
    """Takes one call; when this returns, what it tells is committed."""
    await services.ingress.admit(channel, slug, WebhookRequest(_headers(scope), {}, body))


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name; one that came twice is both, so that no signature can hide behind another."""
    given = scope["headers"]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in given}
    return headers if len(headers) == len(given) else _joined(given)


def _joined(given: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in given:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers
