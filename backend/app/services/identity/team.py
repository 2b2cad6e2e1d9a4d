"""A client's staff: invited, given a role, and let go."""

from uuid import UUID

from app.core.errors import Conflict
from app.core.multi_tenant import TenantTx
from app.core.security import Role
from app.models.audit import AuditEntry
from app.models.staff import Staff
from app.models.staff_session import StaffSession
from app.models.staff_ticket import StaffTicket
from app.services.identity.tickets import MailInvitation, MailReset
from app.services.queue.jobs import enqueue

GIVEN = (Role.OWNER, Role.AGENT, Role.VIEWER)
"""Roles that a client's owner may give."""
LAST_OWNER = "This is the last owner. Make somebody else an owner first."


async def invite(
    tx: TenantTx, email: str, name: str, role: Role, *, actor: str, mail: bool = True
) -> UUID:
    """Adds a colleague, who gets an e-mail to choose a password by; one who was let go comes back.

    Raises:
        Conflict: There is a colleague with this e-mail address.
    """
    staff_id = await Staff.readmit(tx, email, name, role)
    staff_id = staff_id or await Staff.add(tx, email, name, role, "")
    await AuditEntry.add(tx, actor, "staff.invited", str(staff_id), {"role": role})
    if mail:
        await enqueue(tx, MailInvitation(staff_id))
    return staff_id


async def invite_again(tx: TenantTx, staff_id: UUID, *, actor: str) -> None:
    """Sends the invitation again, or who has a password already the way to a new one.

    Raises:
        NotFound: There is no such colleague.
        Conflict: They were let go.
    """
    staff = await Staff.colleague(tx, staff_id)
    if not staff.is_active:
        raise Conflict("This colleague was let go. Invite them anew.")
    await enqueue(tx, MailReset(staff_id) if staff.password_hash else MailInvitation(staff_id))
    await AuditEntry.add(tx, actor, "staff.mailed", str(staff_id))


async def give_role(tx: TenantTx, staff_id: UUID, role: Role, *, actor: str) -> None:
    """Changes what a colleague may do; they sign in anew, and credentials of before open nothing.

    Raises:
        NotFound: There is no such colleague.
        Conflict: It is the last owner.
    """
    before = await Staff.colleague(tx, staff_id)
    await Staff.set_role(tx, staff_id, role)
    await _keep_an_owner(tx)
    await StaffSession.end(tx, staff_id)
    await AuditEntry.add(
        tx, actor, "staff.role_given", str(staff_id), {"from": before.role, "to": role}
    )


async def change(tx: TenantTx, staff_id: UUID, name: str, role: Role, *, actor: str) -> None:
    """Changes how a colleague is called, and what they may do.

    Raises:
        NotFound: There is no such colleague.
        Conflict: It is the last owner.
    """
    before = await Staff.colleague(tx, staff_id)
    if before.name != name:
        await Staff.rename(tx, staff_id, name)
        await AuditEntry.add(tx, actor, "staff.renamed", str(staff_id))
    if before.role != role:
        await give_role(tx, staff_id, role, actor=actor)


async def let_go(tx: TenantTx, staff_id: UUID, *, actor: str) -> None:
    """Deactivates a colleague: sessions, tokens and tickets end; what they did stays.

    Raises:
        NotFound: There is no such colleague.
        Conflict: It is the last owner.
    """
    await Staff.colleague(tx, staff_id)
    await Staff.deactivate(tx, staff_id)
    await _keep_an_owner(tx)
    await StaffTicket.forget(tx, staff_id)
    await StaffSession.end(tx, staff_id)
    await AuditEntry.add(tx, actor, "staff.let_go", str(staff_id))


async def _keep_an_owner(tx: TenantTx) -> None:
    if not await Staff.count_owners(tx):
        raise Conflict(LAST_OWNER)
