"""Seals of the audit log: what a client's entries were when a batch was closed. Rows are added, never changed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from app.core.multi_tenant import DirectoryTx, TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import BigInteger, Mapped, mapped_column

PAGE = 1000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Sealable:
    """An entry as it is sealed: its fields in their order, and when it was made by the database's clock."""

    created_at: datetime
    id: UUID
    fields: tuple[Any, ...]


class AuditSeal(Created, TenantRow):
    """One batch: the entries made before ``upto`` and not before the last batch's. The application only adds.

    Attributes:
        digest: Of the entries, in the order of their times and ids.
        head: Of this batch and, through the one before, of all earlier ones.
        signature: Of the head, by a key that isn't in the database.
    """

    __tablename__ = "audit_seals"
    grants: ClassVar[str] = "SELECT, INSERT"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    upto: Mapped[datetime]
    entries: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes]
    head: Mapped[bytes]
    signature: Mapped[bytes]

    @classmethod
    async def last(cls, tx: TenantTx) -> "AuditSeal | None":
        """The newest seal."""
        row = await tx.one(
            "SELECT * FROM audit_seals WHERE client_id = $1 ORDER BY number DESC LIMIT 1",
            client_of(tx),
        )
        return cls.of(row) if row else None

    @classmethod
    async def all(cls, tx: TenantTx) -> list["AuditSeal"]:
        """Every seal, in order."""
        rows = await tx.all(
            "SELECT * FROM audit_seals WHERE client_id = $1 ORDER BY number", client_of(tx)
        )
        return [cls.of(row) for row in rows]

    @classmethod
    async def add(cls, tx: TenantTx, seal: "AuditSeal") -> bool:
        """Writes a seal; False when somebody else sealed the same batch meanwhile."""
        touched = await tx.run(
            "INSERT INTO audit_seals (client_id, number, upto, entries, digest, head, signature) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            client_of(tx), seal.number, seal.upto, seal.entries, seal.digest, seal.head, seal.signature,
        )  # fmt: skip
        return bool(touched)

    @classmethod
    async def watermark(cls, tx: TenantTx, slack_seconds: float) -> datetime:
        """A moment before which no entry can appear any more.

        An entry bears the time at which its transaction began, so what began before the oldest running one is
        complete. The slack is for a transaction that has taken its time and isn't listed yet.
        """
        found: datetime = await tx.value(
            "SELECT least(min(xact_start), now() - make_interval(secs => $1)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND xact_start IS NOT NULL",
            slack_seconds,
        )
        return found

    @classmethod
    async def entries_between(
        cls, tx: TenantTx, begin: datetime, end: datetime | None
    ) -> AsyncIterator[Sealable]:
        """The entries of a span of time, in the order in which they are sealed; read page by page."""
        at, after = begin, FIRST
        while True:
            rows = await tx.all(_ENTRIES, client_of(tx), at, after, end, PAGE)
            for row in rows:
                yield Sealable(row["created_at"], row["id"], tuple(row.values()))
            if len(rows) < PAGE:
                return
            at, after = rows[-1]["created_at"], rows[-1]["id"]

    @classmethod
    async def audited(cls, tx: DirectoryTx) -> dict[UUID, bool]:
        """Whose acts are logged, and whether some of them are in no seal yet."""
        rows = await tx.all("SELECT client_id, unsealed FROM app.audited_clients()")
        return {row["client_id"]: row["unsealed"] for row in rows}


_ENTRIES = """
SELECT id, actor, action, target, details::text AS details, created_at FROM audit_log
WHERE client_id = $1 AND (created_at, id) > ($2, $3) AND ($4::timestamptz IS NULL OR created_at < $4)
ORDER BY created_at, id LIMIT $5
"""
