"""Conversations: an exchange with one contact until resolved, owned by the assistant or by an agent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.core.errors import Conflict, NotFound
from app.core.multi_tenant import TenantTx, cipher_of, client_of
from app.models.base import Created, TenantRow
from app.models.contact import open_name
from app.models.declared import BigInteger, ForeignKeyConstraint, Index, Mapped, mapped_column, text
from app.models.said import open_said
from app.utils.ids import uuid7


class Owner(StrEnum):
    """Who speaks for the client. Exactly one at a time."""

    ASSISTANT = "assistant"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class WaitingConversation:
    """A conversation as the inbox lists it."""

    id: UUID
    status: str
    owner: str
    agent_name: str | None
    contact_name: str | None
    channel: str
    language: str | None
    waiting_since: datetime | None
    handover_reason: str | None
    last_text: str | None
    last_message_at: datetime | None
    window_expires_at: datetime | None


class Conversation(Created, TenantRow):
    """One exchange. ``last_seq`` numbers its events; messages and events share that sequence."""

    __tablename__ = "conversations"
    __table_args__ = (
        ForeignKeyConstraint(["client_id", "contact_id"], ["contacts.client_id", "contacts.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["client_id", "account_id"], ["channel_configs.client_id", "channel_configs.id"], ondelete="CASCADE"
        ),
        # One open conversation a contact and account: get-or-create rests on it.
        Index(
            "uq_conversations_open", "contact_id", "account_id", "client_id",
            unique=True, postgresql_where=text("status = 'open'"),
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID]
    account_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(server_default=text("'open'"))
    owner: Mapped[str] = mapped_column(server_default=text("'assistant'"))
    agent_id: Mapped[UUID | None]
    waiting_since: Mapped[datetime | None]
    handover_reason: Mapped[str | None]
    language: Mapped[str | None]
    last_seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_contact_seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_message_at: Mapped[datetime | None]
    window_expires_at: Mapped[datetime | None]
    disclosed_at: Mapped[datetime | None]

    @classmethod
    async def current(cls, tx: TenantTx, account_id: UUID, contact_id: UUID) -> UUID:
        """The contact's open conversation; made when there is none."""
        found = await tx.value(
            "INSERT INTO conversations (client_id, id, account_id, contact_id) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (client_id, account_id, contact_id) WHERE status = 'open' "
            "DO UPDATE SET status = 'open' RETURNING id",
            client_of(tx), uuid7(), account_id, contact_id,
        )  # fmt: skip
        return UUID(str(found))

    @classmethod
    async def adopt(
        cls, tx: TenantTx, account_id: UUID, stranger_id: UUID, contact_id: UUID
    ) -> UUID | None:
        """Gives a contact the open conversation that was begun before it was known whose it is.

        A contact who has an open one already keeps that: the other stays with the stranger.
        """
        found: UUID | None = await tx.value(
            "UPDATE conversations SET contact_id = $4 WHERE client_id = $1 AND account_id = $2 AND contact_id = $3 "
            "AND status = 'open' AND last_seq > 0 AND NOT EXISTS (SELECT FROM conversations "
            "WHERE client_id = $1 AND account_id = $2 AND contact_id = $4 AND status = 'open') RETURNING id",
            client_of(tx), account_id, stranger_id, contact_id,
        )  # fmt: skip
        return found

    @classmethod
    async def get(
        cls, tx: TenantTx, conversation_id: UUID, *, lock: bool = False
    ) -> "Conversation":
        """One conversation; with ``lock`` nobody else changes it until the transaction ends.

        Raises:
            NotFound: There is none.
        """
        row = await tx.one(
            "SELECT * FROM conversations WHERE client_id = $1 AND id = $2" + (" FOR UPDATE" if lock else ""),
            client_of(tx), conversation_id,
        )  # fmt: skip
        if row is None:
            raise NotFound
        conversation: Conversation = cls.of(row)
        return conversation

    @classmethod
    async def has_moved_on(cls, tx: TenantTx, conversation_id: UUID, since: int | None) -> bool:
        """Whether the contact has said more since a number (None: it doesn't matter), or a human has it now."""
        moved = await tx.value(
            "SELECT owner <> 'assistant' OR last_contact_seq > coalesce($3, last_contact_seq) "
            "FROM conversations WHERE client_id = $1 AND id = $2",
            client_of(tx), conversation_id, since,
        )  # fmt: skip
        return moved is not False  # One that is gone has moved on as well.

    @classmethod
    async def touch(
        cls,
        tx: TenantTx,
        conversation_id: UUID,
        *,
        seq: int,
        at: datetime,
        window_hours: int | None,
    ) -> None:
        """Notes that the contact wrote: the service window opens anew from the platform's time."""
        await tx.run(
            "UPDATE conversations SET last_contact_seq = greatest(last_contact_seq, $3), "
            "last_message_at = greatest(last_message_at, $4), window_expires_at = "
            "CASE WHEN $5::int IS NOT NULL THEN greatest(window_expires_at, $4 + make_interval(hours => $5)) END "
            "WHERE client_id = $1 AND id = $2",
            client_of(tx), conversation_id, seq, at, window_hours,
        )  # fmt: skip

    @classmethod
    async def speak(cls, tx: TenantTx, conversation_id: UUID, language: str) -> None:
        """Notes that the assistant spoke: it has said that it is automated, and in which language."""
        await tx.run(
            "UPDATE conversations SET disclosed_at = coalesce(disclosed_at, now()), language = $3, "
            "last_message_at = now() WHERE client_id = $1 AND id = $2",
            client_of(tx), conversation_id, language,
        )  # fmt: skip

    @classmethod
    async def unspeak(cls, tx: TenantTx, conversation_id: UUID) -> None:
        """Takes back that the assistant introduced itself, when nothing of what it said since then went out."""
        await tx.run(
            "UPDATE conversations c SET disclosed_at = NULL WHERE client_id = $1 AND id = $2 AND NOT EXISTS ("
            "SELECT FROM messages WHERE client_id = $1 AND conversation_id = $2 AND author = 'assistant' "
            "AND delivery_state <> 'cancelled' AND created_at >= c.disclosed_at)",
            client_of(tx), conversation_id,
        )  # fmt: skip

    @classmethod
    async def want_human(cls, tx: TenantTx, conversation_id: UUID, reason: str) -> bool:
        """Puts the conversation on the waiting list; tells whether it wasn't there yet."""
        touched = await tx.run(
            "UPDATE conversations SET waiting_since = now(), handover_reason = $3 "
            "WHERE client_id = $1 AND id = $2 AND waiting_since IS NULL AND owner = 'assistant'",
            client_of(tx), conversation_id, reason,
        )  # fmt: skip
        return bool(touched)

    @classmethod
    async def hand_over(cls, tx: TenantTx, conversation_id: UUID, agent_id: UUID | None) -> None:
        """Gives the conversation to an agent; None where the agent is known only to the platform.

        Raises:
            Conflict: Another agent has it.
        """
        taken = await tx.run(
            "UPDATE conversations SET owner = 'agent', agent_id = coalesce($3, agent_id), waiting_since = NULL "
            "WHERE client_id = $1 AND id = $2 AND status = 'open' "
            "AND (owner = 'assistant' OR agent_id IS NOT DISTINCT FROM $3 OR agent_id IS NULL OR $3 IS NULL)",
            client_of(tx), conversation_id, agent_id,
        )  # fmt: skip
        if not taken:
            raise Conflict("Another colleague has this conversation, or it is resolved.")

    @classmethod
    async def hand_back(cls, tx: TenantTx, conversation_id: UUID) -> None:
        """Gives the conversation back to the assistant, which will introduce itself again."""
        await tx.run(
            "UPDATE conversations SET owner = 'assistant', agent_id = NULL, waiting_since = NULL, "
            "handover_reason = NULL, disclosed_at = NULL WHERE client_id = $1 AND id = $2",
            client_of(tx), conversation_id,
        )  # fmt: skip

    @classmethod
    async def resolve(cls, tx: TenantTx, conversation_id: UUID) -> None:
        """Ends the conversation; the contact's next message opens a new one."""
        await tx.run(
            "UPDATE conversations SET status = 'resolved', waiting_since = NULL WHERE client_id = $1 AND id = $2",
            client_of(tx), conversation_id,
        )  # fmt: skip

    @classmethod
    async def inbox(
        cls,
        tx: TenantTx,
        *,
        waiting: bool | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[WaitingConversation]:
        """Conversations, those that wait longest first, then the newest."""
        rows = await tx.all(_INBOX, client_of(tx), waiting, after, limit)
        return [_waiting(tx, dict(row)) for row in rows]


def _waiting(tx: TenantTx, row: dict[str, Any]) -> WaitingConversation:
    name = open_name(tx, row.pop("contact_id"), row.pop("name"))
    last, said = row.pop("last_id"), row.pop("said")
    text_ = open_said(cipher_of(tx), last, said)[0] if said else None
    return WaitingConversation(**row, contact_name=name, last_text=text_)


_INBOX = """
SELECT c.id, c.status, c.owner, s.name AS agent_name, c.contact_id, p.name, a.kind AS channel, c.language,
       c.waiting_since, c.handover_reason, m.id AS last_id, m.said, c.last_message_at, c.window_expires_at
FROM conversations c
JOIN contacts p ON p.client_id = c.client_id AND p.id = c.contact_id
JOIN channel_configs a ON a.client_id = c.client_id AND a.id = c.account_id
LEFT JOIN staff s ON s.client_id = c.client_id AND s.id = c.agent_id
LEFT JOIN LATERAL (SELECT id, said FROM messages WHERE client_id = c.client_id AND conversation_id = c.id
                   AND id >= app.floor_of(c.id) ORDER BY seq DESC LIMIT 1) m ON true
WHERE c.client_id = $1 AND ($2::bool IS NULL OR (c.waiting_since IS NOT NULL) = $2)
  AND ($3::uuid IS NULL OR c.id < $3)
ORDER BY c.waiting_since NULLS LAST, c.id DESC LIMIT $4
"""
