"""What endpoints ask for: the services, who is calling, and a transaction in the caller's client.

The client comes from the verified principal and from nowhere else.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.bootstrap import Services
from app.core.errors import Forbidden, Unauthenticated
from app.core.multi_tenant import TenantTx
from app.core.security import Attempts, Audience, Principal, Role

_staff_token = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="staff",
    description="From `POST /v1/auth/login`.",
)
_visitor_token = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="visitor",
    description="Of one visitor of a web page.",
)
_Shown = HTTPAuthorizationCredentials | None


def services(request: Request) -> Services:
    """Everything that stands behind the endpoints."""
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(services)]


def attempts(request: Request) -> Attempts:
    """The count of failed sign-ins."""
    return cast(Attempts, request.app.state.attempts)


AttemptsDep = Annotated[Attempts, Depends(attempts)]


async def principal(
    request: Request, services: ServicesDep, shown: Annotated[_Shown, Depends(_staff_token)]
) -> Principal:
    """The staff member or service that is calling."""
    return _identify(request, services, shown, Audience.API)


async def visitor(
    request: Request, services: ServicesDep, shown: Annotated[_Shown, Depends(_visitor_token)]
) -> Principal:
    """The visitor of a web page who is calling."""
    return _identify(request, services, shown, Audience.WEB)


PrincipalDep = Annotated[Principal, Depends(principal)]
VisitorDep = Annotated[Principal, Depends(visitor)]


def _identify(request: Request, services: Services, shown: _Shown, audience: Audience) -> Principal:
    """Verifies the one credential of a request, and keeps the principal for its log line."""
    if shown is None or len(request.headers.getlist("authorization")) != 1:
        raise Unauthenticated
    found: Principal = services.tokens.verify(shown.credentials, audience)
    request.state.principal = found
    return found


def require(*roles: Role) -> Any:
    """Lets some roles in.

    Write ``Annotated[Principal, require(Role.OWNER)]``, or put it in a route's ``dependencies``.
    """

    async def check(principal: PrincipalDep) -> Principal:
        if principal.role not in roles:
            raise Forbidden
        return principal

    return Depends(check)


async def tenant_tx(services: ServicesDep, principal: PrincipalDep) -> AsyncIterator[TenantTx]:
    """A transaction in the calling staff member's client."""
    async with services.db.tenant(principal.client_id) as tx:
        yield tx


async def visitor_tx(services: ServicesDep, visitor: VisitorDep) -> AsyncIterator[TenantTx]:
    """A transaction in the client whose page the visitor is on."""
    async with services.db.tenant(visitor.client_id) as tx:
        yield tx


# Scope "function": the commit comes before the response, so that a failing one is never told as success.
TenantTxDep = Annotated[TenantTx, Depends(tenant_tx, scope="function")]
VisitorTxDep = Annotated[TenantTx, Depends(visitor_tx, scope="function")]
