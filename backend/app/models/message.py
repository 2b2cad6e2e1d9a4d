"""Messages: one thing said, with its attachments and how far its delivery has come."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import NotFound
from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.utils.ids import uuid7


class Author(StrEnum):
    """Who said it."""

    CONTACT = "contact"
    ASSISTANT = "assistant"
    AGENT = "agent"


INTAKE = "wafaa intake"
"""How the database knows the connection that every serving API keeps open."""

RANKS = {
    "queued": 0, "sending": 1, "indeterminate": 2, "parked": 3, "accepted": 4, "sent": 5, "failed": 6,
    "delivered": 7, "read": 8,
}  # fmt: skip
"""A delivery state only ever rises: a late ``sent`` doesn't undo ``delivered``, nor ``failed`` a ``delivered``."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be written. Its number comes from its event in the conversation's log."""

    conversation_id: UUID
    author: Author
    text: str | None
    language: str | None = None
    kind: str = "text"
    content: dict[str, Any] = field(default_factory=dict)
    citations: list[dict[str, Any]] = field(default_factory=list)
    platform_message_id: str | None = None
    reply_to_id: UUID | None = None
    staff_id: UUID | None = None
    occurred_at: datetime | None = None
    delivery_state: str | None = None
    is_stale: bool = False
    offer_human: bool = False
    seq: int | None = None
    id: UUID = field(default_factory=uuid7)


class Message(Created, TenantRow):
    """One thing said by contact, assistant or agent. Ids sort by time, so the table can be partitioned by them."""

    __tablename__ = "messages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "conversation_id"],
            ["conversations.client_id", "conversations.id"],
            ondelete="CASCADE",
        ),
        Index("ix_messages_conversation", "client_id", "conversation_id", "seq"),
        Index("ix_messages_platform_message_id", "client_id", "platform_message_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    seq: Mapped[int] = mapped_column(BigInteger)
    author: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default=sql("'text'"))
    text: Mapped[str | None]
    language: Mapped[str | None]
    content: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    citations: Mapped[list[dict[str, Any]]] = mapped_column(server_default=sql("'[]'"))
    platform_message_id: Mapped[str | None]
    reply_to_id: Mapped[UUID | None]
    staff_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime | None]
    delivery_state: Mapped[str | None]
    delivery_error: Mapped[str | None]
    sending_since: Mapped[datetime | None]
    answered_by: Mapped[UUID | None]
    is_stale: Mapped[bool] = mapped_column(server_default=sql("false"))
    is_deleted: Mapped[bool] = mapped_column(server_default=sql("false"))
    offer_human: Mapped[bool] = mapped_column(server_default=sql("false"))
    feedback: Mapped[str | None]

    @classmethod
    async def add(cls, tx: TenantTx, new: NewMessage, seq: int) -> None:
        """Writes a message under the number of its event."""
        await tx.run(
            "INSERT INTO messages (client_id, id, conversation_id, seq, author, kind, text, language, content, citations, "
            "platform_message_id, reply_to_id, staff_id, occurred_at, delivery_state, is_stale, offer_human) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            client_of(tx), new.id, new.conversation_id, seq, new.author, new.kind, new.text, new.language, new.content,
            new.citations, new.platform_message_id, new.reply_to_id, new.staff_id, new.occurred_at, new.delivery_state,
            new.is_stale, new.offer_human,
        )  # fmt: skip

    @classmethod
    async def get(cls, tx: TenantTx, message_id: UUID, *, lock: bool = False) -> "Message":
        """One message.

        Raises:
            NotFound: There is none.
        """
        row = await tx.one(
            "SELECT * FROM messages WHERE client_id = $1 AND id = $2" + (" FOR UPDATE" if lock else ""),
            client_of(tx), message_id,
        )  # fmt: skip
        if row is None:
            raise NotFound
        message: Message = cls.of(row)
        return message

    @classmethod
    async def find(cls, tx: TenantTx, message_id: UUID) -> "Message | None":
        """One message, if it is there."""
        row = await tx.one(
            "SELECT * FROM messages WHERE client_id = $1 AND id = $2", client_of(tx), message_id
        )
        return cls.of(row) if row else None

    @classmethod
    async def by_platform_id(cls, tx: TenantTx, platform_message_id: str) -> "Message | None":
        """The message that the platform calls so."""
        row = await tx.one(
            "SELECT * FROM messages WHERE client_id = $1 AND platform_message_id = $2 LIMIT 1",
            client_of(tx), platform_message_id,
        )  # fmt: skip
        return cls.of(row) if row else None

    @classmethod
    async def page(
        cls, tx: TenantTx, conversation_id: UUID, *, before: int | None = None, limit: int = 50
    ) -> list["Message"]:
        """The latest messages before a number, oldest first."""
        rows = await tx.all(
            "SELECT * FROM messages WHERE client_id = $1 AND conversation_id = $2 AND ($3::bigint IS NULL OR seq < $3) "
            "ORDER BY seq DESC LIMIT $4",
            client_of(tx), conversation_id, before, limit,
        )  # fmt: skip
        return [cls.of(row) for row in reversed(rows)]

    @classmethod
    async def settle_waiting(
        cls, tx: TenantTx, conversation_id: UUID, reply_id: UUID | None = None
    ) -> None:
        """Notes that a human has dealt with all the contact said so far: by this reply, or in some other way."""
        await tx.run(
            "UPDATE messages SET answered_by = coalesce($3, id) WHERE client_id = $1 AND conversation_id = $2 "
            "AND author = 'contact' AND answered_by IS NULL",
            client_of(tx), conversation_id, reply_id,
        )  # fmt: skip

    @classmethod
    async def mark_answered(cls, tx: TenantTx, message_ids: Sequence[UUID], reply_id: UUID) -> int:
        """Notes which reply answers these messages; one that is answered already stays so."""
        return await tx.run(
            "UPDATE messages SET answered_by = $3 WHERE client_id = $1 AND id = ANY($2::uuid[]) AND answered_by IS NULL",
            client_of(tx), list(message_ids), reply_id,
        )  # fmt: skip

    @classmethod
    async def reopen(cls, tx: TenantTx, reply: "Message", *, most: int, seconds: float) -> bool:
        """Takes back what a reply that hasn't gone out answers, so that a newer turn answers it; tells whether it did.

        Not when the contact wants silence, nor for more messages or after more seconds than these: somebody who
        never stops gets a reply all the same.
        """
        touched = await tx.run(
            _REOPEN, client_of(tx), reply.conversation_id, reply.id, most, seconds
        )
        return bool(touched)

    @classmethod
    async def advance(
        cls,
        tx: TenantTx,
        message_id: UUID,
        state: str,
        *,
        platform_message_id: str | None = None,
        error: str | None = None,
    ) -> bool:
        """Raises a delivery state, never lowers it; tells whether it rose."""
        lower = [name for name, rank in RANKS.items() if rank < RANKS[state]]
        touched = await tx.run(
            "UPDATE messages SET delivery_state = $3::text, delivery_error = $6, "
            "platform_message_id = coalesce(platform_message_id, $5), "
            "sending_since = CASE WHEN $3::text = 'sending' THEN clock_timestamp() ELSE sending_since END "
            "WHERE client_id = $1 AND id = $2 AND delivery_state = ANY($4::text[])",
            client_of(tx), message_id, state, lower, platform_message_id, error,
        )  # fmt: skip
        return bool(touched)

    @classmethod
    async def seconds_of_silence(cls, tx: TenantTx, message_id: UUID) -> float:
        """How long the platform has said nothing of a send although it could have.

        Only while an API is up can a status reach us, and after an outage a platform comes back the later the longer
        it lasted: so as long as there was none, silence means nothing. By the database's clock: workers' may differ.
        """
        seconds = await tx.value(_SILENCE, client_of(tx), message_id, INTAKE)
        return float(seconds or 0.0)

    @classmethod
    async def cancel(cls, tx: TenantTx, message_id: UUID) -> None:
        """Takes back a reply that hasn't gone out."""
        await tx.run(
            "UPDATE messages SET delivery_state = 'cancelled' WHERE client_id = $1 AND id = $2 AND delivery_state = 'queued'",
            client_of(tx), message_id,
        )  # fmt: skip

    @classmethod
    async def requeue(cls, tx: TenantTx, message_id: UUID) -> bool:
        """Takes a send back to the queue, when the platform is known not to have it."""
        touched = await tx.run(
            "UPDATE messages SET delivery_state = 'queued' WHERE client_id = $1 AND id = $2 "
            "AND delivery_state IN ('sending', 'indeterminate', 'parked')",
            client_of(tx), message_id,
        )  # fmt: skip
        return bool(touched)

    @classmethod
    async def edit(
        cls, tx: TenantTx, platform_message_id: str, text_: str | None, *, deleted: bool = False
    ) -> None:
        """Replaces what the contact corrected, or removes what they took back."""
        await tx.run(
            "UPDATE messages SET text = $3, is_deleted = $4 WHERE client_id = $1 AND platform_message_id = $2",
            client_of(tx), platform_message_id, text_, deleted,
        )  # fmt: skip

    @classmethod
    async def rate(
        cls, tx: TenantTx, conversation_id: UUID, message_id: UUID, feedback: str
    ) -> None:
        """Keeps the contact's thumb on a reply.

        Raises:
            NotFound: There is no such reply in this conversation.
        """
        found = await tx.run(
            "UPDATE messages SET feedback = $4 WHERE client_id = $1 AND conversation_id = $2 AND id = $3 "
            "AND author <> 'contact'",
            client_of(tx), conversation_id, message_id, feedback,
        )  # fmt: skip
        if not found:
            raise NotFound


_REOPEN = """
WITH answered AS (
  SELECT count(*) AS messages, min(created_at) AS since FROM messages
  WHERE client_id = $1 AND conversation_id = $2 AND answered_by = $3 AND author = 'contact')
UPDATE messages m SET answered_by = NULL FROM answered a
WHERE m.client_id = $1 AND m.conversation_id = $2 AND m.answered_by = $3 AND m.author = 'contact'
  AND a.messages < $4 AND a.since > clock_timestamp() - make_interval(secs => $5)
  AND NOT (SELECT p.opted_out FROM conversations c JOIN contacts p ON p.client_id = c.client_id AND p.id = c.contact_id
           WHERE c.client_id = $1 AND c.id = $2)
"""

_SILENCE = """
SELECT extract(epoch FROM clock_timestamp() - greatest(m.sending_since, i.open_since)
                          - greatest(i.open_since - m.sending_since, interval '0'))::float8
FROM messages m, (SELECT coalesce(min(backend_start), clock_timestamp()) AS open_since FROM pg_stat_activity
                  WHERE application_name = $3 AND datname = current_database()) i
WHERE m.client_id = $1 AND m.id = $2
"""


class Attachment(TenantRow):
    """A medium of a message, by the platform's reference; its bytes stay there until they are needed."""

    __tablename__ = "attachments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "message_id"], ["messages.client_id", "messages.id"], ondelete="CASCADE"
        ),
        Index(None, "client_id", "message_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID]
    kind: Mapped[str]
    media_id: Mapped[str | None]
    url: Mapped[str | None]
    mime_type: Mapped[str | None]
    sha256: Mapped[str | None]
    filename: Mapped[str | None]
    caption: Mapped[str | None]

    @classmethod
    async def add(cls, tx: TenantTx, message_id: UUID, kind: str, **reference: str | None) -> None:
        """Keeps a reference to a medium: ``media_id, url, mime_type, sha256, filename, caption``."""
        names = ("media_id", "url", "mime_type", "sha256", "filename", "caption")
        await tx.run(
            f"INSERT INTO attachments (client_id, id, message_id, kind, {', '.join(names)}) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            client_of(tx), uuid7(), message_id, kind, *(reference.get(name) for name in names),
        )  # fmt: skip


class InboundEvent(Created, TenantRow):
    """The ledger of what platforms told us, by their own event keys: the same key again is a duplicate.

    It stands apart from messages, which can then be partitioned by time. ``raw`` is kept where the event couldn't be
    processed: unparsed, or quarantined because another client's number was signed with this client's secret.
    """

    __tablename__ = "inbound_events"
    __table_args__ = (Index("ix_inbound_events_state", "client_id", "state", "created_at"),)
    grants: ClassVar[str] = "SELECT, INSERT, DELETE"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default=sql("'processed'"))
    raw: Mapped[dict[str, Any] | None]

    @classmethod
    async def admit(cls, tx: TenantTx, account_id: UUID, event_keys: Sequence[str]) -> set[str]:
        """Enters keys in the ledger and gives back those that are new. Waits for a simultaneous twin's commit."""
        rows = await tx.all(
            "INSERT INTO inbound_events (client_id, account_id, event_key) "
            "SELECT $1, $2, key FROM unnest($3::text[]) AS key ORDER BY key "
            "ON CONFLICT DO NOTHING RETURNING event_key",
            client_of(tx), account_id, list(dict.fromkeys(event_keys)),
        )  # fmt: skip
        return {row["event_key"] for row in rows}

    @classmethod
    async def keep(
        cls, tx: TenantTx, account_id: UUID, event_key: str, state: str, raw: dict[str, Any]
    ) -> bool:
        """Keeps an event that isn't processed, to be looked at; tells whether it is new."""
        touched = await tx.run(
            "INSERT INTO inbound_events (client_id, account_id, event_key, state, raw) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT DO NOTHING",
            client_of(tx), account_id, event_key, state, raw,
        )  # fmt: skip
        return bool(touched)

    @classmethod
    async def kept(cls, tx: TenantTx, limit: int = 100) -> list["InboundEvent"]:
        """Events that weren't processed, newest first."""
        rows = await tx.all(
            "SELECT * FROM inbound_events WHERE client_id = $1 AND state <> 'processed' ORDER BY created_at DESC LIMIT $2",
            client_of(tx), limit,
        )  # fmt: skip
        return [cls.of(row) for row in rows]
