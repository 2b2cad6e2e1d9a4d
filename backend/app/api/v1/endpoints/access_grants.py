"""Grants: platform staff see no content, unless an owner lets them read for a while."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.api.deps import OwnTxDep, ServicesDep, TenantTxDep, require
from app.api.once import OnceRoute
from app.core.security import Principal, Role, Scope
from app.models.access_grant import AccessGrant
from app.schemas.access_grants import GrantIn, GrantMadeOut, GrantOut, GrantWishIn, OwnGrantOut
from app.schemas.auth import AccessToken
from app.services.identity import access_grants

router = APIRouter(prefix="/v1", tags=["staff"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, scope=None)]
ReaderDep = Annotated[Principal, require(Role.OWNER, scope=Scope.ADMIN)]
PlatformDep = Annotated[Principal, require(Role.PLATFORM, scope=None)]


@router.get("/access-grants")
async def list_grants(tx: TenantTxDep, _: ReaderDep) -> list[GrantOut]:
    """Who of the platform's staff may read here, or asks to, newest first."""
    return [GrantOut.model_validate(one) for one in await AccessGrant.every(tx)]


@router.post("/access-grants", status_code=201)
async def give(
    given: GrantIn, services: ServicesDep, tx: OwnTxDep, owner: OwnerDep
) -> GrantMadeOut:
    """Lets one of the platform's staff read, for at most a day."""
    made = await access_grants.give(services.db, tx, owner, given.email, given.reason, given.hours)
    return GrantMadeOut(id=made)


@router.post("/access-grants/{access_grant_id}/approval", status_code=204)
async def approve(access_grant_id: UUID, tx: TenantTxDep, owner: OwnerDep) -> None:
    """Says yes to who asked. The time begins now."""
    await access_grants.approve(tx, owner, access_grant_id)


@router.delete("/access-grants/{access_grant_id}", status_code=204)
async def end(access_grant_id: UUID, tx: TenantTxDep, owner: OwnerDep) -> None:
    """Says no, or no longer: the next request is refused."""
    await access_grants.end(tx, owner, access_grant_id)


@router.post("/access-wishes", status_code=201)
async def ask(given: GrantWishIn, services: ServicesDep, platform: PlatformDep) -> GrantMadeOut:
    """Asks a client's owners to be let in."""
    made = await access_grants.ask(services.db, platform, given.slug, given.reason, given.hours)
    return GrantMadeOut(id=made)


@router.get("/access-wishes")
async def list_mine(services: ServicesDep, platform: PlatformDep) -> list[OwnGrantOut]:
    """Where the caller was let in, or asked to be."""
    return [
        OwnGrantOut(
            id=one.id,
            client=one.client,
            reason=reason,
            hours=one.hours,
            state=one.state,
            ends_at=one.ends_at,
            created_at=one.created_at,
        )
        for one, reason in await access_grants.mine(services.db, platform)
    ]


@router.post("/access-grants/{access_grant_id}/token", status_code=201)
async def enter(access_grant_id: UUID, services: ServicesDep, platform: PlatformDep) -> AccessToken:
    """A token that reads at the client, while the grant holds. Every request with it is noted there."""
    principal, life = await access_grants.enter(services.db, platform, access_grant_id)
    token = services.tokens.issue(principal, life)
    return AccessToken(access_token=token, expires_in=int(life.total_seconds()))
