"""Tickets: what staff get by e-mail to set a password, when they are invited or have forgotten it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.core.multi_tenant import DirectoryTx, TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import ForeignKeyConstraint, Index, LargeBinary, Mapped, mapped_column


class Kind(StrEnum):
    """What a ticket is for."""

    INVITATION = "invitation"
    RESET = "reset"

    @property
    def life(self) -> timedelta:
        """How long it is good."""
        return timedelta(days=7) if self is Kind.INVITATION else timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class FoundTicket:
    """A good ticket, and whose it is."""

    client_id: UUID
    staff_id: UUID
    kind: str
    email: str
    name: str
    client: str


class StaffTicket(Created, TenantRow):
    """One ticket of a kind a colleague; the next one replaces it. Its token is kept as a hash."""

    __tablename__ = "staff_tickets"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "staff_id"], ["staff.client_id", "staff.id"], ondelete="CASCADE"
        ),
        Index("ix_staff_tickets_token_hash", "token_hash"),
    )

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    ends_at: Mapped[datetime]

    @classmethod
    async def issue(cls, tx: TenantTx, staff_id: UUID, kind: Kind, token_hash: bytes) -> None:
        """Gives a colleague a ticket; an earlier one of the kind opens nothing any more."""
        await tx.run(
            "INSERT INTO staff_tickets (client_id, staff_id, kind, token_hash, ends_at) "
            "VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval) ON CONFLICT (client_id, staff_id, kind) "
            "DO UPDATE SET token_hash = excluded.token_hash, ends_at = excluded.ends_at, created_at = now()",
            client_of(tx), staff_id, kind, token_hash, kind.life,
        )  # fmt: skip

    @classmethod
    async def find(cls, tx: DirectoryTx, token_hash: bytes) -> FoundTicket | None:
        """The good ticket behind a token."""
        row = await tx.one("SELECT * FROM app.find_ticket($1)", token_hash)
        return FoundTicket(**dict(row)) if row else None

    @classmethod
    async def use(cls, tx: TenantTx, staff_id: UUID, token_hash: bytes) -> bool:
        """Uses a ticket up, and every other of the colleague; tells whether it was still good."""
        used = await tx.run(
            "DELETE FROM staff_tickets WHERE client_id = $1 AND staff_id = $2 AND token_hash = $3 "
            "AND ends_at > clock_timestamp()",
            client_of(tx), staff_id, token_hash,
        )  # fmt: skip
        if used:
            await cls.forget(tx, staff_id)
        return bool(used)

    @classmethod
    async def forget(cls, tx: TenantTx, staff_id: UUID) -> None:
        """Makes a colleague's tickets open nothing."""
        await tx.run(
            "DELETE FROM staff_tickets WHERE client_id = $1 AND staff_id = $2",
            client_of(tx),
            staff_id,
        )
