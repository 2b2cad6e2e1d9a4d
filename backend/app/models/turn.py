"""What a turn reads of its conversation, in one round trip."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import TenantTx, cipher_of, client_of
from app.models.message import open_said


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
        return cls(**{**row, "waiting": [_opened(tx, message) for message in row["waiting"]]})


def _opened(tx: TenantTx, message: dict[str, Any]) -> dict[str, Any]:
    r"""A waiting message with its words; PostgreSQL writes bytes into JSON as ``\x`` and hex."""
    said = bytes.fromhex(message.pop("said")[2:])
    return {**message, "text": open_said(cipher_of(tx), UUID(message["id"]), said)[0]}


_TURN = """
SELECT c.account_id, c.contact_id, c.status, c.owner, c.language, c.last_contact_seq, c.disclosed_at, c.waiting_since,
       k.name AS client_name, k.settings, k.knowledge_version, k.is_active, p.opted_out, a.kind AS channel,
       (SELECT id FROM messages WHERE client_id = $1 AND conversation_id = $2 AND author <> 'contact'
        ORDER BY seq DESC LIMIT 1) AS last_reply_id,
       coalesce((SELECT jsonb_agg(to_jsonb(m) ORDER BY m.seq) FROM (
         SELECT id, seq, kind, said, extract(epoch FROM created_at) AS arrived_at,
           extract(epoch FROM clock_timestamp() - created_at) AS age
         FROM messages WHERE client_id = $1 AND conversation_id = $2 AND author = 'contact'
         AND answered_by IS NULL AND NOT is_stale AND NOT is_deleted ORDER BY seq DESC LIMIT $3) m), '[]') AS waiting
FROM conversations c
JOIN clients k ON k.id = c.client_id
JOIN contacts p ON p.client_id = c.client_id AND p.id = c.contact_id
JOIN channel_configs a ON a.client_id = c.client_id AND a.id = c.account_id
WHERE c.client_id = $1 AND c.id = $2
"""
