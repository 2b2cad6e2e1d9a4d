"""Whether the installation is alive and well, and what it has counted."""

import asyncio
import hmac
import ipaddress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.deps import ServicesDep
from app.core.errors import Unauthenticated
from app.core.metrics import CONTENT_TYPE
from app.core.observability import check_parts
from app.schemas.health import Health, PartOut

router = APIRouter(tags=["health"])

_scraper = HTTPBearer(
    auto_error=False, scheme_name="metrics", description="`WAFAA_METRICS_TOKEN`, where it is set."
)
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """This process answers."""
    return {"ok": True}


@router.get("/health/ready")
async def ready(services: ServicesDep, response: Response) -> Health:
    """Each part, and whether it is well; 503 when one is missing that is needed."""
    states = await check_parts(services.parts)
    ok = all(state.ok or not state.needed for state in states)
    if not ok:
        response.status_code = 503
    return Health(ok=ok, parts=[PartOut.model_validate(state) for state in states])


@router.get("/metrics", response_class=Response)
async def metrics(
    request: Request,
    services: ServicesDep,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_scraper)],
) -> Response:
    """What all processes have counted, in Prometheus' text format: to this machine, or to who knows the token."""
    token = services.settings.metrics_token
    known = shown and token and _same(shown.credentials, token.get_secret_value())
    if not known and not _is_local(request):
        raise Unauthenticated
    return Response(await asyncio.to_thread(services.metrics.render), media_type=CONTENT_TYPE)


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())


def _is_local(request: Request) -> bool:
    """Whether the call comes from this machine itself, and not through a proxy on it."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
