"""Inviting staff, and letting them go, for whoever runs the installation."""

from typing import Any
from uuid import UUID

from pydantic import ValidationError

from app.bootstrap import public_url
from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.core.errors import InvalidInput, NotFound
from app.core.multi_tenant import TenantTx
from app.core.security import Role
from app.models.staff import Staff
from app.models.staff_ticket import Kind
from app.schemas.staff import PersonIn
from app.services.identity import team, tickets
from app.utils.misfits import first_misfit

ROLES = (*team.GIVEN, Role.PLATFORM)


def invite(slug: str | None, email: str, name: str, role: str) -> dict[str, Any]:
    """Adds a colleague, and mails them an invitation or gives its link."""
    if role not in ROLES:
        raise InvalidInput(f"There is no role {role!r}, only {', '.join(ROLES)}.")
    person = _checked(email, name)

    async def work(here: Installation) -> dict[str, Any]:
        client = await choose_client(here.services, slug)
        mails = here.services.settings.smtp_url is not None
        async with here.services.db.tenant(client.id) as tx:
            made = await team.invite(
                tx, person.email, person.name, Role(role), actor="cli", mail=mails
            )
            link = None if mails else await _link(here, tx, made, Kind.INVITATION)
        await here.finish()
        return {"id": made, "email": person.email, "link": link}

    return with_services(work)


def _checked(email: str, name: str) -> PersonIn:
    """Held to the same rules as somebody who is invited through the API."""
    try:
        return PersonIn(email=email, name=name)
    except ValidationError as error:
        raise InvalidInput(": ".join(first_misfit(error))) from error


def reset(slug: str | None, email: str) -> dict[str, Any]:
    """Mails a colleague the way to a new password, or gives its link."""

    async def work(here: Installation) -> dict[str, Any]:
        client = await choose_client(here.services, slug)
        mails = here.services.settings.smtp_url is not None
        async with here.services.db.tenant(client.id) as tx:
            found = await _find(tx, email)
            if mails:
                await team.invite_again(tx, found, actor="cli")
            link = None if mails else await _link(here, tx, found, Kind.RESET)
        await here.finish()
        return {"id": found, "email": email, "link": link}

    return with_services(work)


def every(slug: str | None) -> list[dict[str, Any]]:
    """A client's colleagues."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return [dict(row) for row in await Staff.team(tx)]

    return with_services(work)


def deactivate(slug: str | None, email: str) -> dict[str, Any]:
    """Lets a colleague go."""

    async def work(here: Installation) -> dict[str, Any]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            found = await _find(tx, email)
            await team.let_go(tx, found, actor="cli")
        return {"id": found, "email": email}

    return with_services(work)


async def _find(tx: TenantTx, email: str) -> UUID:
    found = await Staff.named(tx, email)
    if found is None:
        raise NotFound(f"Nobody signs in with {email} here. `wafaa staff list` names those who do.")
    return found


async def _link(here: Installation, tx: TenantTx, staff_id: UUID, kind: Kind) -> str:
    return await tickets.issue(tx, staff_id, kind, public_url(here.services.settings))
