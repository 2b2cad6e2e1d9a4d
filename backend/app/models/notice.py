"""What is said once a period, however often its reason comes up."""

from typing import ClassVar
from uuid import UUID

from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import ForeignKey, Mapped, mapped_column


class Notice(Created, TenantRow):
    """Something that was said in a period."""

    __tablename__ = "notices"
    grants: ClassVar[str] = "SELECT, INSERT"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)

    @classmethod
    async def first(cls, tx: TenantTx, kind: str, period: str) -> bool:
        """Notes that something is said; False when it was said in this period already."""
        touched = await tx.run(
            "INSERT INTO notices (client_id, kind, period) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            client_of(tx), kind, period,
        )  # fmt: skip
        return bool(touched)
