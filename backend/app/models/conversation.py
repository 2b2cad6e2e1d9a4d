"""Conversations: an exchange with one contact until resolved, owned by the assistant or by an agent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import Conflict, NotFound
from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
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
            "uq_conversations_open", "client_id", "account_id", "contact_id",
            unique=True, postgresql_where=text("status = 'open'"),
        ),
        Index("ix_conversations_waiting", "client_id", "waiting_since", postgresql_where=text("status = 'open'")),
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
        return [WaitingConversation(**dict(row)) for row in rows]


_INBOX = """
SELECT c.id, c.status, c.owner, s.name AS agent_name, p.display_name AS contact_name, a.kind AS channel, c.language,
       c.waiting_since, c.handover_reason, m.text AS last_text, c.last_message_at, c.window_expires_at
FROM conversations c
JOIN contacts p ON p.client_id = c.client_id AND p.id = c.contact_id
JOIN channel_configs a ON a.client_id = c.client_id AND a.id = c.account_id
LEFT JOIN staff s ON s.client_id = c.client_id AND s.id = c.agent_id
LEFT JOIN LATERAL (SELECT text FROM messages WHERE client_id = c.client_id AND conversation_id = c.id
                   ORDER BY seq DESC LIMIT 1) m ON true
WHERE c.client_id = $1 AND ($2::bool IS NULL OR (c.waiting_since IS NOT NULL) = $2)
  AND ($3::uuid IS NULL OR c.id < $3)
ORDER BY c.waiting_since NULLS LAST, c.id DESC LIMIT $4
"""


class ConversationEvent(Created, TenantRow):
    """What happened in a conversation, in order: the durable log that streams read."""

    __tablename__ = "conversation_events"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "conversation_id"],
            ["conversations.client_id", "conversations.id"],
            ondelete="CASCADE",
        ),
    )

    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str]
    data: Mapped[dict[str, Any]]

    @classmethod
    async def append(
        cls, tx: TenantTx, conversation_id: UUID, type_: str, data: dict[str, Any]
    ) -> int:
        """Adds an event, wakes whoever follows the conversation at commit, and tells its number.

        The conversation's row is the lock: numbers rise in commit order, so a reader can't skip one.
        """
        seq = await tx.value(
            "WITH next AS (UPDATE conversations SET last_seq = last_seq + 1 WHERE client_id = $1 AND id = $2 "
            "RETURNING last_seq), said AS (SELECT pg_notify('wafaa_events', $2::text)) "
            "INSERT INTO conversation_events (client_id, conversation_id, seq, type, data) "
            "SELECT $1, $2, last_seq, $3, $4 FROM next, said RETURNING seq",
            client_of(tx), conversation_id, type_, data,
        )  # fmt: skip
        if seq is None:
            raise NotFound
        return int(seq)

    @classmethod
    async def after(
        cls, tx: TenantTx, conversation_id: UUID, seq: int, limit: int = 200
    ) -> list["ConversationEvent"]:
        """The events after a number, in order."""
        rows = await tx.all(
            "SELECT * FROM conversation_events WHERE client_id = $1 AND conversation_id = $2 AND seq > $3 "
            "ORDER BY seq LIMIT $4",
            client_of(tx), conversation_id, seq, limit,
        )  # fmt: skip
        return [cls.of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class LoadedTurn:
    """All that a turn needs to know, as one statement reads it.

    Attributes:
        conversation: The conversation's columns that matter here.
        client_name: How the business is called.
        settings: The client's settings, plain.
        knowledge_version: Rises with every change of knowledge.
        is_active: Whether the client is served.
        opted_out: Whether the contact wants to hear nothing.
        channel: The account's kind.
        last_reply_id: The latest message that isn't the contact's.
        waiting: What the contact said last and nobody answered, oldest first, plain.
    """

    account_id: UUID
    contact_id: UUID
    status: str
    owner: str
    language: str | None
    last_contact_seq: int
    disclosed_at: datetime | None
    waiting_since: datetime | None
    client_name: str
    settings: dict[str, Any]
    knowledge_version: int
    is_active: bool
    opted_out: bool
    channel: str
    last_reply_id: UUID | None
    waiting: list[dict[str, Any]]

    @classmethod
    async def read(cls, tx: TenantTx, conversation_id: UUID, most: int) -> "LoadedTurn":
        """Reads it in one round trip.

        Raises:
            NotFound: The conversation is gone.
        """
        row = await tx.one(_TURN, client_of(tx), conversation_id, most)
        if row is None:
            raise NotFound
        return cls(**dict(row))


_TURN = """
SELECT c.account_id, c.contact_id, c.status, c.owner, c.language, c.last_contact_seq, c.disclosed_at, c.waiting_since,
       k.name AS client_name, k.settings, k.knowledge_version, k.is_active, p.opted_out, a.kind AS channel,
       (SELECT id FROM messages WHERE client_id = $1 AND conversation_id = $2 AND author <> 'contact'
        ORDER BY seq DESC LIMIT 1) AS last_reply_id,
       coalesce((SELECT jsonb_agg(to_jsonb(m) ORDER BY m.seq) FROM (
         SELECT id, seq, kind, text, platform_message_id, extract(epoch FROM created_at) AS arrived_at,
           extract(epoch FROM clock_timestamp() - created_at) AS age
         FROM messages WHERE client_id = $1 AND conversation_id = $2 AND author = 'contact'
         AND answered_by IS NULL AND NOT is_stale AND NOT is_deleted ORDER BY seq DESC LIMIT $3) m), '[]') AS waiting
FROM conversations c
JOIN clients k ON k.id = c.client_id
JOIN contacts p ON p.client_id = c.client_id AND p.id = c.contact_id
JOIN channel_configs a ON a.client_id = c.client_id AND a.id = c.account_id
WHERE c.client_id = $1 AND c.id = $2
"""
