"""Statuses: what platforms tell of our messages, with all that follows from it. Many clients' at once, in one call."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.core.sealing import Cipher
from app.models.arrival import IN_THE_WAY
from app.models.inbound_event import event_key
from app.models.said import platform_key, seal_error
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class Status:
    """One status, whose account it came in on already verified.

    Attributes:
        cipher: Seals for the client whose account it is.
        event_key: The platform's own key of what it told: the same again is a duplicate.
        state: The delivery state that it tells.
        our_id: Our message's id, where the platform hands back what we attached.
        platform_message_id: The platform's id of our message.
        error: Why it failed; ``our_id`` must be known then, as the words rest sealed for their message.
    """

    cipher: Cipher
    account_id: UUID
    event_key: str
    state: str
    our_id: UUID | None
    platform_message_id: str
    error: str | None = None
    event_id: UUID = field(default_factory=uuid7)

    def row(self) -> tuple[object, ...]:
        """What ``app.note_statuses`` reads of it, sealed."""
        sealed = None
        if self.error is not None and self.our_id is not None:
            sealed = seal_error(self.cipher, self.our_id, self.error)
        return (
            self.cipher.client_id,
            self.account_id,
            event_key(self.cipher, self.event_key),
            self.our_id,
            platform_key(self.cipher, self.platform_message_id),
            self.state,
            sealed,
            self.event_id,
        )


async def note(db: Database, statuses: Sequence[Status]) -> list[UUID]:
    """Raises delivery states, never lowers them; a send that nobody knew the fate of is settled by it.

    Returns:
        When it is committed, the conversations whose followers have something to read.

    Raises:
        Unavailable: The database can't be reached, or others were in the way for long; nothing may have been written.
    """
    columns = zip(*(status.row() for status in statuses), strict=True)
    try:
        [row] = await db.call(_NOTE, *columns)
    except IN_THE_WAY as error:
        raise Unavailable("The database is busy. Try again shortly.") from error
    return list(row["risen"])


_NOTE = f"SELECT app.note_statuses({', '.join(f'${n}' for n in range(1, 9))}) AS risen"
