"""What endpoints ask for: the services, who is calling, and a transaction in the caller's client.

The client comes from the verified principal and from nowhere else.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from app.api import once
from app.api.cookies import SAFE_METHODS, SESSION, Cookies
from app.api.language import language_of
from app.api.shown import FOUND
from app.bootstrap import Services
from app.core.errors import Forbidden, Unauthenticated
from app.core.multi_tenant import TenantTx
from app.core.security import Audience, Principal, Role, Scope
from app.core.shedding import Shed
from app.models.staff_session import Stage
from app.services.identity.sessions import Session

_staff_token = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="staff",
    description="From `POST /v1/auth/login`.",
)
_staff_cookie = APIKeyCookie(
    auto_error=False,
    name=SESSION,
    scheme_name="session",
    description="From the sign-in page. What changes something also needs our own `Origin`.",
)
_visitor_token = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="visitor",
    description="Of one visitor of a web page.",
)
_Shown = HTTPAuthorizationCredentials | None


READERS = (Role.OWNER, Role.AGENT, Role.VIEWER, Role.SERVICE)
"""Who may read what is a client's: its staff, and services that it gave the right to."""


async def services(request: Request) -> Services:
    """Everything that stands behind the endpoints."""
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(services)]


async def language(
    accept_language: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> str:
    """Which of our languages the caller reads."""
    return language_of(accept_language)


LanguageDep = Annotated[str, Depends(language)]


async def cookies(services: ServicesDep) -> Cookies:
    """Sets and reads cookies."""
    return Cookies(services.settings.public_url)


CookiesDep = Annotated[Cookies, Depends(cookies)]


async def any_session(request: Request) -> Session | None:
    """The session that a browser came with, however far it has come; None where there is none."""
    found: Session | None = getattr(request.state, FOUND, None)
    return found


AnySessionDep = Annotated[Session | None, Depends(any_session)]


async def session(found: AnySessionDep) -> Session | None:
    """Who is signed in with a browser; None where nobody is. Forms have to prove that they are ours besides."""
    return found if found and found.stage is Stage.FULL else None


SessionDep = Annotated[Session | None, Depends(session)]


async def principal(
    request: Request,
    came_by: SessionDep,
    cookies: CookiesDep,
    _token: Annotated[_Shown, Depends(_staff_token)],
    _cookie: Annotated[str | None, Depends(_staff_cookie)],
) -> Principal:
    """The staff member or service that is calling. By a session alone, only our own pages change something.

    Raises:
        Unauthenticated: Nobody is.
        Forbidden: The request may have been caused by somebody else's page.
    """
    found = _caller(request, Audience.API)
    if came_by is not None and request.method not in SAFE_METHODS:
        cookies.refuse_foreign(request)
    return found


async def visitor(request: Request, _: Annotated[_Shown, Depends(_visitor_token)]) -> Principal:
    """The visitor of a web page who is calling."""
    return _caller(request, Audience.WEB)


PrincipalDep = Annotated[Principal, Depends(principal)]
VisitorDep = Annotated[Principal, Depends(visitor)]


def _caller(request: Request, audience: Audience) -> Principal:
    """Whom ``Gate`` found by the one credential of the request."""
    found: Principal | None = getattr(request.state, "principal", None)
    if found is None or found.audience is not audience:
        raise Unauthenticated
    return found


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks of its caller; a test walks all routes and reads it.

    Attributes:
        roles: Who may come.
        scope: The right that an API key or an application must have been given; None where only a person who signed in
            themselves may act, such as changing their password.
    """

    roles: tuple[Role, ...]
    scope: Scope | None

    async def __call__(self, principal: PrincipalDep) -> Principal:
        """The caller, if they may."""
        if principal.role not in self.roles or not principal.may(self.scope):
            raise Forbidden
        return principal


def require(*roles: Role, scope: Scope | None) -> Any:
    """Lets some roles in, with a right.

    Write ``Annotated[Principal, require(Role.OWNER, scope=Scope.ADMIN)]``, or put it in a route's ``dependencies``.
    """
    return Depends(Needs(roles, scope))


PlatformDep = Annotated[Principal, require(Role.PLATFORM, scope=Scope.PLATFORM)]
"""Whoever runs the installation."""


def sheds(what: Shed) -> Any:
    """Refuses, 503, while this is left undone for the caller's client: put it in a route's ``dependencies``."""

    async def check(principal: PrincipalDep, services: ServicesDep) -> None:
        services.pressure.require(principal.client_id, what)

    return Depends(check)


async def tenant_tx(
    request: Request, services: ServicesDep, principal: PrincipalDep
) -> AsyncIterator[TenantTx]:
    """A transaction in the calling staff member's client. While a client is suspended its staff only read."""
    if request.method != "GET":
        await services.standings.require_served(principal.client_id)
    async with services.db.tenant(principal.client_id) as tx:
        await once.enter(request, services, tx, principal)
        yield tx


async def visitor_tx(
    request: Request, services: ServicesDep, visitor: VisitorDep
) -> AsyncIterator[TenantTx]:
    """A transaction in the client whose page the visitor is on."""
    async with services.db.tenant(visitor.client_id) as tx:
        await once.enter(request, services, tx, visitor)
        yield tx


async def own_tx(
    request: Request, services: ServicesDep, principal: PrincipalDep
) -> AsyncIterator[TenantTx]:
    """A transaction in the caller's client, served or not: for taking one's data along."""
    async with services.db.tenant(principal.client_id) as tx:
        await once.enter(request, services, tx, principal)
        yield tx


# Scope "function": the commit comes before the response, so that a failing one is never told as success.
TenantTxDep = Annotated[TenantTx, Depends(tenant_tx, scope="function")]
VisitorTxDep = Annotated[TenantTx, Depends(visitor_tx, scope="function")]
OwnTxDep = Annotated[TenantTx, Depends(own_tx, scope="function")]
