"""Staff: who works for the client, and what is asked of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.api.deps import ServicesDep, TenantTxDep, require
from app.api.once import OnceRoute
from app.bootstrap import Services
from app.core.errors import Conflict
from app.core.security import Principal, Role, Scope
from app.models.audit import AuditEntry
from app.models.staff import Staff
from app.models.staff_factor import SignInRules
from app.schemas.staff import (
    InvitationIn,
    InvitedOut,
    RoleIn,
    SignInRulesIn,
    SignInRulesOut,
    StaffOut,
)
from app.services.identity import team

router = APIRouter(prefix="/v1", tags=["staff"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, scope=None)]
ReaderDep = Annotated[Principal, require(Role.OWNER, scope=Scope.ADMIN)]


@router.get("/staff")
async def list_staff(tx: TenantTxDep, _: ReaderDep) -> list[StaffOut]:
    """The client's colleagues, those who were let go included."""
    return [StaffOut.model_validate(dict(row)) for row in await Staff.team(tx)]


@router.post("/staff", status_code=201)
async def invite(
    given: InvitationIn, services: ServicesDep, tx: TenantTxDep, owner: OwnerDep
) -> InvitedOut:
    """Invites a colleague by e-mail: its link is good for seven days, once."""
    _refuse_without_mail(services)
    role = Role(given.role)
    invited = await team.invite(tx, given.email, given.name, role, actor=owner.subject)
    return InvitedOut(id=invited)


@router.post("/staff/{staff_id}/invitation", status_code=202)
async def invite_again(
    staff_id: UUID, services: ServicesDep, tx: TenantTxDep, owner: OwnerDep
) -> InvitedOut:
    """Sends the e-mail again: the invitation, or to who has joined the way to a new password."""
    _refuse_without_mail(services)
    await team.invite_again(tx, staff_id, actor=owner.subject)
    return InvitedOut(id=staff_id)


@router.put("/staff/{staff_id}/role", status_code=204)
async def give_role(staff_id: UUID, given: RoleIn, tx: TenantTxDep, owner: OwnerDep) -> None:
    """Changes what a colleague may do. They have to sign in anew."""
    await team.give_role(tx, staff_id, Role(given.role), actor=owner.subject)


@router.delete("/staff/{staff_id}", status_code=204)
async def let_go(staff_id: UUID, tx: TenantTxDep, owner: OwnerDep) -> None:
    """Lets a colleague go: whatever they are signed in with ends within seconds."""
    await team.let_go(tx, staff_id, actor=owner.subject)


@router.get("/sign-in-rules")
async def read_rules(tx: TenantTxDep, _: ReaderDep) -> SignInRulesOut:
    """What is asked of staff when they sign in."""
    return SignInRulesOut(second_factor=await SignInRules.asks_second_factor(tx))


@router.put("/sign-in-rules")
async def set_rules(given: SignInRulesIn, tx: TenantTxDep, owner: OwnerDep) -> SignInRulesOut:
    """Sets what is asked. Who has no second factor yet sets one up when they next sign in."""
    await SignInRules.ask(tx, second_factor=given.second_factor)
    told = {"second_factor": given.second_factor}
    await AuditEntry.add(tx, owner.subject, "sign_in_rules.set", str(owner.client_id), told)
    return SignInRulesOut(second_factor=given.second_factor)


def _refuse_without_mail(services: Services) -> None:
    """Without a mail server nobody could be invited: the way in goes out by e-mail alone."""
    if services.settings.smtp_url is None:
        raise Conflict(
            "This installation sends no e-mail yet. Whoever runs it sets SMTP_URL first."
        )
