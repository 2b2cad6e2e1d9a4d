"""A platform's silence about a send, and when it means something."""

from uuid import UUID

from app.core.multi_tenant import TenantTx, client_of

INTAKE, DOOR, SHUT = "wafaa intake", "wafaa door", "wafaa shut door"
"""How the database knows the connections that the way in keeps open: whoever writes what platforms say, and, where that
is read from a log, every API that appends to it; and an API that has to refuse what they say."""


async def seconds_of_silence(tx: TenantTx, message_id: UUID, door: str) -> float:
    """How long the platform has said nothing of a send although it could have.

    Only while a door is open, and whoever keeps it gives signs of life, can a status reach us, and after an outage a
    platform comes back the later the longer it lasted: so as long as there was none, silence means nothing. Nor does it
    while one of several refuses: what was told there comes later, to any of them. What a log
    has taken the platform doesn't tell again: then silence counts from when all of that was read. By the database's
    clock: workers' may differ.

    Args:
        tx: The client's transaction.
        message_id: What was sent.
        door: Where platforms come in: ``DOOR`` before a log, else ``INTAKE`` itself.
    """
    seconds = await tx.value(_SILENCE, client_of(tx), message_id, door, INTAKE, SHUT)
    return float(seconds or 0.0)


_SILENCE = """
WITH up AS (SELECT application_name AS part, min(backend_start) AS first, max(backend_start) AS last
  FROM pg_stat_activity WHERE application_name IN ($3, $4, $5) AND datname = current_database()
  AND state_change > clock_timestamp() - interval '6 seconds' GROUP BY part),
open AS (SELECT clock_timestamp() AS now,
  coalesce((SELECT last FROM up WHERE part = $3 AND NOT EXISTS (SELECT FROM up WHERE part = $5)), clock_timestamp()) AS door,
  coalesce((SELECT first FROM up WHERE part = $4), clock_timestamp()) AS intake)
SELECT extract(epoch FROM least(o.now - o.intake, o.now - greatest(m.sending_since, o.door)
                          - greatest(o.door - m.sending_since, interval '0')))::float8
FROM messages m, open o WHERE m.client_id = $1 AND m.id = $2
"""
