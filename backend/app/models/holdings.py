"""What is held of a client, in numbers."""

from dataclasses import dataclass
from datetime import datetime

from app.core.multi_tenant import TenantTx, client_of


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much there is, and since when."""

    contacts: int
    conversations: int
    messages: int
    attachments: int
    documents: int
    staff: int
    oldest_message_at: datetime | None

    @classmethod
    async def mine(cls, tx: TenantTx) -> "Holdings":
        """What is held of the client whose scope this is."""
        row = await tx.one(_COUNT, client_of(tx))
        return cls(**dict(row or {}))


_COUNT = """
SELECT (SELECT count(*) FROM contacts WHERE client_id = $1) AS contacts,
       (SELECT count(*) FROM conversations WHERE client_id = $1) AS conversations,
       (SELECT count(*) FROM messages WHERE client_id = $1) AS messages,
       (SELECT count(*) FROM attachments WHERE client_id = $1) AS attachments,
       (SELECT count(*) FROM knowledge_documents WHERE client_id = $1) AS documents,
       (SELECT count(*) FROM staff WHERE client_id = $1 AND is_active AND role <> 'platform') AS staff,
       (SELECT min(created_at) FROM messages WHERE client_id = $1) AS oldest_message_at
"""
