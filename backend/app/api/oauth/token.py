"""Where applications get tokens, and give them back."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from app.api.deps import ServicesDep
from app.api.oauth.asking import MOST_BODY_BYTES, ApplicationDep, FormDep, ReadersDep, TokenRefused
from app.services.identity.oauth import Authority, Issued, Refused

router = APIRouter(prefix="/oauth", include_in_schema=False)


@router.post("/token", max_body_size=MOST_BODY_BYTES)
async def token(
    given: FormDep, application: ApplicationDep, services: ServicesDep, readers: ReadersDep
) -> JSONResponse:
    """Gives tokens for a code, for a refresh token, or to an application itself."""
    authority: Authority = services.authority
    scope = given.get("scope")
    try:
        match given.get("grant_type"):
            case "authorization_code":
                code, uri, verifier = _needed(given, "code", "redirect_uri", "code_verifier")
                issued = await authority.exchange(application, code, uri, verifier)
            case "refresh_token":
                (refresh,) = _needed(given, "refresh_token")
                issued = await authority.refresh(application, refresh, scope)
            case "client_credentials":
                issued = await authority.by_itself(application, scope)
            case _:
                issued = _unknown()
    except Refused as refused:
        raise TokenRefused(refused, headers=readers) from refused
    return JSONResponse(_shown(issued), headers={"pragma": "no-cache", **readers})


@router.post("/revoke", max_body_size=MOST_BODY_BYTES)
async def revoke(
    given: FormDep, application: ApplicationDep, services: ServicesDep, readers: ReadersDep
) -> Response:
    """Ends a token and all that belongs to it; one that nobody knows is ended already."""
    try:
        (shown,) = _needed(given, "token")
        await services.authority.revoke(application, shown)
    except Refused as refused:
        raise TokenRefused(refused, headers=readers) from refused
    return Response(headers=dict(readers))


def _unknown() -> Issued:
    raise Refused(
        "unsupported_grant_type", "Use authorization_code, refresh_token or client_credentials."
    )


def _needed(given: FormDep, *names: str) -> list[str]:
    missing = [name for name in names if name not in given]
    if missing:
        raise Refused("invalid_request", f"There is no {missing[0]}.")
    return [given[name] for name in names]


def _shown(issued: Issued) -> dict[str, Any]:
    told = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": " ".join(sorted(issued.scopes)),
        "refresh_token": issued.refresh_token,
    }
    return {name: value for name, value in told.items() if value is not None}
