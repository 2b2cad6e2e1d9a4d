"""Staff who sign in at their business's own identity provider: found again, taken in when they first come, or not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.core.errors import Conflict, Forbidden, NotFound, Unauthenticated
from app.core.multi_tenant import Database, TenantTx, client_of
from app.core.sealed_notes import SealedNotes
from app.core.security import Role
from app.models.audit import AuditEntry
from app.models.identity_provider import IdentityProvider, Provider, ProviderRef, StaffIdentity
from app.models.staff import Staff
from app.services.identity import sessions, team
from app.services.identity.oidc import (
    GOOGLE,
    LONGEST_SIGN_IN,
    NOT_RIGHT,
    Application,
    OpenIdConnect,
    Pending,
)
from app.services.identity.sessions import Begun

UNKNOWN = "No business signs in this way. Check what you entered, or sign in with your password."
STRANGER = "This account isn't one of this business's. Ask an owner of the business."
NO_ROLE = "Your account has no role here. Ask an owner of the business."
TOO_MANY = "Your account is in more groups than its provider names. Ask an owner of the business to use roles instead."
_DIRECTORY = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/|$)")
RANK = (Role.OWNER, Role.AGENT, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where somebody goes to sign in.

    Attributes:
        url: The provider's page.
        client: The business whose provider it is.
        note: What their browser has to bring back.
    """

    url: str
    client: str
    note: str


class SingleSignOn:
    """Lets staff in by what their provider says of them."""

    def __init__(self, db: Database, oidc: OpenIdConnect, notes: SealedNotes) -> None:
        self._db = db
        self.oidc = oidc
        self._notes = notes

    async def leave(self, wanted: str, return_to: str, *, language: str) -> Departure:
        """Sends somebody to their provider, by e-mail address or business.

        Raises:
            NotFound: No business signs in that way.
            UpstreamUnavailable: The provider can't be reached.
        """
        ref, application = await self._find(wanted)
        url, pending = await self.oidc.leave(
            application, str(ref.client_id), return_to, language=language
        )
        return Departure(url, ref.client, self._notes.seal(pending.note()))

    async def come_back(
        self, note: str | None, answer: Mapping[str, str], *, device: str
    ) -> tuple[Begun, str]:
        """Begins a session for who comes back; gives also where they wanted to go.

        Raises:
            Unauthenticated: The answer isn't right.
            Forbidden: Whoever it is has no business here.
            UpstreamUnavailable: The provider can't be reached.
        """
        read = self._notes.read(note or "", seconds=LONGEST_SIGN_IN)
        if read is None:
            raise Unauthenticated(NOT_RIGHT)
        pending = Pending(**read)
        client_id = UUID(pending.client_id)
        async with self._db.tenant(client_id) as tx:
            provider = await IdentityProvider.mine(tx)
            if provider is None or provider.issuer != pending.issuer:
                raise Unauthenticated(NOT_RIGHT)
        application = _application(provider)
        claims = await self.oidc.come_back(application, pending, answer)
        async with self._db.tenant(client_id) as tx:
            staff_id = await admit(tx, provider, claims)
            return await sessions.begin(tx, staff_id, device=device), pending.return_to

    async def _find(self, wanted: str) -> tuple[ProviderRef, Application]:
        """By what stands behind an @, or by a slug."""
        name = wanted.strip().lower().rpartition("@")[2]
        async with self._db.directory() as tx:
            ref = await IdentityProvider.find(tx, name)
        if ref is None:
            raise NotFound(UNKNOWN)
        async with self._db.tenant(ref.client_id) as tenant:
            provider = await IdentityProvider.mine(tenant)
            if provider is None:
                raise NotFound(UNKNOWN)
        return ref, _application(provider)


def _application(provider: Provider) -> Application:
    return Application(provider.issuer, provider.application, provider.secret)


async def admit(tx: TenantTx, provider: Provider, claims: Mapping[str, Any]) -> UUID:
    """The colleague of whom an ID token speaks.

    Raises:
        Forbidden: They have no business here.
    """
    if not is_of_business(provider, claims):
        raise Forbidden(STRANGER)
    if are_elsewhere(provider, claims):
        raise Forbidden(TOO_MANY)
    role = role_of(provider, claims)
    known = await StaffIdentity.find(tx, provider.issuer, claims["sub"])
    staff_id = known or await _take_in(tx, provider, claims, role)
    staff = await Staff.get(tx, staff_id)
    if not staff.is_active:
        raise Forbidden(STRANGER)
    if role is None and (known is None or provider.role_claim):
        raise Forbidden(NO_ROLE)
    if provider.role_claim and role is not None and staff.role != role:
        await _follow_role(tx, staff, role)
    return staff_id


async def _take_in(
    tx: TenantTx, provider: Provider, claims: Mapping[str, Any], role: Role | None
) -> UUID:
    """A colleague who comes for the first time: by a verified address of the business's own domains, and no other."""
    email = email_of(provider, claims)
    if email is None:
        raise Forbidden(STRANGER)
    if role is None:
        raise Forbidden(NO_ROLE)
    found = await Staff.of_email(tx, email)
    if found is None:
        name = str(claims.get("name") or email)[:200]
        found = await Staff.get(tx, await _add(tx, email, " ".join(name.split()), role))
    if found.role == Role.PLATFORM or not found.is_active:
        raise Forbidden(STRANGER)
    await StaffIdentity.link(tx, provider.issuer, claims["sub"], found.id)
    told = {"issuer": provider.issuer, "role": found.role}
    await AuditEntry.add(tx, "system", "staff.identity_linked", str(found.id), told)
    return found.id


async def _add(tx: TenantTx, email: str, name: str, role: Role) -> UUID:
    try:
        return await Staff.add(tx, email, name, role, "")
    except Conflict as error:  # They came twice at once.
        found = await Staff.of_email(tx, email)
        if found is None:
            raise Forbidden(STRANGER) from error
        return found.id


async def _follow_role(tx: TenantTx, staff: Staff, role: Role) -> None:
    """Gives the role that the provider says; ours stay, and the last owner stays one."""
    if staff.role == Role.PLATFORM:
        raise Forbidden(STRANGER)
    if staff.role == Role.OWNER and await Staff.count_owners(tx) == 1:
        return
    await team.give_role(tx, staff.id, role, actor="system")


def is_of_business(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Whether an account is managed by the business itself, where a provider of many says whose accounts are.

    Anybody can make a Google account for an address of the business, and keep it; those of its Workspace have ``hd``.
    Directories of Entra ID sign with the same keys, and each token tells its own in ``tid``.
    """
    if (provider.issuer == GOOGLE or "hd" in claims) and claims.get("hd") not in provider.domains:
        return False
    directory = _DIRECTORY.search(provider.issuer)
    return directory is None or "tid" not in claims or claims["tid"] == directory[1]


def are_elsewhere(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Whether roles aren't told but linked to (OpenID Connect Core §5.6.2), as Entra ID does with too many groups.

    To take them for none would make an owner who joins another group a viewer.
    """
    linked = claims.get("_claim_names")
    named = (provider.role_claim or "").partition(".")[0]
    return isinstance(linked, Mapping) and named in linked


def email_of(provider: Provider, claims: Mapping[str, Any]) -> str | None:
    """The verified address in one of the client's domains; None where there is none."""
    email, verified = claims.get("email"), claims.get("email_verified")
    if not isinstance(email, str) or email.count("@") != 1 or len(email) > 254:
        return None
    if verified is not True and not (verified is None and provider.trusts_email):
        return None
    folded = email.strip().casefold()
    return folded if folded.partition("@")[2] in provider.domains else None


def role_of(provider: Provider, claims: Mapping[str, Any]) -> Role | None:
    """The highest role that the claim names; the default one where it names none."""
    given = _at(claims, provider.role_claim) if provider.role_claim else None
    named = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    found = {provider.roles[one] for one in named if isinstance(one, str) and one in provider.roles}
    best = next((role for role in RANK if role in found), None)
    return best or (Role(provider.default_role) if provider.default_role else None)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim of that whole name, for names may be URLs (Auth0); else step by step (Keycloak)."""
    if path in claims:
        return claims[path]
    given: Any = claims
    for part in path.split("."):
        given = given.get(part) if isinstance(given, Mapping) else None
    return given


async def configure(tx: TenantTx, wanted: Provider, secret: str | None, *, actor: str) -> None:
    """Sets a client's provider; without a secret the one it has stays, if it is for the same application.

    Raises:
        Conflict: There is no secret yet.
    """
    if secret is None:
        present = await IdentityProvider.mine(tx)
        same = present and (present.issuer, present.application) == (
            wanted.issuer,
            wanted.application,
        )
        if present is None or not same:
            raise Conflict("Give the secret too: it belongs to the issuer and the application.")
        secret = present.secret
    await IdentityProvider.keep(tx, replace(wanted, secret=secret))
    told = {"issuer": wanted.issuer, "domains": wanted.domains}
    await AuditEntry.add(tx, actor, "identity_provider.set", str(client_of(tx)), told)
