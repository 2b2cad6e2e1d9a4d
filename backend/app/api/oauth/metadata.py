"""What an application finds out by itself: where everything is (RFC 8414, RFC 9728), and our public keys (RFC 7517)."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.deps import ServicesDep
from app.core.security import RIGHTS, Role
from app.services.identity.signing_keys import PUBLISHED_SECONDS

router = APIRouter(prefix="/.well-known", include_in_schema=False)

CACHED = {  # nosemgrep: every-origin-allowed
    "cache-control": f"public, max-age={PUBLISHED_SECONDS}",
    "access-control-allow-origin": "*",  # Nothing here is anybody's: any page may read it.
}
METHODS = ["client_secret_basic", "client_secret_post", "none"]


@router.get("/oauth-authorization-server")
async def authorization_server(services: ServicesDep) -> JSONResponse:
    """Where everything is. The issuer is what the installation is configured to be, whatever Host says."""
    issuer = services.authority.issuer
    told: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": _scopes(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["ar", "en"],
    }
    return JSONResponse(told, headers=CACHED)


@router.get("/oauth-protected-resource")
async def protected_resource(services: ServicesDep) -> JSONResponse:
    """Who gives out the tokens that the API takes."""
    issuer = services.authority.issuer
    told: dict[str, Any] = {
        "resource": issuer,
        "authorization_servers": [issuer],
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": _scopes(),
        "bearer_methods_supported": ["header"],
    }
    return JSONResponse(told, headers=CACHED)


@router.get("/jwks.json")
async def key_set(services: ServicesDep) -> JSONResponse:
    """What others verify our access tokens with."""
    return JSONResponse({"keys": await services.signing_keys.published()}, headers=CACHED)


def _scopes() -> list[str]:
    return sorted(RIGHTS[Role.SERVICE])
