"""Clients' keys, wrapped. A destroyed key leaves its row behind, empty: it must not come back by itself."""

from dataclasses import dataclass, field
from datetime import datetime

from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import Integer, LargeBinary, Mapped, mapped_column, text


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A version as the keyring reads it; ``seals`` tells whether its time has come."""

    version: int
    wrapped: bytes | None = field(repr=False)
    under: str
    seals: bool


class ClientKey(Created, TenantRow):
    """One version of a client's key.

    No foreign key to the client: a key is there before its client, in the same call, and its empty row outlives it.

    Attributes:
        wrapped: The key, sealed by the key service; None once it was destroyed.
        under: Which key-encryption key sealed it.
        seals_from: Since when it seals. Every process knows a new version before the first value is sealed with it.
    """

    __tablename__ = "client_keys"

    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    wrapped: Mapped[bytes | None] = mapped_column(LargeBinary)
    under: Mapped[str]
    seals_from: Mapped[datetime] = mapped_column(server_default=text("now()"))

    @classmethod
    async def all(cls, tx: TenantTx) -> list[WrappedKey]:
        """The client's versions that may be met, oldest first."""
        rows = await tx.all(
            "SELECT version, wrapped, under, seals_from <= clock_timestamp() AS seals FROM client_keys "
            "WHERE client_id = $1 ORDER BY version",
            client_of(tx),
        )
        return [WrappedKey(**dict(row)) for row in rows]

    @classmethod
    async def add(
        cls, tx: TenantTx, version: int, wrapped: bytes, under: str, *, delay: float = 0.0
    ) -> bool:
        """Adds a version, which seals after ``delay`` seconds; tells whether it is the first to do so."""
        return bool(
            await tx.run(
                "INSERT INTO client_keys (client_id, version, wrapped, under, seals_from) "
                "VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) ON CONFLICT DO NOTHING",
                client_of(tx), version, wrapped, under, delay,
            )
        )  # fmt: skip

    @classmethod
    async def rewrap(
        cls, tx: TenantTx, version: int, old: bytes, wrapped: bytes, under: str
    ) -> None:
        """Puts the same key in, sealed anew; nothing if it was changed or destroyed meanwhile."""
        await tx.run(
            "UPDATE client_keys SET wrapped = $4, under = $5 WHERE client_id = $1 AND version = $2 AND wrapped = $3",
            client_of(tx), version, old, wrapped, under,
        )  # fmt: skip

    @classmethod
    async def destroy(cls, tx: TenantTx) -> None:
        """Empties every version."""
        await tx.run("UPDATE client_keys SET wrapped = NULL WHERE client_id = $1", client_of(tx))
