"""In front of the lanes: what platforms tell goes into the log, sealed, before they are told that we have it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from app.core.errors import InvalidInput
from app.core.sealing import Cipher, Ciphers
from app.services.queue.base import INBOUND, EventLog, Record, Taken
from app.utils.ids import uuid7

SCHEMA = "inbound/1"
"""Raise it when the sealed body changes; the consumers of the release before must know both."""

PLACE = b"log/inbound"
"""What every sealed value is bound to, beside its client and its id: it opens nowhere else."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """One thing that a platform told, on its way through the log.

    Attributes:
        client_id: Whose key seals it.
        order: Account and sender: what is told of the same keeps its order.
        body: What it is; only who takes it in reads it.
        traceparent: The trace it belongs to (W3C).
        at: When it came.
    """

    client_id: UUID
    order: str
    body: bytes
    traceparent: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: UUID = field(default_factory=uuid7)


class Producer:
    """Appends what came in."""

    def __init__(self, log: EventLog, ciphers: Ciphers) -> None:
        self._log = log
        self._ciphers = ciphers

    async def append(self, items: Sequence[Inbound]) -> None:
        """Appends items. When this returns, the log has them on as many machines as it demands.

        Raises:
            Unavailable: It can't be known to have them all.
        """
        records = [sealed(item, await self._ciphers.of(item.client_id)) for item in items]
        await self._log.append(INBOUND, records)


def sealed(item: Inbound, cipher: Cipher) -> Record:
    """An item as it stands in the log: ids and times in the headers, the rest sealed, the sender not even as a key."""
    headers = {
        "schema": SCHEMA,
        "id": str(item.id),
        "client": str(item.client_id),
        "time": item.at.isoformat(),
        "traceparent": item.traceparent,
    }
    return Record(
        key=cipher.index(item.order, "log/inbound"),
        value=cipher.seal(item.body, PLACE, item.id.bytes),
        headers={name: value.encode() for name, value in headers.items()},
    )


async def opened(taken: Taken, ciphers: Ciphers) -> Inbound:
    """The item that a record holds.

    Raises:
        InvalidInput: It isn't one of ours, or of a release that is newer than this.
        Unavailable: Its client's key can't be had now.
    """
    headers = {name: value.decode("latin-1") for name, value in taken.headers.items()}
    if headers.get("schema") != SCHEMA:
        raise InvalidInput(f"A record of schema {headers.get('schema')!r} can't be read here.")
    id_, client_id = UUID(headers["id"]), UUID(headers["client"])
    cipher = await ciphers.of(client_id)
    return Inbound(
        client_id=client_id,
        order="",  # It has done its work.
        body=cipher.open(taken.value, PLACE, id_.bytes),
        traceparent=headers["traceparent"],
        at=datetime.fromisoformat(headers["time"]),
        id=id_,
    )
