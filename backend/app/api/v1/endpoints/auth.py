"""Signing in."""

from fastapi import APIRouter

from app.api.deps import AttemptsDep, PrincipalDep, ServicesDep
from app.core.errors import Unauthenticated
from app.core.security import LONGEST_LIFE, Principal, Role, verify_password
from app.models.staff import Staff
from app.schemas.auth import AccessToken, LoginIn, Me

router = APIRouter(prefix="/v1/auth", tags=["auth"])


@router.post("/login")
async def login(given: LoginIn, services: ServicesDep, attempts: AttemptsDep) -> AccessToken:
    """Gives staff a token for their e-mail address and password."""
    attempts.take(given.email)
    async with services.db.directory() as tx:
        staff = await Staff.by_email(tx, given.email)
    known = await verify_password(
        given.password.get_secret_value(), staff.password_hash if staff else None
    )
    if staff is None or not known:
        raise Unauthenticated("E-mail address or password is wrong. Check both and try again.")
    attempts.forgive(given.email)
    principal = Principal(str(staff.staff_id), staff.client_id, Role(staff.role))
    return AccessToken(
        access_token=services.tokens.issue(principal), expires_in=int(LONGEST_LIFE.total_seconds())
    )


@router.get("/me")
async def me(principal: PrincipalDep) -> Me:
    """Tells whom the token speaks of."""
    return Me(
        subject=principal.subject,
        client_id=principal.client_id,
        role=principal.role,
        scopes=sorted(principal.rights),
    )
