"""Forgetting what is older than a client wants it kept, a bounded batch at a time."""

from collections.abc import Mapping
from datetime import datetime

from app.core.multi_tenant import TenantTx, client_of
from app.utils.ids import uuid7_at

BATCH = 500


async def forget(tx: TenantTx, what: str, before: datetime) -> int:
    """Erases a batch of what is older than a moment; gives how many rows it was.

    Args:
        tx: The client's transaction.
        what: ``messages``, ``attachments``, ``traces``, ``raw_events``, ``conversations`` or ``contacts``.
        before: What is older goes.
    """
    by_id = what in ("messages", "attachments", "traces")
    moment = uuid7_at(before) if by_id else before
    found: int = await tx.value(_FORGET[what], client_of(tx), moment, BATCH)
    return found


_FORGET: Mapping[str, str] = {
    # A conversation's events up to a message go with it: they tell of it and of what was before.
    "messages": """
WITH gone AS (
  DELETE FROM messages WHERE client_id = $1 AND id IN (
    SELECT id FROM messages WHERE client_id = $1 AND id < $2 ORDER BY id LIMIT $3)
  RETURNING id, conversation_id, seq
), traces AS (
  DELETE FROM answer_traces t USING gone g WHERE t.client_id = $1 AND t.message_id = g.id
), events AS (
  DELETE FROM conversation_events e USING (SELECT conversation_id, max(seq) AS seq FROM gone GROUP BY 1) g
  WHERE e.client_id = $1 AND e.conversation_id = g.conversation_id AND e.seq <= g.seq
) SELECT count(*) FROM gone""",
    "attachments": """
WITH gone AS (
  DELETE FROM attachments WHERE client_id = $1 AND id IN (
    SELECT id FROM attachments WHERE client_id = $1 AND message_id < $2 LIMIT $3)
  RETURNING 1
) SELECT count(*) FROM gone""",
    "traces": """
WITH gone AS (
  DELETE FROM answer_traces WHERE client_id = $1 AND message_id IN (
    SELECT message_id FROM answer_traces WHERE client_id = $1 AND message_id < $2 ORDER BY message_id LIMIT $3)
  RETURNING 1
) SELECT count(*) FROM gone""",
    "raw_events": """
WITH gone AS (
  DELETE FROM inbound_events WHERE client_id = $1 AND (account_id, event_key) IN (
    SELECT account_id, event_key FROM inbound_events
    WHERE client_id = $1 AND state <> 'processed' AND created_at < $2 LIMIT $3)
  RETURNING 1
) SELECT count(*) FROM gone""",
    "conversations": """
WITH gone AS (
  DELETE FROM conversations WHERE client_id = $1 AND id IN (
    SELECT c.id FROM conversations c WHERE c.client_id = $1 AND coalesce(c.last_message_at, c.created_at) < $2
    AND NOT EXISTS (SELECT FROM messages m WHERE m.client_id = $1 AND m.conversation_id = c.id) LIMIT $3)
  RETURNING 1
) SELECT count(*) FROM gone""",
    # Who wants to hear nothing stays known: forgetting them would make them somebody who didn't say so.
    "contacts": """
WITH gone AS (
  DELETE FROM contacts WHERE client_id = $1 AND id IN (
    SELECT p.id FROM contacts p WHERE p.client_id = $1 AND p.created_at < $2 AND NOT p.opted_out
    AND NOT EXISTS (SELECT FROM conversations c WHERE c.client_id = $1 AND c.contact_id = p.id) LIMIT $3)
  RETURNING 1
) SELECT count(*) FROM gone""",
}
