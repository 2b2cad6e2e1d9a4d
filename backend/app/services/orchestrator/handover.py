"""Handover: ownership of a conversation passes to an agent, and back. While an agent has it the assistant is silent."""

from email.message import EmailMessage
from typing import Protocol
from uuid import UUID

import structlog

from app.core.errors import Conflict
from app.core.multi_tenant import Database, TenantTx
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.conversation import Conversation, Owner
from app.models.job import Job
from app.models.message import Author, Message, NewMessage
from app.models.staff import Staff
from app.services.orchestrator import phrases
from app.services.orchestrator.events import say, tell
from app.services.orchestrator.jobs import DeliverMessage, NotifyStaff, TellQuota
from app.services.queue.jobs import Work, enqueue

log = structlog.get_logger(__name__)


class Mailer(Protocol):
    """Sends e-mail."""

    async def send(self, message: EmailMessage) -> None:
        """Hands one mail to the mail server. Raises UpstreamUnavailable."""


async def take_over(tx: TenantTx, conversation_id: UUID, staff_id: UUID) -> None:
    """An agent takes the conversation.

    Raises:
        NotFound: There is no such conversation.
        Conflict: Another colleague has it.
    """
    await Conversation.get(tx, conversation_id, lock=True)
    await Conversation.hand_over(tx, conversation_id, staff_id)
    await tell(
        tx, conversation_id, "handover.accepted", agent_name=await Staff.name_of(tx, staff_id)
    )
    await AuditEntry.add(tx, str(staff_id), "conversation.taken_over", str(conversation_id))


async def hand_back(tx: TenantTx, conversation_id: UUID, staff_id: UUID) -> None:
    """The assistant gets the conversation back. What was said to the agent isn't its business."""
    await Conversation.get(tx, conversation_id, lock=True)
    await Conversation.hand_back(tx, conversation_id)
    await Message.settle_waiting(tx, conversation_id)
    await tell(tx, conversation_id, "handed_back")
    await AuditEntry.add(tx, str(staff_id), "conversation.handed_back", str(conversation_id))


async def resolve(tx: TenantTx, conversation_id: UUID, staff_id: UUID) -> None:
    """The conversation ends; the contact's next message opens a new one."""
    await Conversation.get(tx, conversation_id, lock=True)
    await Conversation.resolve(tx, conversation_id)
    await tell(tx, conversation_id, "conversation.closed")
    await AuditEntry.add(tx, str(staff_id), "conversation.resolved", str(conversation_id))


async def reply(
    tx: TenantTx, conversation_id: UUID, staff_id: UUID, text: str, *, streamed: bool
) -> UUID:
    """An agent answers; the reply goes the way of every reply.

    Raises:
        Conflict: The agent hasn't taken the conversation.
    """
    conversation = await Conversation.get(tx, conversation_id, lock=True)
    if conversation.owner != Owner.AGENT or conversation.agent_id not in (staff_id, None):
        raise Conflict("Take the conversation over before you reply.")
    message = NewMessage(
        conversation_id=conversation_id,
        author=Author.AGENT,
        text=text,
        staff_id=staff_id,
        delivery_state="sent" if streamed else "queued",
    )
    await say(tx, message, "message.created", {"agent_name": await Staff.name_of(tx, staff_id)})
    await Message.settle_waiting(tx, conversation_id, message.id)
    if not streamed:
        await enqueue(tx, DeliverMessage(conversation_id, message.id))
    return message.id


class StaffNotifier:
    """Tells people by e-mail that a human is wanted. Without a mail server the waiting list has to do."""

    def __init__(
        self,
        db: Database,
        mailer: Mailer | None,
        console_url: str,
        platform_email: str | None = None,
    ) -> None:
        self._db = db
        self._mailer = mailer
        self._console_url = console_url
        self._platform_email = platform_email

    async def notify(self, job: NotifyStaff, work: Work) -> None:
        """Sends one mail for one wish. A mail may come twice when a worker dies right after sending it."""
        async with self._db.tenant(work.client_id) as tx:
            client = await Client.mine(tx)
            conversation = await Conversation.get(tx, job.conversation_id)
            recipients = (
                [client.assistant.handover_email]
                if client.assistant.handover_email
                else await Staff.owners(tx)
            )
            if conversation.waiting_since is None or not recipients or self._mailer is None:
                return await Job.settle(tx, work.lease)
        work.assert_mine()
        await self._mailer.send(self._mail(client, job.conversation_id, recipients))
        log.info(
            "staff_notified", conversation_id=str(job.conversation_id), recipients=len(recipients)
        )
        async with self._db.tenant(work.client_id) as tx:
            return await Job.settle(tx, work.lease)

    async def tell_quota(self, _: TellQuota, work: Work) -> None:
        """Tells owners, and whoever runs the installation, that a quota is used up."""
        async with self._db.tenant(work.client_id) as tx:
            client = await Client.mine(tx)
            told = await Staff.owners(tx)
            recipients = told + ([self._platform_email] if self._platform_email else [])
            if not recipients or self._mailer is None:
                return await Job.settle(tx, work.lease)
        work.assert_mine()
        language = client.assistant.language
        mail = EmailMessage()
        mail["Subject"] = phrases.say("quota_subject", language, client=client.name)
        mail["To"] = ", ".join(recipients)
        url = f"{self._console_url}/conversations"
        mail.set_content(phrases.say("quota_body", language, client=client.name, url=url))
        await self._mailer.send(mail)
        async with self._db.tenant(work.client_id) as tx:
            return await Job.settle(tx, work.lease)

    def _mail(self, client: Client, conversation_id: UUID, recipients: list[str]) -> EmailMessage:
        """The mail, in the client's language. It holds no word of the conversation: mail is read by many servers."""
        language = client.assistant.language
        mail = EmailMessage()
        mail["Subject"] = phrases.say("mail_subject", language, client=client.name)
        mail["To"] = ", ".join(recipients)
        url = f"{self._console_url}/conversations/{conversation_id}"
        mail.set_content(phrases.say("mail_body", language, client=client.name, url=url))
        return mail
