"""Inviting staff, and letting them choose a new password: by tickets that go out by e-mail, and nowhere else.

A ticket's token is made when its mail is sent: it stands in no job, no log and no answer, and the database keeps its
hash. It opens once; the mail after it, or a new password, ends it.
"""

import secrets
from dataclasses import dataclass
from email.message import EmailMessage
from typing import ClassVar, Protocol
from uuid import NAMESPACE_OID, UUID, uuid5

import anyio
import structlog

from app.core.errors import NotFound
from app.core.multi_tenant import Database, TenantTx
from app.core.security import Attempts, hash_password
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.job import Job
from app.models.staff import Staff
from app.models.staff_session import StaffSession
from app.models.staff_ticket import FoundTicket, Kind, StaffTicket
from app.services.identity import mails
from app.services.identity.passwords import refuse_weak
from app.services.identity.sessions import hash_secret
from app.services.queue.jobs import NOTIFY, JobBase, Work, enqueue

log = structlog.get_logger(__name__)

_TOKEN_LENGTH = 43


class Mailer(Protocol):
    """Sends e-mail."""

    async def send(self, message: EmailMessage) -> None:
        """Hands one mail to the mail server. Raises UpstreamUnavailable."""


@dataclass(frozen=True, slots=True)
class MailInvitation(JobBase):
    """A colleague is to be invited."""

    kind: ClassVar[str] = "mail_invitation"
    queue: ClassVar[str] = NOTIFY

    staff_id: UUID

    @property
    def lane_id(self) -> UUID:
        """The colleague: two mails at once would void each other's tickets."""
        return uuid5(NAMESPACE_OID, f"mail {self.staff_id}")


@dataclass(frozen=True, slots=True)
class MailReset(MailInvitation):
    """A colleague wants a new password."""

    kind: ClassVar[str] = "mail_reset"


class TicketOffice:
    """Writes the mails. Without a mail server there are none."""

    def __init__(self, db: Database, mailer: Mailer | None, base_url: str) -> None:
        self._db = db
        self._mailer = mailer
        self._base_url = base_url

    async def invite(self, job: MailInvitation, work: Work) -> None:
        """Mails an invitation."""
        await self._send(Kind.INVITATION, job, work)

    async def reset(self, job: MailReset, work: Work) -> None:
        """Mails the way to a new password."""
        await self._send(Kind.RESET, job, work)

    async def _send(self, kind: Kind, job: MailInvitation, work: Work) -> None:
        """Sends one mail. It may come twice when a worker dies right after sending it: the last one's link is good."""
        async with self._db.tenant(work.client_id) as tx:
            staff, client = await _addressee(tx, job.staff_id), await Client.mine(tx)
            if staff is None or self._mailer is None:
                return await Job.settle(tx, work.lease)
            url = await issue(tx, staff.id, kind, self._base_url)
        work.assert_mine()
        mail = mails.write(
            kind, client.assistant.language, to=staff.email, name=staff.name, client=client.name, url=url
        )  # fmt: skip
        await self._mailer.send(mail)
        log.info("staff_mailed", kind=str(kind), staff_id=str(staff.id))
        async with self._db.tenant(work.client_id) as tx:
            return await Job.settle(tx, work.lease)


async def _addressee(tx: TenantTx, staff_id: UUID) -> Staff | None:
    try:
        staff = await Staff.get(tx, staff_id)
    except NotFound:
        return None
    return staff if staff.is_active else None


async def issue(tx: TenantTx, staff_id: UUID, kind: Kind, base_url: str) -> str:
    """Makes a ticket; gives the address at which it opens. Nobody can be told it again."""
    token = secrets.token_urlsafe(32)
    await StaffTicket.issue(tx, staff_id, kind, hash_secret(token))
    return mails.link(kind, base_url, token)


async def ask_for_reset(db: Database, attempts: Attempts, email: str) -> None:
    """Lets somebody who forgot their password have a mail; nobody is told whether there is such a colleague.

    Raises:
        RateLimited: It was asked too often for this address.
    """
    await attempts.take(f"reset {email}")
    async with db.directory() as tx:
        staff = await Staff.by_email(tx, email)
    if staff is not None:
        async with db.tenant(staff.client_id) as tenant:
            await enqueue(tenant, MailReset(staff.staff_id))


async def read(db: Database, token: str, kind: Kind) -> FoundTicket | None:
    """The good ticket behind a token."""
    if len(token) != _TOKEN_LENGTH:
        return None
    async with db.directory() as tx:
        found = await StaffTicket.find(tx, hash_secret(token))
    return found if found and found.kind == kind else None


async def redeem(db: Database, token: str, kind: Kind, password: str) -> bool:
    """Sets a password with a ticket, which is then used up; tells whether the ticket was good.

    Raises:
        InvalidInput: It is no password.
    """
    found = await read(db, token, kind)
    if found is None:
        return False
    refuse_weak(password, found.email)
    hashed = await anyio.to_thread.run_sync(hash_password, password)
    async with db.tenant(found.client_id) as tx:
        if not await StaffTicket.use(tx, found.staff_id, hash_secret(token)):
            return False
        await Staff.set_password(tx, found.staff_id, hashed)
        await StaffSession.end(tx, found.staff_id)
        act = "staff.joined" if kind is Kind.INVITATION else "password.reset"
        await AuditEntry.add(tx, str(found.staff_id), act, str(found.staff_id))
    return True
