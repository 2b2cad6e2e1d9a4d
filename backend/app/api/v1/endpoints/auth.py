"""Signing in, and where one is signed in."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from app.api.deps import AttemptsDep, PrincipalDep, ServicesDep, TenantTxDep, require
from app.api.devices import device_of
from app.core.security import LONGEST_LIFE, Principal, Role
from app.models.staff_session import StaffSession
from app.schemas.auth import AccessToken, LoginIn, LogoutIn, Me, SessionOut
from app.services.identity import sessions, sign_in

router = APIRouter(prefix="/v1/auth", tags=["auth"])

PEOPLE = (Role.OWNER, Role.AGENT, Role.VIEWER, Role.PLATFORM)
PersonDep = Annotated[Principal, require(*PEOPLE, scope=None)]


@router.post("/login")
async def login(
    given: LoginIn, request: Request, services: ServicesDep, attempts: AttemptsDep
) -> AccessToken:
    """Gives staff a token for their e-mail address and password."""
    staff = await sign_in.by_password(
        services.db, attempts, given.email, given.password.get_secret_value()
    )
    device = device_of(request.headers.get("user-agent"))
    async with services.db.tenant(staff.client_id) as tx:
        begun = await sessions.begin(tx, staff.staff_id, device=device, life=LONGEST_LIFE)
    principal = Principal(
        str(staff.staff_id), staff.client_id, Role(staff.role), session_id=begun.session_id
    )
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


@router.get("/sessions")
async def list_sessions(tx: TenantTxDep, person: PersonDep) -> list[SessionOut]:
    """Where the caller is signed in, the most recently used first."""
    return [
        SessionOut(
            id=one.id,
            device=one.device,
            created_at=one.created_at,
            seen_at=one.seen_at,
            ends_at=one.ends_at,
            current=one.id == person.session_id,
        )
        for one in await StaffSession.of_staff(tx, person.staff_id)
    ]


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, tx: TenantTxDep, person: PersonDep) -> None:
    """Ends one of the caller's own sessions; its access tokens stop opening anything within seconds."""
    await StaffSession.end(tx, person.staff_id, session_id)


@router.post("/logout", status_code=204)
async def logout(given: LogoutIn, tx: TenantTxDep, person: PersonDep) -> None:
    """Ends the calling session, or all others of the caller."""
    if given.others:
        await StaffSession.end(tx, person.staff_id, spared=person.session_id)
    elif person.session_id is not None:
        await StaffSession.end(tx, person.staff_id, person.session_id)
