"""The durable log of conversations. What events tell rests sealed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import Row, TenantTx, client_of
from app.core.sealing import Cipher
from app.models.base import Created, TenantRow
from app.models.declared import (
    BigInteger,
    ForeignKeyConstraint,
    LargeBinary,
    Mapped,
    mapped_column,
    text,
)
from app.models.message import Message
from app.models.sealed import SealedColumn
from app.utils.ids import floor_of, moment_of, uuid7

_DATA = SealedColumn("conversation_events", "data", "conversation_id", "id")


class ConversationEvent(Created, TenantRow):
    """What happened in a conversation, in order: the durable log that streams read.

    ``created_at`` stands in the key because the table is partitioned by it; ``seq`` alone tells events apart.

    Attributes:
        message_id: The message that the event tells of: it is read where it stands, not kept twice.
        data_sealed: What else the event tells.
    """

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
    created_at: Mapped[datetime] = mapped_column(
        primary_key=True, server_default=text("now()"), sort_order=90
    )
    id: Mapped[UUID]
    type: Mapped[str]
    message_id: Mapped[UUID | None]
    data_sealed: Mapped[bytes | None] = mapped_column("data", LargeBinary)

    __allow_unmapped__ = True
    data: dict[str, Any]
    message: Message | None

    @classmethod
    async def append(
        cls,
        tx: TenantTx,
        conversation_id: UUID,
        type_: str,
        data: dict[str, Any],
        message_id: UUID | None = None,
    ) -> int:
        """Adds an event, wakes whoever follows the conversation at commit, and tells its number.

        The conversation's row is the lock: numbers rise in commit order, so a reader can't skip one.
        """
        id_ = uuid7()
        seq = await tx.value(
            "WITH next AS (UPDATE conversations SET last_seq = last_seq + 1 WHERE client_id = $1 AND id = $2 "
            "RETURNING last_seq), said AS (SELECT pg_notify('wafaa_events', $2::text)) "
            "INSERT INTO conversation_events (client_id, conversation_id, seq, id, type, message_id, data) "
            "SELECT $1, $2, last_seq, $3, $4, $5, $6 FROM next, said RETURNING seq",
            client_of(tx), conversation_id, id_, type_, message_id, _DATA.put(tx, data or None, conversation_id, id_),
        )  # fmt: skip
        if seq is None:
            raise NotFound
        return int(seq)

    @classmethod
    async def after(
        cls, tx: TenantTx, conversation_id: UUID, seq: int, limit: int = 200
    ) -> list["ConversationEvent"]:
        """The events after a number, in order. One whose message was erased is no more."""
        since = moment_of(floor_of(conversation_id))
        rows = await tx.all(_EVENTS, client_of(tx), conversation_id, seq, limit, since)
        told = await Message.some(tx, [row["message_id"] for row in rows if row["message_id"]])
        return [
            cls._opened(tx, row, told.get(row["message_id"]))
            for row in rows
            if row["message_id"] is None or row["message_id"] in told
        ]

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row, message: Message | None) -> "ConversationEvent":
        columns = dict(row)
        data = columns.pop("data")
        event: ConversationEvent = cls(**columns)
        event.data = _DATA.get(tx, data, event.conversation_id, event.id) or {}
        event.message = message
        return event


def seal_data(cipher: Cipher, data: dict[str, Any], conversation_id: UUID, event_id: UUID) -> bytes:
    """What an event tells beside its message, as it rests."""
    return _DATA.seal(cipher, data, conversation_id, event_id)


_EVENTS = """
SELECT e.* FROM conversation_events e WHERE e.client_id = $1 AND e.conversation_id = $2 AND e.seq > $3
AND e.created_at >= $5 AND (e.message_id IS NULL OR EXISTS (SELECT FROM messages m WHERE m.client_id = $1 AND m.id = e.message_id))
ORDER BY e.seq LIMIT $4
"""
