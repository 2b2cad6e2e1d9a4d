"""The outbox: what happened, until the event log has it. No client's scope opens it; its doors are five functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.core.multi_tenant import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

TRIGGERS = {
    "publish_message": ("messages", "AFTER INSERT", "app.note_message"),
    "publish_delivery": (
        "messages",
        "AFTER UPDATE OF delivery_state",
        "app.note_delivery",
        "OLD.delivery_state IS DISTINCT FROM NEW.delivery_state "
        "AND NEW.delivery_state NOT IN ('queued', 'sending')",
    ),
    "publish_opening": ("conversations", "AFTER INSERT", "app.note_conversation"),
    "publish_turn": (
        "conversations",
        "AFTER UPDATE OF status, owner, waiting_since",
        "app.note_conversation",
        "(OLD.status, OLD.owner, OLD.waiting_since) IS DISTINCT FROM (NEW.status, NEW.owner, NEW.waiting_since)",
    ),
    "publish_usage": ("usage_records", "AFTER INSERT", "app.note_usage"),
    "publish_parked": (
        "jobs",
        "AFTER UPDATE OF state",
        "app.note_parked",
        "NEW.state = 'parked' AND OLD.state <> 'parked'",
    ),
}
"""By name: table, event, function, condition. Without an event log there are none, and nothing costs anything."""


@dataclass(frozen=True, slots=True)
class Unpublished:
    """Something that happened.

    Attributes:
        id: Its place in the outbox.
        event_id: Stays the same however often it is published.
        subject: What keeps its order: a conversation, as a rule.
        facts: What is told of it: ids and plain values.
    """

    id: int
    event_id: UUID
    client_id: UUID
    subject: UUID
    type: str
    facts: dict[str, Any]
    at: datetime


def fill(connection: "Connection", *, wanted: bool) -> None:
    """Makes the triggers, or takes them away; touches no table where nothing has to change."""
    there = set(
        connection.exec_driver_sql("SELECT tgname FROM pg_trigger WHERE tgparentid = 0").scalars()
    )
    for name, (table, event, function, *condition) in TRIGGERS.items():
        if wanted and name not in there:
            when = f"WHEN ({condition[0]}) " if condition else ""
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW {when}EXECUTE FUNCTION {function}()"
            )
        elif name in there and not wanted:
            connection.exec_driver_sql(f"DROP TRIGGER {name} ON {table}")


async def unpublished(
    db: Database, holder: UUID, most: int, lease_seconds: float
) -> list[Unpublished]:
    """The oldest events, for the one process that holds the lease; none for any other."""
    rows = await db.call("SELECT * FROM app.unpublished($1, $2, $3)", holder, most, lease_seconds)
    return [Unpublished(**dict(row)) for row in rows]


async def published(db: Database, events: Sequence[Unpublished]) -> None:
    """Notes that the event log has these."""
    await db.call("SELECT app.published($1)", [event.id for event in events])


async def leave(db: Database, holder: UUID) -> None:
    """Gives the lease back."""
    await db.call("SELECT app.leave_publisher($1)", holder)


async def backlog(db: Database) -> tuple[int, float]:
    """About how many events wait, and for how many seconds the oldest has."""
    [row] = await db.call("SELECT * FROM app.outbox_backlog()")
    return int(row["events"]), float(row["oldest"])


async def trim(db: Database, most: int) -> int:
    """Forgets the oldest events beyond ``most``; tells how many."""
    [row] = await db.call("SELECT app.trim_outbox($1) AS gone", most)
    return int(row["gone"])
