"""Messages: one thing said, and how far its delivery has come. What was said rests sealed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import Database, Row, TenantTx, cipher_of, client_of
from app.models.base import Created, TenantRow
from app.models.declared import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Mapped,
    mapped_column,
)
from app.models.declared import text as sql
from app.models.said import DELIVERY_ERROR, open_said, platform_key, seal_said
from app.models.sealed import SealedColumn
from app.utils.ids import floor_of, uuid7


class Author(StrEnum):
    """Who said it."""

    CONTACT = "contact"
    ASSISTANT = "assistant"
    AGENT = "agent"


RANKS = {
    "queued": 0, "sending": 1, "indeterminate": 2, "parked": 3, "accepted": 4, "sent": 5, "failed": 6,
    "delivered": 7, "read": 8,
}  # fmt: skip
"""A delivery state only ever rises: a late ``sent`` doesn't undo ``delivered``, nor ``failed`` a ``delivered``."""

FINAL = "failed"
"""Nothing undoes it: people have been told, and have acted. Where it comes after ``delivered`` it is late itself."""


_FEEDBACK = SealedColumn("messages", "feedback", "id")


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
    """One thing said by contact, assistant or agent. Ids sort by time, so the table can be partitioned by them.

    Attributes:
        said: Text, content and citations, and the platform's id where the message came with one; sealed.
        platform_key: What a message is found by when its platform speaks of it.
    """

    __tablename__ = "messages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "conversation_id"],
            ["conversations.client_id", "conversations.id"],
            ondelete="CASCADE",
        ),
        Index("ix_messages_conversation", "conversation_id", "seq", "client_id"),
        Index(
            "ix_messages_platform_key",
            "platform_key",
            "client_id",
            postgresql_where=sql("platform_key IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    seq: Mapped[int] = mapped_column(BigInteger)
    author: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default=sql("'text'"))
    language: Mapped[str | None]
    said: Mapped[bytes] = mapped_column(LargeBinary)
    platform_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    reply_to_id: Mapped[UUID | None]
    staff_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime | None]
    delivery_state: Mapped[str | None]
    delivery_error_sealed: Mapped[bytes | None] = mapped_column("delivery_error", LargeBinary)
    sending_since: Mapped[datetime | None]
    answered_by: Mapped[UUID | None]
    is_stale: Mapped[bool] = mapped_column(server_default=sql("false"))
    is_deleted: Mapped[bool] = mapped_column(server_default=sql("false"))
    offer_human: Mapped[bool] = mapped_column(server_default=sql("false"))
    feedback_sealed: Mapped[bytes | None] = mapped_column("feedback", LargeBinary)

    __allow_unmapped__ = True
    text: str | None = None
    content: dict[str, Any]
    citations: list[dict[str, Any]]
    platform_message_id: str | None = None
    delivery_error: str | None = None
    feedback: str | None = None

    @classmethod
    async def add(cls, tx: TenantTx, new: NewMessage, seq: int) -> None:
        """Writes a message under the number of its event."""
        await tx.run(
            "INSERT INTO messages (client_id, id, conversation_id, seq, author, kind, language, said, platform_key, "
            "reply_to_id, staff_id, occurred_at, delivery_state, is_stale, offer_human) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            client_of(tx), new.id, new.conversation_id, seq, new.author, new.kind, new.language,
            seal_said(cipher_of(tx), new.id, new.text, new.content, new.citations, new.platform_message_id),
            platform_key(cipher_of(tx), new.platform_message_id), new.reply_to_id, new.staff_id, new.occurred_at,
            new.delivery_state, new.is_stale, new.offer_human,
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
        return cls.opened(tx, row)

    @classmethod
    async def find(cls, tx: TenantTx, message_id: UUID) -> "Message | None":
        """One message, if it is there."""
        row = await tx.one(
            "SELECT * FROM messages WHERE client_id = $1 AND id = $2", client_of(tx), message_id
        )
        return cls.opened(tx, row) if row else None

    @classmethod
    async def some(cls, tx: TenantTx, ids: Sequence[UUID]) -> "dict[UUID, Message]":
        """Those of the messages that are there, by id."""
        rows = await tx.all(
            "SELECT * FROM messages WHERE client_id = $1 AND id = ANY($2::uuid[])", client_of(tx), ids
        ) if ids else []  # fmt: skip
        return {row["id"]: cls.opened(tx, row) for row in rows}

    @classmethod
    async def said_after(cls, tx: TenantTx, conversation_id: UUID, seq: int) -> list[str]:
        """What the contact has said in a conversation since, oldest first."""
        rows = await tx.all(
            "SELECT * FROM messages WHERE client_id = $1 AND conversation_id = $2 AND seq > $3 AND author = 'contact' "
            "ORDER BY seq",
            client_of(tx), conversation_id, seq,
        )  # fmt: skip
        return [cls.opened(tx, row).text or "" for row in rows]

    @classmethod
    async def by_platform_id(cls, tx: TenantTx, platform_message_id: str) -> "Message | None":
        """The message that the platform calls so."""
        row = await tx.one(
            "SELECT * FROM messages WHERE client_id = $1 AND platform_key = $2 LIMIT 1",
            client_of(tx), platform_key(cipher_of(tx), platform_message_id),
        )  # fmt: skip
        return cls.opened(tx, row) if row else None

    @classmethod
    async def spoken_of(
        cls, tx: TenantTx, our_id: UUID | None, platform_message_id: str
    ) -> "Message | None":
        """The message that a platform speaks of: by the id we attached, else by the platform's."""
        by_id = await cls.find(tx, our_id) if our_id else None
        return by_id or await cls.by_platform_id(tx, platform_message_id)

    @classmethod
    async def page(
        cls, tx: TenantTx, conversation_id: UUID, *, before: int | None = None, limit: int = 50
    ) -> list["Message"]:
        """The latest messages before a number, oldest first."""
        rows = await tx.all(
            "SELECT * FROM messages WHERE client_id = $1 AND conversation_id = $2 AND ($3::bigint IS NULL OR seq < $3) "
            "AND id >= $5 ORDER BY seq DESC LIMIT $4",
            client_of(tx), conversation_id, before, limit, floor_of(conversation_id),
        )  # fmt: skip
        return [cls.opened(tx, row) for row in reversed(rows)]

    @classmethod
    def opened(cls, tx: TenantTx, row: Row) -> "Message":
        """A row with what rests sealed in it."""
        columns = dict(row)
        error, feedback = columns.pop("delivery_error"), columns.pop("feedback")
        message: Message = cls(**columns)
        said = open_said(cipher_of(tx), message.id, message.said)
        message.text, message.content, message.citations, message.platform_message_id = said
        message.delivery_error = DELIVERY_ERROR.get(tx, error, message.id)
        message.feedback = _FEEDBACK.get(tx, feedback, message.id)
        return message

    @classmethod
    async def in_states(
        cls, tx: TenantTx, states: Sequence[str], limit: int = 100
    ) -> list["Message"]:
        """Messages whose delivery is in one of these states, oldest first."""
        rows = await tx.all(
            "SELECT * FROM messages WHERE client_id = $1 AND delivery_state = ANY($2::text[]) ORDER BY id LIMIT $3",
            client_of(tx), list(states), limit,
        )  # fmt: skip
        return [cls.opened(tx, row) for row in rows]

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
    async def mark_stale(cls, tx: TenantTx, conversation_id: UUID, last: int) -> None:
        """Notes that nobody will be answered by itself what they said up to this number."""
        await tx.run(
            "UPDATE messages SET is_stale = true WHERE client_id = $1 AND conversation_id = $2 "
            "AND id >= app.floor_of($2) AND author = 'contact' AND answered_by IS NULL AND seq <= $3",
            client_of(tx), conversation_id, last,
        )  # fmt: skip

    @classmethod
    async def mark_answered(cls, tx: TenantTx, message_ids: Sequence[UUID], reply_id: UUID) -> int:
        """Notes which reply answers these messages; one that is answered already stays so."""
        return await tx.run(
            "UPDATE messages SET answered_by = $3 WHERE client_id = $1 AND id = ANY($2::uuid[]) AND answered_by IS NULL",
            client_of(tx), list(message_ids), reply_id,
        )  # fmt: skip

    @classmethod
    async def mark_older(cls, tx: TenantTx, message_id: UUID, reply_id: UUID) -> None:
        """Notes that a reply leaves unanswered what the contact said before this message."""
        await tx.run(
            "UPDATE messages m SET answered_by = $3 FROM messages first "
            "WHERE first.client_id = $1 AND first.id = $2 AND m.client_id = $1 "
            "AND m.conversation_id = first.conversation_id AND m.seq < first.seq AND m.author = 'contact' "
            "AND m.answered_by IS NULL",
            client_of(tx), message_id, reply_id,
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
        cls, tx: TenantTx, message_id: UUID, state: str, *, error: str | None = None
    ) -> bool:
        """Raises a delivery state, never lowers it; tells whether it rose."""
        lower = [n for n, rank in RANKS.items() if rank < RANKS[state] and n != FINAL]
        touched = await tx.run(
            "UPDATE messages SET delivery_state = $3::text, delivery_error = $5, "
            "sending_since = CASE WHEN $3::text = 'sending' THEN clock_timestamp() ELSE sending_since END "
            "WHERE client_id = $1 AND id = $2 AND delivery_state = ANY($4::text[])",
            client_of(tx), message_id, state, lower, DELIVERY_ERROR.put(tx, error, message_id),
        )  # fmt: skip
        return bool(touched)

    @classmethod
    async def record_sent(
        cls,
        db: Database,
        client_id: UUID,
        conversation_id: UUID,
        message_id: UUID,
        platform_message_id: str,
        lease: tuple[int, UUID],
    ) -> bool:
        """Writes down that the platform took a message, and settles the job; tells whether its lane was still held.

        What the platform said stays true even when it wasn't: the lane's new holder is hurried, it needn't wait for a
        status. One round trip.
        """
        flushed = await db.flushing()
        cipher, (fence, job_id) = await db.cipher(client_id), lease
        lower = [name for name, rank in RANKS.items() if rank < RANKS["accepted"]]
        held = await db.ask(
            client_id, "SELECT app.record_sent($1, $2, $3, $4, $5, $6, $7, $8)", client_id, conversation_id, message_id,
            platform_key(cipher, platform_message_id), lower, fence, job_id,
        )  # fmt: skip
        await flushed()
        return bool(held)

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
        cls, tx: TenantTx, message: "Message", text: str | None, *, deleted: bool = False
    ) -> None:
        """Replaces what the contact corrected, or removes what they took back."""
        said = seal_said(
            cipher_of(tx), message.id, text, {} if deleted else message.content, message.citations,
            message.platform_message_id,
        )  # fmt: skip
        await tx.run(
            "UPDATE messages SET said = $3, is_deleted = $4 WHERE client_id = $1 AND id = $2",
            client_of(tx), message.id, said, deleted,
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
            client_of(tx), conversation_id, message_id, _FEEDBACK.put(tx, feedback, message_id),
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
