"""Arrivals: what contacts said, on its way in. Many clients' at once, in one statement that is its own transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.core.multi_tenant import Database
from app.core.sealing import Cipher
from app.models.attachment import seal_medium
from app.models.contact import seal_address, seal_name
from app.models.inbound_event import event_key
from app.models.message import platform_key, seal_said
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class Arrival:
    """One thing a contact said, whose account it came in on already verified.

    Attributes:
        cipher: Seals for the client whose account it is.
        addresses: The contact's addresses as (kind, value), most durable first.
        quiet: Seconds to wait for the rest of a burst; None for what is too old to be answered.
        window_hours: How long the platform lets us reply freely.
        attachments: References to media, plain.
    """

    cipher: Cipher
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
        """The record that ``app.receive`` reads, sealed. Ids are made here: they sort by time everywhere."""
        cipher, contact_id = self.cipher, uuid7()
        addresses = [seal_address(cipher, self.account_id, *address) for address in self.addresses]
        return {
            "place": place,
            "client_id": cipher.client_id,
            "account_id": self.account_id,
            "event_key": event_key(cipher, self.event_key),
            "kinds": [kind for kind, _ in self.addresses],
            "keys": [key for key, _ in addresses],
            "addresses": [value for _, value in addresses],
            "name": seal_name(cipher, contact_id, self.name),
            "contact_id": contact_id,
            "conversation_id": uuid7(),
            "message_id": self.message_id,
            "job_id": uuid7(),
            "kind": self.kind,
            "said": seal_said(
                cipher, self.message_id, self.text, self.content, (), self.platform_message_id
            ),
            "platform_key": platform_key(cipher, self.platform_message_id),
            "occurred_at": self.occurred_at,
            "window_hours": self.window_hours,
            "quiet": self.quiet,
            "attachments": [self._attachment(medium) for medium in self.attachments] or None,
        }

    def _attachment(self, medium: Mapping[str, str | None]) -> dict[str, Any]:
        id_, kind = uuid7(), medium["kind"]
        reference = {name: value for name, value in medium.items() if name != "kind"}
        return {"id": id_, "kind": kind, "medium": seal_medium(self.cipher, id_, reference)}


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
    written = orjson.dumps(records, default=_plain).decode()
    rows = await db.call("SELECT * FROM app.receive($1::text::jsonb)", written)
    found = {
        row["place"]: Received(row["message_id"], row["conversation_id"], row["seq"])
        for row in rows
    }
    return [found.get(place) for place in range(len(arrivals))]


def _plain(value: object) -> str:
    r"""Bytes as PostgreSQL reads them from text (``\x`` and hex); the driver's ids as their text."""
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
