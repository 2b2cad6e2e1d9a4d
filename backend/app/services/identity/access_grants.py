"""Letting platform staff read what is a client's: an owner says so, for a reason and a while, and all of it is noted.

A grant's access token is a viewer's at that client, narrowed to reading. Every request with one asks the database
whether the grant still holds, and is noted in the client's audit log before it is answered.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.errors import Erased, Forbidden, Unauthenticated
from app.core.multi_tenant import Database, TenantTx
from app.core.principal import LONGEST_LIFE, RIGHTS
from app.core.security import Principal, Role
from app.models.access_grant import AccessGrant, GrantRef
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.staff import Staff

_PREFIX = "grant:"
OVER = "This grant has ended, or was never given. Ask an owner of the business."


def grant_of(principal: Principal) -> UUID | None:
    """The grant that a principal calls by; None where it is none."""
    name = principal.application or ""
    return UUID(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None


async def ask(db: Database, platform: Principal, slug: str, reason: str, hours: int) -> UUID:
    """One of ours asks a client's owner.

    Raises:
        NotFound: There is no such client.
    """
    async with db.tenant(platform.client_id) as own:
        name = (await Staff.get(own, platform.staff_id)).name
    async with db.directory() as directory:
        client = await Client.find(directory, slug)
    async with db.tenant(client.id) as tx:
        made = await AccessGrant.ask(tx, platform.staff_id, name, reason, hours)
        await _note(tx, platform.subject, "asked", made, hours=hours)
    return made


async def give(
    db: Database, tx: TenantTx, owner: Principal, email: str, reason: str, hours: int
) -> UUID:
    """An owner lets one of ours in.

    Raises:
        NotFound: Nobody of ours has this address.
    """
    async with db.directory() as directory:
        staff_id, name = await AccessGrant.platform_staff(directory, email)
    made = await AccessGrant.ask(tx, staff_id, name, reason, hours)
    await AccessGrant.approve(tx, made, owner.staff_id)
    await _note(tx, owner.subject, "given", made, hours=hours)
    return made


async def approve(tx: TenantTx, owner: Principal, grant_id: UUID) -> None:
    """An owner says yes.

    Raises:
        NotFound: Nobody asked.
    """
    await AccessGrant.approve(tx, grant_id, owner.staff_id)
    await _note(tx, owner.subject, "given", grant_id)


async def end(tx: TenantTx, owner: Principal, grant_id: UUID) -> None:
    """An owner says no, or no longer.

    Raises:
        NotFound: There is nothing to end.
    """
    await AccessGrant.end(tx, grant_id)
    await _note(tx, owner.subject, "ended", grant_id)


async def mine(db: Database, platform: Principal) -> list[tuple[GrantRef, str]]:
    """Where one of ours was let in, or asked to be, and why; clients that are being erased are left out."""
    async with db.directory() as directory:
        found = await AccessGrant.of_platform_staff(directory, platform.staff_id)
    told = []
    for one in found:
        with suppress(Erased):
            told.append((one, one.reason(await db.cipher(one.client_id))))
    return told


async def enter(db: Database, platform: Principal, grant_id: UUID) -> tuple[Principal, timedelta]:
    """Who one of ours is at the client whose grant they hold, and for how long at a time.

    Raises:
        Forbidden: The grant doesn't hold.
    """
    async with db.directory() as directory:
        grants = await AccessGrant.of_platform_staff(directory, platform.staff_id)
    found = next((grant for grant in grants if grant.id == grant_id), None)
    if found is None:
        raise Forbidden(OVER)
    async with db.tenant(found.client_id) as tx:
        ends = await AccessGrant.holds(tx, grant_id, platform.staff_id)
        if ends is None:
            raise Forbidden(OVER)
        await _note(tx, platform.subject, "entered", grant_id)
    life = min(LONGEST_LIFE, ends - datetime.now(UTC))
    return Principal(
        platform.subject,
        found.client_id,
        Role.VIEWER,
        frozenset(map(str, RIGHTS[Role.VIEWER])),
        f"{_PREFIX}{grant_id}",
    ), max(life, timedelta(seconds=1))


async def use(db: Database, principal: Principal, grant_id: UUID, asked: str) -> None:
    """Makes sure that a grant still holds, and notes what is read by it.

    Raises:
        Unauthenticated: It doesn't.
    """
    async with db.tenant(principal.client_id) as tx:
        if await AccessGrant.holds(tx, grant_id, principal.staff_id) is None:
            raise Unauthenticated
        await _note(tx, principal.subject, "used", grant_id, request=asked[:300])


async def _note(tx: TenantTx, actor: str, act: str, grant_id: UUID, **details: object) -> None:
    await AuditEntry.add(tx, actor, f"access_grant.{act}", str(grant_id), details)
