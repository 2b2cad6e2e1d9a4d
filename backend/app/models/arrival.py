"""Arrivals: what contacts said, on its way in. Many clients' at once, in one statement that is its own transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.core.sealing import Cipher
from app.models.attachment import seal_medium
from app.models.contact import seal_address, seal_name
from app.models.inbound_event import event_key
from app.models.said import platform_key, seal_said
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

    def row(self) -> tuple[object, ...]:
        """What ``app.receive`` reads of it, sealed. Ids are made here: they sort by time everywhere."""
        cipher, contact_id, platform_id = self.cipher, uuid7(), self.platform_message_id
        return (
            cipher.client_id,
            self.account_id,
            event_key(cipher, self.event_key),
            contact_id,
            seal_name(cipher, contact_id, self.name),
            uuid7(),
            self.message_id,
            uuid7(),
            self.kind,
            seal_said(cipher, self.message_id, self.text, self.content, (), platform_id),
            platform_key(cipher, platform_id),
            self.occurred_at,
            self._window(),
            self.quiet,
        )

    def where(self, place: int) -> list[tuple[object, ...]]:
        """Its addresses: place, kind, key and sealed value."""
        return [
            (place, kind, *seal_address(self.cipher, self.account_id, kind, value))
            for kind, value in self.addresses
        ]

    def shown(self, place: int) -> list[tuple[object, ...]]:
        """Its media: place, id, kind and sealed reference."""
        return [(place, *self._medium(medium)) for medium in self.attachments]

    def _window(self) -> datetime | None:
        return self.occurred_at + timedelta(hours=self.window_hours) if self.window_hours else None

    def _medium(self, medium: Mapping[str, str | None]) -> tuple[object, ...]:
        id_, kind = uuid7(), medium["kind"]
        reference = {name: value for name, value in medium.items() if name != "kind"}
        return id_, kind, seal_medium(self.cipher, id_, reference)


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was written."""

    message_id: UUID
    conversation_id: UUID
    seq: int


IN_THE_WAY = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
)
"""What says nothing of what was to be written."""


async def write(db: Database, arrivals: Sequence[Arrival]) -> list[Received | None]:
    """Writes what is new, with the work it makes necessary; when this returns, it is committed.

    Returns:
        For each arrival the message, or None for a duplicate.

    Raises:
        Unavailable: The database can't be reached, or others were in the way for long; nothing may have been written.
    """
    numbered = list(enumerate(arrivals, 1))
    columns = (
        *_columns([arrival.row() for arrival in arrivals], 14),
        *_columns([row for place, arrival in numbered for row in arrival.where(place)], 4),
        *_columns([row for place, arrival in numbered for row in arrival.shown(place)], 4),
    )
    try:
        rows = await db.call(_RECEIVE, *columns)
    except IN_THE_WAY as error:
        raise Unavailable("The database is busy. Try again shortly.") from error
    found = {place: (talk, seq) for place, talk, seq in (row.values() for row in rows)}
    return [
        Received(arrival.message_id, *found[place]) if place in found else None
        for place, arrival in numbered
    ]


async def tell(db: Database, conversations: Collection[UUID], *, work: bool) -> None:
    """Tells listeners of conversations with something new, and workers of work. It needn't rest on the disk.

    Raises:
        Unavailable: The database can't be reached, or takes no word.
    """
    try:
        await db.call(_TELL, ",".join(map(str, conversations)), work)
    except asyncpg.PostgresError as error:
        raise Unavailable("The database is busy. Try again shortly.") from error


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


_RECEIVE = f"SELECT * FROM app.receive({', '.join(f'${n}' for n in range(1, 23))})"

_TELL = """
SELECT pg_catalog.set_config('synchronous_commit', 'off', true), pg_notify('wafaa_events', $1),
  CASE WHEN $2::bool THEN pg_notify('wafaa_lanes', 'chat') END
"""
"""One word for all of them: hearing each by itself costs a listener more than the row it is about."""
