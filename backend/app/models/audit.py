"""The audit log: who did what to a client's things. Rows are added, never changed."""

from typing import Any, ClassVar
from uuid import UUID

from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import Index, Mapped, mapped_column, text
from app.utils.ids import uuid7


class AuditEntry(Created, TenantRow):
    """One act. The application role may neither UPDATE nor DELETE."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_sealing", "client_id", "created_at", "id"),)
    grants: ClassVar[str] = "SELECT, INSERT"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    @classmethod
    async def add(
        cls,
        tx: TenantTx,
        actor: str,
        action: str,
        target: str,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Notes an act: ``actor`` is a staff id, ``cli``, ``assistant`` or ``system``."""
        await tx.run(
            "INSERT INTO audit_log (client_id, id, actor, action, target, details, created_at) "
            # Never before the last seal, even if the clock was set back: what comes later belongs to a later batch.
            "VALUES ($1, $2, $3, $4, $5, $6, greatest(now(), "
            "(SELECT upto FROM audit_seals WHERE client_id = $1 ORDER BY number DESC LIMIT 1)))",
            client_of(tx), uuid7(), actor, action, target, details or {},
        )  # fmt: skip

    @classmethod
    async def latest(cls, tx: TenantTx, limit: int = 100) -> list["AuditEntry"]:
        """The latest acts, newest first."""
        rows = await tx.all(
            "SELECT * FROM audit_log WHERE client_id = $1 ORDER BY id DESC LIMIT $2",
            client_of(tx),
            limit,
        )
        return [cls.of(row) for row in rows]
