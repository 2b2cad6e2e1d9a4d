"""Arrivals: what contacts said, on its way in. Many clients' at once, in one statement that is its own transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.core.sealing import Cipher
from app.models.attachment import seal_medium
from app.models.contact import seal_address, seal_name
from app.models.inbound_event import event_key as ledger_key
from app.models.said import platform_key, seal_said
from app.utils.ids import uuid7


class Arrival:
    """One thing a contact said, whose account it came in on already verified, as ``app.receive`` reads it.

    It is sealed when it is made, while the database works on what came before: no write waits for that.

    Attributes:
        client_id: Whose it is.
        message_id: The message's id. All ids are made here: they sort by time everywhere.
        is_stale: Whether it is too old to be answered.
        row: What it is but for the following.
        addresses: Each one's kind, key and sealed value.
        media: Each one's id, kind and sealed reference.
    """

    __slots__ = ("addresses", "client_id", "is_stale", "media", "message_id", "row")

    def __init__(
        self,
        cipher: Cipher,
        account_id: UUID,
        event_key: str,
        addresses: Iterable[tuple[str, str]],
        name: str | None,
        kind: str,
        text: str | None,
        content: Mapping[str, Any],
        platform_message_id: str | None,
        occurred_at: datetime,
        window_hours: int | None,
        quiet: float | None,
        attachments: Iterable[Mapping[str, str | None]] = (),
    ) -> None:
        """Seals it.

        Args:
            cipher: Seals for the client whose account it is.
            account_id: The account's id.
            event_key: The platform's own key of it: the same again is a duplicate.
            addresses: The contact's, as (kind, value), most durable first.
            name: As the contact calls themselves.
            kind: Text, image, …
            text: What is to be read.
            content: The typed rest.
            platform_message_id: The platform's id of it.
            occurred_at: When it was said.
            window_hours: How long the platform lets us reply freely.
            quiet: Seconds to wait for the rest of a burst; None for what is too old to be answered.
            attachments: References to media, plain.
        """
        contact_id, self.message_id = uuid7(), uuid7()
        self.client_id, self.is_stale = cipher.client_id, quiet is None
        self.row = (
            cipher.client_id,
            account_id,
            ledger_key(cipher, event_key),
            contact_id,
            seal_name(cipher, contact_id, name),
            uuid7(),
            self.message_id,
            uuid7(),
            kind,
            seal_said(cipher, self.message_id, text, content, (), platform_message_id),
            platform_key(cipher, platform_message_id),
            occurred_at,
            occurred_at + timedelta(hours=window_hours) if window_hours else None,
            quiet,
        )
        self.addresses = [
            (kind, *seal_address(cipher, account_id, kind, value)) for kind, value in addresses
        ]
        self.media = [_medium(cipher, medium) for medium in attachments]


def _medium(cipher: Cipher, medium: Mapping[str, str | None]) -> tuple[object, ...]:
    id_, kind = uuid7(), medium["kind"]
    reference = {name: value for name, value in medium.items() if name != "kind"}
    return id_, kind, seal_medium(cipher, id_, reference)


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
        *_columns([arrival.row for arrival in arrivals], 14),
        *_columns([(place, *one) for place, arrival in numbered for one in arrival.addresses], 4),
        *_columns([(place, *one) for place, arrival in numbered for one in arrival.media], 4),
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


async def tell(db: Database, conversations: Collection[UUID], clients: Collection[UUID]) -> None:
    """Tells listeners of conversations with something new, and workers whose work there is. It needn't rest on the disk.

    Raises:
        Unavailable: The database can't be reached, or takes no word.
    """
    try:
        await db.call(_TELL, ",".join(map(str, conversations)), ",".join(map(str, clients)))
    except asyncpg.PostgresError as error:
        raise Unavailable("The database is busy. Try again shortly.") from error


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


_RECEIVE = f"SELECT * FROM app.receive({', '.join(f'${n}' for n in range(1, 23))})"

_TELL = """
SELECT pg_catalog.set_config('synchronous_commit', 'off', true), pg_notify('wafaa_events', $1),
  CASE WHEN $2 <> '' THEN pg_notify('wafaa_lanes', 'chat ' || $2) END
"""
"""One word for all of them: hearing each by itself costs a listener more than the row it is about."""
