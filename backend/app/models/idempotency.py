"""Requests that were done once: kept for a day in the transaction of what they did, so that the same again does nothing."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from app.core.multi_tenant import TenantTx, client_of
from app.core.once import KeyInUse
from app.models.base import Created, TenantRow
from app.models.declared import ForeignKey, Index, Mapped, mapped_column

KEPT_HOURS = 24


@dataclass(frozen=True, slots=True)
class Kept:
    """What a request came to the first time; ``answer`` is sealed."""

    fingerprint: bytes
    status: int
    answer: bytes


class IdempotencyKey(Created, TenantRow):
    """One request under its key. Without a status its transaction is still open, and nobody else sees it."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at", "client_id"),)

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[bytes] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]

    @classmethod
    async def claim(cls, tx: TenantTx, name: bytes, fingerprint: bytes) -> Kept | None:
        """Enters a request, and waits for a simultaneous twin to end; gives what the same came to, None for a new one.

        Raises:
            KeyInUse: The twin doesn't end.
        """
        await tx.run(
            "DELETE FROM idempotency_keys WHERE client_id = $1 "
            "AND created_at < clock_timestamp() - make_interval(hours => $2)",
            client_of(tx), KEPT_HOURS,
        )  # fmt: skip
        try:
            new = await tx.run(
                "INSERT INTO idempotency_keys (client_id, name, fingerprint, created_at) "
                "VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT DO NOTHING",
                client_of(tx), name, fingerprint,
            )  # fmt: skip
        except asyncpg.LockNotAvailableError as error:
            raise KeyInUse from error
        if new:
            return None
        row = await tx.one(
            "SELECT fingerprint, status, answer FROM idempotency_keys WHERE client_id = $1 AND name = $2",
            client_of(tx), name,
        )  # fmt: skip
        if row is None:  # It has just grown old.
            raise KeyInUse
        return Kept(**dict(row))

    @classmethod
    async def keep(cls, tx: TenantTx, name: bytes, status: int, answer: bytes) -> None:
        """Keeps what a request came to."""
        await tx.run(
            "UPDATE idempotency_keys SET status = $3, answer = $4 WHERE client_id = $1 AND name = $2",
            client_of(tx), name, status, answer,
        )  # fmt: skip


class FoundingKey:
    """One request that makes a client. It belongs to none: which one a repeat is about is told by nothing else."""

    @classmethod
    async def claim(cls, tx: TenantTx, name: bytes, fingerprint: bytes) -> Kept | None:
        """As for an ``IdempotencyKey``.

        Raises:
            KeyInUse: The twin doesn't end.
        """
        try:
            row = await tx.one(
                "SELECT fingerprint, status, answer FROM app.claim_founding($1, $2, $3)",
                name, fingerprint, KEPT_HOURS,
            )  # fmt: skip
        except asyncpg.LockNotAvailableError as error:
            raise KeyInUse from error
        return Kept(**dict(row)) if row else None

    @classmethod
    async def keep(cls, tx: TenantTx, name: bytes, status: int, answer: bytes) -> None:
        """Keeps what a request came to."""
        await tx.run("SELECT app.keep_founding($1, $2, $3)", name, status, answer)


Keys = type[IdempotencyKey] | type[FoundingKey]
"""Where requests are entered."""
