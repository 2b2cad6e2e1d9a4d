"""What the platforms tell us. 200 means: committed.

The busiest address of all: its route goes straight from the request to ``Ingress``, without the framework's
dependencies and models, which would cost more than the work itself (bench/webhook_accept).
"""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from app.api.straight import StraightRoute, services_of
from app.schemas.webhooks import Taken
from app.services.channels.base import WebhookRequest

router = APIRouter(prefix="/webhook", tags=["webhooks"], route_class=StraightRoute)

MOST_BYTES = 4 * 1024 * 1024
"""WhatsApp sends up to 3 MB (Meta, "WhatsApp webhooks overview")."""

_TAKEN = Taken().model_dump_json().encode()


@router.get("/{channel}/{client_slug}", response_class=PlainTextResponse)
async def handshake(channel: str, client_slug: str, request: Request) -> Response:
    """Answers a platform that checks whether this address is ours."""
    asked = WebhookRequest(_headers(request), dict(request.query_params), b"")
    return PlainTextResponse(
        await services_of(request).ingress.challenge(channel, client_slug, asked)
    )


@router.post("/{channel}/{client_slug}", max_body_size=MOST_BYTES, response_model=Taken)
async def webhook(channel: str, client_slug: str, request: Request) -> Response:
    """Takes what a platform tells us of any of our accounts."""
    told = WebhookRequest(_headers(request), {}, await request.body())
    await services_of(request).ingress.admit(channel, client_slug, told)
    return Response(_TAKEN, media_type="application/json")


def _headers(request: Request) -> dict[str, str]:
    """The headers by lower-case name; one that came twice is both, so that no signature can hide behind another."""
    headers: dict[str, str] = {}
    for raw, value in request.scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers
