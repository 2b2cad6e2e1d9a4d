"""OAuth applications: programs that a business lets act for it, or for its colleagues."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.api.deps import TenantTxDep, require
from app.api.once import OnceRoute
from app.core.security import Principal, Role
from app.core.token_keys import Algorithm
from app.models.oauth import OAuthApplication
from app.schemas.applications import ApplicationIn, ApplicationOut, NewApplicationOut
from app.services.identity import applications

router = APIRouter(prefix="/v1/applications", tags=["applications"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, scope=None)]


@router.post("", status_code=201)
async def create_application(
    given: ApplicationIn, tx: TenantTxDep, owner: OwnerDep
) -> NewApplicationOut:
    """Makes an application. Its secret is shown this once."""
    wish = applications.Wish(
        given.name,
        given.rights,
        given.redirect_uris,
        Algorithm(given.algorithm),
        given.confidential,
    )
    made = await applications.create(tx, wish, actor=owner.subject)
    shown = ApplicationOut.model_validate(made.row)
    return NewApplicationOut(**shown.model_dump(), secret=made.secret)


@router.get("")
async def list_applications(tx: TenantTxDep, _: OwnerDep) -> list[ApplicationOut]:
    """The client's applications, newest first."""
    return [ApplicationOut.model_validate(one) for one in await OAuthApplication.all(tx)]


@router.delete("/{application_id}", status_code=204)
async def revoke_application(application_id: UUID, tx: TenantTxDep, owner: OwnerDep) -> None:
    """Ends an application, and within seconds every token that it has."""
    await applications.revoke(tx, application_id, actor=owner.subject)
