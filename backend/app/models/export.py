"""Exports: copies to take along, kept in sealed parts for a day."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Mapped,
    mapped_column,
    text,
)
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

KEPT_HOURS = 24

_DATA = SealedColumn("export_parts", "data", "export_id", "ordinal")


class Export(Created, TenantRow):
    """One copy: of a client, or of one contact."""

    __tablename__ = "exports"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID | None]
    requested_by: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    size: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    ready_at: Mapped[datetime | None]

    @classmethod
    async def add(cls, tx: TenantTx, contact_id: UUID | None, actor: str) -> UUID:
        """Notes that a copy is wanted."""
        export_id = uuid7()
        await tx.run(
            "INSERT INTO exports (client_id, id, contact_id, requested_by) VALUES ($1, $2, $3, $4)",
            client_of(tx), export_id, contact_id, actor,
        )  # fmt: skip
        return export_id

    @classmethod
    async def get(cls, tx: TenantTx, export_id: UUID) -> "Export":
        """One copy.

        Raises:
            NotFound: There is none, or its day is over.
        """
        found = await cls.find(tx, export_id)
        if found is None:
            raise NotFound("There is no such export, or its day is over.")
        return found

    @classmethod
    async def find(cls, tx: TenantTx, export_id: UUID) -> "Export | None":
        """One copy, if it is still there."""
        row = await tx.one(
            "SELECT * FROM exports WHERE client_id = $1 AND id = $2", client_of(tx), export_id
        )
        return cls.of(row) if row else None

    @classmethod
    async def ready(cls, tx: TenantTx, export_id: UUID, size: int) -> None:
        """Notes that a copy can be fetched."""
        await tx.run(
            "UPDATE exports SET state = 'ready', size = $3, ready_at = now() WHERE client_id = $1 AND id = $2",
            client_of(tx), export_id, size,
        )  # fmt: skip

    @classmethod
    async def drop_old(cls, tx: TenantTx) -> int:
        """Forgets copies whose day is over."""
        return await tx.run(
            "DELETE FROM exports WHERE client_id = $1 AND created_at < now() - make_interval(hours => $2)",
            client_of(tx), KEPT_HOURS,
        )  # fmt: skip

    @classmethod
    async def drop_holding(cls, tx: TenantTx, contact_id: UUID) -> int:
        """Forgets copies that hold something of a contact: theirs, and those of the whole client."""
        return await tx.run(
            "DELETE FROM exports WHERE client_id = $1 AND coalesce(contact_id, $2) = $2",
            client_of(tx), contact_id,
        )  # fmt: skip


class ExportPart(TenantRow):
    """A piece of a copy, sealed."""

    __tablename__ = "export_parts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "export_id"], ["exports.client_id", "exports.id"], ondelete="CASCADE"
        ),
    )
    grants: ClassVar[str] = "SELECT, INSERT, DELETE"

    export_id: Mapped[UUID] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    async def drop(cls, tx: TenantTx, export_id: UUID) -> None:
        """Forgets what an earlier attempt left."""
        await tx.run(
            "DELETE FROM export_parts WHERE client_id = $1 AND export_id = $2",
            client_of(tx),
            export_id,
        )

    @classmethod
    async def add(cls, tx: TenantTx, export_id: UUID, ordinal: int, data: bytes) -> None:
        """Keeps a piece."""
        sealed = _DATA.put_bytes(tx, data, export_id, ordinal)
        await tx.run(
            "INSERT INTO export_parts (client_id, export_id, ordinal, data) VALUES ($1, $2, $3, $4)",
            client_of(tx), export_id, ordinal, sealed,
        )  # fmt: skip

    @classmethod
    async def get(cls, tx: TenantTx, export_id: UUID, ordinal: int) -> bytes | None:
        """A piece; None after the last one."""
        sealed = await tx.value(
            "SELECT data FROM export_parts WHERE client_id = $1 AND export_id = $2 AND ordinal = $3",
            client_of(tx), export_id, ordinal,
        )  # fmt: skip
        return _DATA.get_bytes(tx, sealed, export_id, ordinal)
