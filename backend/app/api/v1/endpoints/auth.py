"""Signing in, and where one is signed in."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from app.api.deps import PrincipalDep, ServicesDep, TenantTxDep, require
from app.api.devices import device_of
from app.core.security import LONGEST_LIFE, Principal, Role
from app.models.client import Client
from app.models.staff import Staff
from app.models.staff_session import StaffSession
from app.schemas.auth import (
    AccessToken,
    CodeIn,
    LoginIn,
    LogoutIn,
    Me,
    PasswordChangeIn,
    PasswordIn,
    ProposedFactor,
    RecoveryCodes,
    SessionOut,
)
from app.services.identity import passwords
from app.services.identity.second_factor import readable, uri_of

router = APIRouter(prefix="/v1/auth", tags=["auth"])

PEOPLE = (Role.OWNER, Role.AGENT, Role.VIEWER, Role.PLATFORM)
PersonDep = Annotated[Principal, require(*PEOPLE, scope=None)]


@router.post("/login")
async def login(given: LoginIn, request: Request, services: ServicesDep) -> AccessToken:
    """Gives staff a token for their e-mail address and password; with a second factor, for its code too.

    Where one is needed and missing, the problem's code is `second_factor_needed`: ask for it, and send all three.
    """
    principal = await services.sign_in.at_once(
        given.email,
        given.password.get_secret_value(),
        given.code.get_secret_value() if given.code else None,
        device=device_of(request.headers.get("user-agent")),
        life=LONGEST_LIFE,
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


@router.post("/password", status_code=204)
async def change_password(
    given: PasswordChangeIn, services: ServicesDep, person: PersonDep
) -> None:
    """Changes the caller's password, and ends all of their other sessions."""
    signing = services.sign_in
    await passwords.change(
        services.db,
        signing.attempts,
        person,
        given.password.get_secret_value(),
        given.new_password.get_secret_value(),
    )


@router.post("/second-factor", status_code=201)
async def propose_second_factor(
    given: PasswordIn, services: ServicesDep, person: PersonDep
) -> ProposedFactor:
    """Makes a secret for the caller's authenticator app. It counts once a code of it was confirmed."""
    signing = services.sign_in
    await passwords.confirm(
        services.db, signing.attempts, person, given.password.get_secret_value()
    )
    secret = await signing.second_factor.propose(person)
    async with services.db.tenant(person.client_id) as tx:
        email = (await Staff.get(tx, person.staff_id)).email
        client = (await Client.mine(tx)).name
    return ProposedFactor(secret=readable(secret), uri=uri_of(secret, email, client))


@router.post("/second-factor/confirm")
async def confirm_second_factor(
    given: CodeIn, services: ServicesDep, person: PersonDep
) -> RecoveryCodes:
    """Confirms the secret by its first code. The recovery codes are shown once."""
    code = given.code.get_secret_value()
    return RecoveryCodes(codes=await services.sign_in.second_factor.confirm(person, code))


@router.post("/second-factor/remove", status_code=204)
async def remove_second_factor(given: CodeIn, services: ServicesDep, person: PersonDep) -> None:
    """Does without a second factor from now on, unless the client asks for one."""
    await services.sign_in.second_factor.remove(person, given.code.get_secret_value())


@router.post("/recovery-codes")
async def renew_recovery_codes(
    given: CodeIn, services: ServicesDep, person: PersonDep
) -> RecoveryCodes:
    """Gives the caller new recovery codes; the old ones open nothing."""
    code = given.code.get_secret_value()
    return RecoveryCodes(codes=await services.sign_in.second_factor.renew_codes(person, code))
