"""Sessions: where staff are signed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.core.errors import NotFound, Unauthenticated
from app.core.multi_tenant import Database, Row, TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import ForeignKeyConstraint, Index, LargeBinary, Mapped, mapped_column
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

_DEVICE = SealedColumn("staff_sessions", "device", "id")

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
MOST_SESSIONS = 50
"""Of one colleague: the one that was used least recently makes room."""


class Stage(StrEnum):
    """How far signing in has come."""

    FULL = "full"
    CODE = "code"
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class Found:
    """The session behind a secret, and whose it is."""

    client_id: UUID
    session_id: UUID
    staff_id: UUID
    role: str
    name: str
    stage: str
    ends_at: datetime


class StaffSession(Created, TenantRow):
    """One browser or program in which a colleague is signed in. Its secret is kept as a hash."""

    __tablename__ = "staff_sessions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "staff_id"], ["staff.client_id", "staff.id"], ondelete="CASCADE"
        ),
        Index("ix_staff_sessions_secret_hash", "secret_hash"),
        Index("ix_staff_sessions_staff_id_client_id", "staff_id", "client_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    stage: Mapped[str]
    device_sealed: Mapped[bytes] = mapped_column("device", LargeBinary)
    seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]

    __allow_unmapped__ = True
    device: str

    @classmethod
    async def begin(
        cls,
        tx: TenantTx,
        staff_id: UUID,
        secret_hash: bytes,
        *,
        stage: Stage,
        device: str,
        life: timedelta,
    ) -> UUID:
        """Signs a colleague in somewhere. What has expired is forgotten, and what is too much.

        Raises:
            Unauthenticated: The colleague is no longer one.
        """
        client_id, session_id = client_of(tx), uuid7()
        # Whoever lets a colleague go waits for this lock, or this waits for them: no session is left behind.
        active = "SELECT 1 FROM staff WHERE client_id = $1 AND id = $2 AND is_active FOR SHARE"
        if await tx.value(active, client_id, staff_id) is None:
            raise Unauthenticated
        await tx.run(
            "DELETE FROM staff_sessions WHERE client_id = $1 AND staff_id = $2 AND (ends_at < clock_timestamp() "
            "OR seen_at < clock_timestamp() - $3::interval OR id IN (SELECT id FROM staff_sessions WHERE client_id = $1 "
            "AND staff_id = $2 ORDER BY seen_at DESC OFFSET $4))",
            client_id, staff_id, IDLE, MOST_SESSIONS - 1,
        )  # fmt: skip
        await tx.run(
            "INSERT INTO staff_sessions (client_id, id, staff_id, secret_hash, stage, device, seen_at, ends_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp() + $7::interval)",
            client_id, session_id, staff_id, secret_hash, stage, _DEVICE.put(tx, device, session_id), life,
        )  # fmt: skip
        return session_id

    @classmethod
    async def of_staff(cls, tx: TenantTx, staff_id: UUID) -> Sequence["StaffSession"]:
        """Where a colleague is signed in, the most recently used first."""
        rows = await tx.all(
            "SELECT * FROM staff_sessions WHERE client_id = $1 AND staff_id = $2 AND stage = $3 "
            "AND ends_at > clock_timestamp() AND seen_at > clock_timestamp() - $4::interval ORDER BY seen_at DESC",
            client_of(tx), staff_id, Stage.FULL, IDLE,
        )  # fmt: skip
        return [cls._opened(tx, row) for row in rows]

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row) -> "StaffSession":
        columns = dict(row)
        device = columns.pop("device")
        session = cls(**columns)
        session.device = _DEVICE.get(tx, device, session.id)
        return session

    @classmethod
    async def end(
        cls,
        tx: TenantTx,
        staff_id: UUID,
        session_id: UUID | None = None,
        *,
        spared: UUID | None = None,
    ) -> int:
        """Ends one session of a colleague, or all but the spared one, and their access tokens with them.

        Raises:
            NotFound: There is no such session of this colleague.
        """
        ended = int(
            await tx.value("SELECT app.end_sessions($1, $2, $3)", staff_id, session_id, spared)
        )
        if session_id is not None and not ended:
            raise NotFound
        return ended

    @classmethod
    async def resume(cls, db: Database, secret_hash: bytes) -> Found | None:
        """The living session behind a secret. Its client is known only afterwards."""
        rows = await db.call("SELECT * FROM app.resume_session($1, $2)", secret_hash, IDLE)
        return Found(**dict(rows[0])) if rows else None

    @classmethod
    async def marks(cls, db: Database, since: timedelta) -> dict[UUID, datetime]:
        """Colleagues and sessions, at any client, whose access tokens were ended of late; and when."""
        rows = await db.call(
            "SELECT subject, max(at) AS at FROM app.token_marks($1) GROUP BY 1", since
        )
        return {row["subject"]: row["at"] for row in rows}
