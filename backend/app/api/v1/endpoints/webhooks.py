"""What the platforms tell us. 200 means: committed."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from app.api.deps import ServicesDep
from app.schemas.webhooks import Taken
from app.services.channels.base import WebhookRequest

router = APIRouter(prefix="/webhook", tags=["webhooks"])

MOST_BYTES = 4 * 1024 * 1024
"""WhatsApp sends up to 3 MB (Meta, "WhatsApp webhooks overview")."""


@router.get("/{channel}/{client_slug}", response_class=PlainTextResponse)
async def handshake(
    channel: str, client_slug: str, request: Request, services: ServicesDep
) -> Response:
    """Answers a platform that checks whether this address is ours."""
    asked = WebhookRequest(_headers(request), dict(request.query_params), b"")
    text = await services.ingress.challenge(channel, client_slug, asked)
    return PlainTextResponse(text)


@router.post("/{channel}/{client_slug}", max_body_size=MOST_BYTES)
async def webhook(channel: str, client_slug: str, request: Request, services: ServicesDep) -> Taken:
    """Takes what a platform tells us of any of our accounts."""
    told = WebhookRequest(_headers(request), dict(request.query_params), await request.body())
    await services.ingress.admit(channel, client_slug, told)
    return Taken()


def _headers(request: Request) -> dict[str, str]:
    """The headers by lower-case name; one that came twice is both, so that no signature can hide behind another."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
