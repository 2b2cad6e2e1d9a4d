"""API keys: what programs of a client show instead of a person's sign-in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import DirectoryTx, Row, TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import (
    ARRAY,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Mapped,
    String,
    mapped_column,
)
from app.models.sealed import SealedColumn

_NAME = SealedColumn("api_keys", "name", "id")


@dataclass(frozen=True, slots=True)
class LivingKey:
    """A key that may be used, and for whom it acts.

    Attributes:
        role: The role that its maker has now.
        secret_hash: Of the whole key.
    """

    client_id: UUID
    key_id: UUID
    staff_id: UUID
    role: str
    scopes: Sequence[str]
    secret_hash: bytes = field(repr=False)


class ApiKey(Created, TenantRow):
    """One key. It acts for the colleague who made it, and dies with their access."""

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "staff_id"], ["staff.client_id", "staff.id"], ondelete="CASCADE"
        ),
        Index("ix_api_keys_id", "id"),  # Found before its client is known.
        Index("ix_api_keys_staff_id_client_id", "staff_id", "client_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    name_sealed: Mapped[bytes] = mapped_column("name", LargeBinary)
    mode: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __allow_unmapped__ = True
    name: str

    @classmethod
    async def add(cls, tx: TenantTx, key: "ApiKey", name: str) -> "ApiKey":
        """Keeps a new key."""
        (row,) = await tx.all(
            "INSERT INTO api_keys (client_id, id, staff_id, name, mode, scopes, secret_hash, expires_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *",
            client_of(tx), key.id, key.staff_id, _NAME.put(tx, name, key.id), key.mode, key.scopes, key.secret_hash,
            key.expires_at,
        )  # fmt: skip
        return cls._opened(tx, row)

    @classmethod
    async def all(cls, tx: TenantTx, staff_id: UUID | None = None) -> list["ApiKey"]:
        """The client's keys, or one colleague's, newest first; revoked ones too."""
        rows = await tx.all(
            "SELECT * FROM api_keys WHERE client_id = $1 AND ($2::uuid IS NULL OR staff_id = $2) ORDER BY id DESC LIMIT 500",
            client_of(tx), staff_id,
        )  # fmt: skip
        return [cls._opened(tx, row) for row in rows]

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row) -> "ApiKey":
        columns = dict(row)
        name = columns.pop("name")
        key = cls(**columns)
        key.name = _NAME.get(tx, name, key.id)
        return key

    @classmethod
    async def revoke(cls, tx: TenantTx, key_id: UUID, staff_id: UUID | None = None) -> None:
        """Ends a key; one colleague's only, where it is said whose. Again is no mistake.

        Raises:
            NotFound: There is no such key.
        """
        touched = await tx.run(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) "
            "WHERE client_id = $1 AND id = $2 AND ($3::uuid IS NULL OR staff_id = $3)",
            client_of(tx), key_id, staff_id,
        )  # fmt: skip
        if not touched:
            raise NotFound

    @classmethod
    async def touch(cls, tx: TenantTx, key_id: UUID) -> None:
        """Notes that a key was used; at most once a minute."""
        await tx.run(
            "UPDATE api_keys SET last_used_at = now() WHERE client_id = $1 AND id = $2 "
            "AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')",
            client_of(tx), key_id,
        )  # fmt: skip

    @classmethod
    async def living(cls, tx: DirectoryTx, key_id: UUID, mode: str) -> LivingKey | None:
        """The key with that id, if it is neither revoked nor expired and its maker still works for the client."""
        row = await tx.one("SELECT * FROM app.api_key($1, $2)", key_id, mode)
        return LivingKey(**dict(row)) if row else None
