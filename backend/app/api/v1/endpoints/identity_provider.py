"""A client's own identity provider: any issuer that speaks OpenID Connect."""

from typing import Annotated

from fastapi import APIRouter

from app.api.deps import ServicesDep, TenantTxDep, require
from app.bootstrap import Services
from app.core.errors import InvalidInput, NotFound, UpstreamRefused, UpstreamUnavailable
from app.core.security import Principal, Role, Scope
from app.models.audit import AuditEntry
from app.models.identity_provider import IdentityProvider, Provider
from app.schemas.identity_provider import IdentityProviderIn, IdentityProviderOut
from app.services.identity import single_sign_on

router = APIRouter(prefix="/v1/identity-provider", tags=["staff"])

OwnerDep = Annotated[Principal, require(Role.OWNER, scope=None)]
ReaderDep = Annotated[Principal, require(Role.OWNER, scope=Scope.ADMIN)]


@router.get("")
async def read(tx: TenantTxDep, services: ServicesDep, _: ReaderDep) -> IdentityProviderOut:
    """The client's identity provider."""
    found = await IdentityProvider.mine(tx)
    if found is None:
        raise NotFound("No identity provider is set up.")
    return _shown(found, services)


@router.put("")
async def configure(
    given: IdentityProviderIn, services: ServicesDep, owner: OwnerDep
) -> IdentityProviderOut:
    """Sets the client's identity provider, after a look at what it says of itself."""
    try:
        await services.single_sign_on.oidc.issuers.metadata(given.issuer)
    except (UpstreamRefused, UpstreamUnavailable) as error:
        raise InvalidInput(error.message, pointer="/issuer") from error
    wanted = Provider(**given.model_dump(exclude={"secret"}))
    secret = given.secret.get_secret_value() if given.secret else None
    async with services.db.tenant(owner.client_id) as tx:
        await single_sign_on.configure(tx, wanted, secret, actor=owner.subject)
    return _shown(wanted, services)


@router.delete("", status_code=204)
async def remove(tx: TenantTxDep, owner: OwnerDep) -> None:
    """Does without. Who came in by it alone needs an invitation to a password."""
    if not await IdentityProvider.remove(tx):
        raise NotFound("No identity provider is set up.")
    await AuditEntry.add(tx, owner.subject, "identity_provider.removed", str(owner.client_id))


def _shown(provider: Provider, services: Services) -> IdentityProviderOut:
    return IdentityProviderOut(
        issuer=provider.issuer,
        application=provider.application,
        domains=provider.domains,
        role_claim=provider.role_claim,
        roles=provider.roles,
        default_role=provider.default_role,
        trusts_email=provider.trusts_email,
        redirect_uri=services.single_sign_on.oidc.redirect_uri,
    )
