"""The ledger of what platforms told us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from app.core.multi_tenant import TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.base import Created, TenantRow
from app.models.declared import Index, LargeBinary, Mapped, mapped_column
from app.models.declared import text as sql
from app.models.sealed import SealedColumn

_KEPT = SealedColumn("inbound_events", "kept", "account_id", "event_key")


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event that wasn't processed, as people look at it."""

    account_id: UUID
    event_key: str
    state: str
    raw: dict[str, Any]
    created_at: datetime


class InboundEvent(Created, TenantRow):
    """The ledger of what platforms told us, by their own event keys: the same key again is a duplicate.

    It stands apart from messages, which can then be partitioned by time. The platform's key rests as a keyed hash: it
    carries phone numbers. The event itself is ``kept`` where it couldn't be processed: unparsed, quarantined because
    another client's number was signed with this client's secret, or buried because the intake log's reader failed at it.
    """

    __tablename__ = "inbound_events"
    __table_args__ = (
        Index(
            "ix_inbound_events_kept",
            "client_id",
            "created_at",
            postgresql_where=sql("state <> 'processed'"),
        ),
    )
    grants: ClassVar[str] = "SELECT, INSERT, DELETE, UPDATE (kept)"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    state: Mapped[str] = mapped_column(server_default=sql("'processed'"))
    kept: Mapped[bytes | None] = mapped_column(LargeBinary)

    @classmethod
    async def admit(cls, tx: TenantTx, account_id: UUID, event_keys: Sequence[str]) -> set[str]:
        """Enters keys in the ledger and gives back those that are new. Waits for a simultaneous twin's commit."""
        keys = {event_key(cipher_of(tx), key): key for key in event_keys}
        rows = await tx.all(
            "INSERT INTO inbound_events (client_id, account_id, event_key) "
            "SELECT $1, $2, key FROM unnest($3::bytea[]) AS key ORDER BY key "
            "ON CONFLICT DO NOTHING RETURNING event_key",
            client_of(tx), account_id, list(keys),
        )  # fmt: skip
        return {keys[row["event_key"]] for row in rows}

    @classmethod
    async def keep(
        cls, tx: TenantTx, account_id: UUID, key: str, state: str, raw: dict[str, Any]
    ) -> bool:
        """Keeps an event that isn't processed, to be looked at; tells whether it is new."""
        hashed = event_key(cipher_of(tx), key)
        kept = _KEPT.put(tx, {"event_key": key, "raw": raw}, account_id, hashed)
        touched = await tx.run(
            "INSERT INTO inbound_events (client_id, account_id, event_key, state, kept) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT DO NOTHING",
            client_of(tx), account_id, hashed, state, kept,
        )  # fmt: skip
        return bool(touched)

    @classmethod
    async def raw_of(cls, tx: TenantTx, account_id: UUID, key: str) -> dict[str, Any] | None:
        """What is kept of an event; None when nothing is, or not any more."""
        hashed = event_key(cipher_of(tx), key)
        sealed = await tx.value(
            "SELECT kept FROM inbound_events WHERE client_id = $1 AND account_id = $2 AND event_key = $3",
            client_of(tx), account_id, hashed,
        )  # fmt: skip
        if sealed is None:
            return None
        raw: dict[str, Any] = _KEPT.get(tx, sealed, account_id, hashed)["raw"]
        return raw

    @classmethod
    async def drop(cls, tx: TenantTx, account_id: UUID, key: str) -> None:
        """Keeps an event no longer."""
        await tx.run(
            "DELETE FROM inbound_events WHERE client_id = $1 AND account_id = $2 AND event_key = $3",
            client_of(tx), account_id, event_key(cipher_of(tx), key),
        )  # fmt: skip

    @classmethod
    async def unprocessed(cls, tx: TenantTx, limit: int = 100) -> list[KeptEvent]:
        """Events that weren't processed, newest first."""
        rows = await tx.all(
            "SELECT account_id, event_key, state, kept, created_at FROM inbound_events "
            "WHERE client_id = $1 AND state <> 'processed' ORDER BY created_at DESC LIMIT $2",
            client_of(tx), limit,
        )  # fmt: skip
        return [
            KeptEvent(
                row["account_id"], state=row["state"], created_at=row["created_at"],
                **_KEPT.get(tx, row["kept"], row["account_id"], row["event_key"]),
            )
            for row in rows
        ]  # fmt: skip


def event_key(cipher: Cipher, key: str) -> bytes:
    """What the ledger knows an event by."""
    return cipher.index(key, "event_key")
