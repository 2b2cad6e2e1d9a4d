"""Arrivals: what contacts said, on its way in. Many clients' at once, in one statement that is its own transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.core.multi_tenant import Database
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class Arrival:
    """One thing a contact said, whose account it came in on already verified.

    Attributes:
        addresses: The contact's addresses as (kind, value), most durable first.
        quiet: Seconds to wait for the rest of a burst; None for what is too old to be answered.
        window_hours: How long the platform lets us reply freely.
        attachments: References to media, plain.
    """

    client_id: UUID
    account_id: UUID
    event_key: str
    addresses: tuple[tuple[str, str], ...]
    name: str | None
    kind: str
    text: str | None
    content: Mapping[str, Any]
    platform_message_id: str | None
    occurred_at: datetime
    window_hours: int | None
    quiet: float | None
    attachments: tuple[Mapping[str, str | None], ...] = ()
    message_id: UUID = field(default_factory=uuid7)

    def as_json(self, place: int) -> dict[str, Any]:
        """The record that ``app.receive`` reads. Ids that may be needed are made here: they sort by time everywhere."""
        return {
            "place": place,
            "client_id": self.client_id,
            "account_id": self.account_id,
            "event_key": self.event_key,
            "kinds": [kind for kind, _ in self.addresses],
            "addresses": [value for _, value in self.addresses],
            "name": self.name,
            "contact_id": uuid7(),
            "conversation_id": uuid7(),
            "message_id": self.message_id,
            "job_id": uuid7(),
            "kind": self.kind,
            "text": self.text,
            "content": dict(self.content),
            "platform_message_id": self.platform_message_id,
            "occurred_at": self.occurred_at,
            "window_hours": self.window_hours,
            "quiet": self.quiet,
            "attachments": [{"id": uuid7(), **medium} for medium in self.attachments] or None,
            "message": self._message(),
        }

    def _message(self) -> dict[str, Any]:
        """The message as its event tells of it; its conversation and number are found by the database."""
        return {
            "id": self.message_id,
            "author": "contact",
            "agent_name": None,
            "kind": self.kind,
            "text": self.text,
            "language": None,
            "content": dict(self.content),
            "citations": [],
            "offer_human": False,
            "client_message_id": self.platform_message_id,
            "delivery_state": None,
        }


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was written."""

    message_id: UUID
    conversation_id: UUID
    seq: int


async def write(db: Database, arrivals: Sequence[Arrival]) -> list[Received | None]:
    """Writes what is new, with the work it makes necessary; when this returns, it is committed.

    Returns:
        For each arrival the message, or None for a duplicate.

    Raises:
        Unavailable: The database can't be reached; nothing may have been written.
    """
    records = [arrival.as_json(place) for place, arrival in enumerate(arrivals)]
    written = orjson.dumps(records, default=str).decode()
    rows = await db.call("SELECT * FROM app.receive($1::text::jsonb)", written)
    found = {
        row["place"]: Received(row["message_id"], row["conversation_id"], row["seq"])
        for row in rows
    }
    return [found.get(place) for place in range(len(arrivals))]
