"""Colleagues that clients' files name: invited, changed, let go."""

from dataclasses import dataclass, field
from uuid import UUID

from app.bootstrap import public_url
from app.core.config import Settings
from app.core.multi_tenant import TenantTx
from app.core.security import Role
from app.models.staff_ticket import Kind
from app.services.identity import team, tickets
from app.services.orchestrator.applying import ACTOR


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link to hand over, where no mail goes out. It opens once."""

    email: str
    link: str = field(repr=False)


def by_hand(email: str, link: str) -> str:
    """What to do with a link that no mail takes along."""
    return f"Hand this link over to {email}, as no SMTP_URL is set. It opens once: {link}"


class Hiring:
    """Takes people in by an e-mail; where nothing sends mail, keeps the links for whoever runs this."""

    def __init__(self, settings: Settings) -> None:
        self._mails = settings.smtp_url is not None
        self._url = public_url(settings)
        self.invitations: list[Invitation] = []

    async def invite(self, tx: TenantTx, email: str, name: str, role: str) -> None:
        """Takes somebody in, or back; they choose a password by their link."""
        made = await team.invite(tx, email, name, Role(role), actor=ACTOR, mail=self._mails)
        if not self._mails:
            link = await tickets.issue(tx, made, Kind.INVITATION, self._url)
            self.invitations.append(Invitation(email, link))

    async def change(self, tx: TenantTx, staff_id: UUID, name: str, role: str) -> None:
        """Gives a colleague another name, another role, or both."""
        await team.change(tx, staff_id, name, Role(role), actor=ACTOR)

    async def let_go(self, tx: TenantTx, staff_id: UUID) -> None:
        """Lets a colleague go."""
        await team.let_go(tx, staff_id, actor=ACTOR)
