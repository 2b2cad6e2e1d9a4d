"""Grants: platform staff read what is a client's only while its owner lets them, and never longer than a day."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import DirectoryTx, Row, TenantTx, client_of
from app.core.sealing import Cipher
from app.models.base import Created, TenantRow
from app.models.declared import ForeignKey, Index, LargeBinary, Mapped, mapped_column
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

MOST_HOURS = 24

_REASON = SealedColumn("access_grants", "reason", "id")
_STAFF_NAME = SealedColumn("access_grants", "staff_name", "id")


class GrantState(StrEnum):
    """How a grant stands. That its time has run out is told by ``ends_at``."""

    ASKED = "asked"
    GRANTED = "granted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class GrantRef:
    """A grant as one of ours sees it, at whichever client; ``sealed`` is the reason, with that client's key."""

    id: UUID
    client_id: UUID
    client: str
    sealed: bytes = field(repr=False)
    hours: int
    state: str
    ends_at: datetime | None
    created_at: datetime

    def reason(self, cipher: Cipher) -> str:
        """Why."""
        reason: str = _REASON.open(cipher, self.sealed, self.id)
        return reason


class AccessGrant(Created, TenantRow):
    """One of ours may read, for a while and for a reason."""

    __tablename__ = "access_grants"
    __table_args__ = (Index("ix_access_grants_staff_id", "staff_id"),)
    grants: ClassVar[str] = "SELECT, INSERT, UPDATE"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    staff_name_sealed: Mapped[bytes] = mapped_column("staff_name", LargeBinary)
    reason_sealed: Mapped[bytes] = mapped_column("reason", LargeBinary)
    hours: Mapped[int]
    state: Mapped[str]
    granted_by: Mapped[UUID | None]
    ends_at: Mapped[datetime | None]

    __allow_unmapped__ = True
    staff_name: str
    reason: str

    @classmethod
    async def ask(
        cls, tx: TenantTx, staff_id: UUID, staff_name: str, reason: str, hours: int
    ) -> UUID:
        """Writes a wish down."""
        grant_id = uuid7()
        await tx.run(
            "INSERT INTO access_grants (client_id, id, staff_id, staff_name, reason, hours, state) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)",
            client_of(tx), grant_id, staff_id, _STAFF_NAME.put(tx, staff_name, grant_id),
            _REASON.put(tx, reason, grant_id), hours, GrantState.ASKED,
        )  # fmt: skip
        return grant_id

    @classmethod
    async def approve(cls, tx: TenantTx, grant_id: UUID, owner: UUID) -> None:
        """Fulfils a wish, from now on for as long as it says.

        Raises:
            NotFound: There is no such wish.
        """
        done = await tx.run(
            "UPDATE access_grants SET state = $3, granted_by = $4, "
            "ends_at = clock_timestamp() + make_interval(hours => hours) WHERE client_id = $1 AND id = $2 AND state = $5",
            client_of(tx), grant_id, GrantState.GRANTED, owner, GrantState.ASKED,
        )  # fmt: skip
        if not done:
            raise NotFound

    @classmethod
    async def end(cls, tx: TenantTx, grant_id: UUID) -> None:
        """Ends a grant, or refuses a wish.

        Raises:
            NotFound: There is none that isn't over.
        """
        done = await tx.run(
            "UPDATE access_grants SET state = $3 WHERE client_id = $1 AND id = $2 AND state <> $3",
            client_of(tx), grant_id, GrantState.ENDED,
        )  # fmt: skip
        if not done:
            raise NotFound

    @classmethod
    async def holds(cls, tx: TenantTx, grant_id: UUID, staff_id: UUID) -> datetime | None:
        """Until when a grant opens the client's things to one of ours; None where it doesn't."""
        ends: datetime | None = await tx.value(
            "SELECT ends_at FROM access_grants WHERE client_id = $1 AND id = $2 AND staff_id = $3 AND state = $4 "
            "AND ends_at > clock_timestamp()",
            client_of(tx), grant_id, staff_id, GrantState.GRANTED,
        )  # fmt: skip
        return ends

    @classmethod
    async def every(cls, tx: TenantTx) -> list["AccessGrant"]:
        """The client's grants and the wishes for them, newest first."""
        rows = await tx.all(
            "SELECT * FROM access_grants WHERE client_id = $1 ORDER BY id DESC LIMIT 500",
            client_of(tx),
        )
        return [cls._opened(tx, row) for row in rows]

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row) -> "AccessGrant":
        columns = dict(row)
        name, reason = columns.pop("staff_name"), columns.pop("reason")
        grant = cls(**columns)
        grant.staff_name = _STAFF_NAME.get(tx, name, grant.id)
        grant.reason = _REASON.get(tx, reason, grant.id)
        return grant

    @classmethod
    async def of_platform_staff(cls, tx: DirectoryTx, staff_id: UUID) -> list[GrantRef]:
        """Where one of ours was let in, or asked to be."""
        rows = await tx.all("SELECT * FROM app.grants_of($1)", staff_id)
        return [GrantRef(**dict(row)) for row in rows]

    @classmethod
    async def platform_staff(cls, tx: DirectoryTx, email: str) -> tuple[UUID, str]:
        """One of ours: id and name.

        Raises:
            NotFound: Nobody of ours has this address.
        """
        row = await tx.one("SELECT * FROM app.platform_staff($1)", email)
        if row is None:
            raise NotFound("None of the platform's staff has this e-mail address.")
        return row["staff_id"], row["name"]
