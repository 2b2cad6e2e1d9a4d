"""Lanes: what must not run twice at once, a conversation or a document.

A lane's jobs run in order of their ids. A worker claims a lane for a lease by the database's clock; every claim raises
the lane's fence, and every write that settles a job names the fence it was claimed with. A worker that slept past its
lease finds its number outdated.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.core.clock import TOLERANCE
from app.core.errors import Conflict
from app.core.multi_tenant import Database, DirectoryTx, TenantTx, client_of
from app.models.base import TenantRow
from app.models.declared import BigInteger, ForeignKey, Index, Mapped, mapped_column, text


class LeaseLost(Conflict):
    """Another worker holds this lane now. What was about to be written is not."""

    code = "lease_lost"


@dataclass(frozen=True, slots=True)
class Lease:
    """One job, held for a while: proof that nobody else works on its lane."""

    client_id: UUID
    lane_id: UUID
    fence: int
    job_id: UUID
    kind: str
    payload: dict[str, Any]
    attempts: int
    queue: str
    credit: int
    """How many more lanes its client may take before the next client's turn."""

    turn: dict[str, Any] | None = field(default=None, repr=False)
    """What its turn needs, as ``LoadedTurn`` reads it, where that came along."""

    parcel: dict[str, Any] | None = field(default=None, repr=False)
    """What its send needs, as ``Dispatch`` reads it, where the intent was written with the reply."""

    @classmethod
    def told(cls, row: dict[str, Any]) -> "Lease":
        """A lease as ``app.claim`` tells it."""
        ids = {name: UUID(row[name]) for name in ("client_id", "lane_id", "job_id")}
        return cls(**{**row, **ids})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker can take of a queue now.

    Attributes:
        queue: The queue.
        places: How many jobs there is room for.
        cap: How many of them one client's may be, those that run already included.
        running: How many run here of which client.
        after: Whose turn it was last.
        credit: How much of that turn is left.
    """

    queue: str
    places: int
    cap: int
    running: Mapping[str, int]
    after: UUID | None
    credit: int


@dataclass(frozen=True, slots=True)
class Along:
    """Whose turns come along with their lanes, and how much of each.

    Attributes:
        clients: Those whose lanes may well be among what is claimed; turns of others are loaded later.
        waiting: How many waiting messages, the latest.
        earlier: How many earlier ones.
    """

    clients: Collection[UUID] = ()
    waiting: int = 0
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was claimed.

    Attributes:
        leases: It.
        due_in: In how many seconds a lane is due where there is still a place; None when none is.
        left: The queues in which somebody still waits.
    """

    leases: list[Lease]
    due_in: float | None
    left: Collection[str]


@dataclass(frozen=True, slots=True)
class Late:
    """A client whose lanes have waited for a while: the oldest's seconds, and how many lanes are due."""

    client_id: UUID
    age: float
    waiting: int


_NOTHING = Along()


class Lane(TenantRow):
    """What must not run twice at once. ``due_at`` is when its first job is due; NULL when it has none."""

    __tablename__ = "lanes"
    __table_args__ = (
        Index("ix_lanes_due", "queue", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index(
            "ix_lanes_turns",
            "queue",
            "client_id",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    queue: Mapped[str]
    due_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

    @classmethod
    async def claim(
        cls, db: Database, wanted: Sequence[Wanted], lease_seconds: float, along: Along = _NOTHING
    ) -> Claimed:
        """Takes due lanes, the clients in turn, for a lease; each comes with its first job. One call, committed."""
        [row] = await db.call(
            "SELECT app.claim($1::text::jsonb, $2, $3, $4, $5) AS claimed",
            orjson.dumps(wanted, default=str).decode(), lease_seconds,
            db.tokens(along.clients), along.waiting, along.earlier,
        )  # fmt: skip
        told = row["claimed"]
        return Claimed(
            [Lease.told(lease) for lease in told["leases"]], told["due_in"], told["left"]
        )

    @classmethod
    async def renew(cls, tx: TenantTx, lease: Lease, lease_seconds: float) -> None:
        """Holds the lane for longer.

        Raises:
            LeaseLost: It isn't held any more.
        """
        held = await tx.run(
            "UPDATE lanes SET lease_until = clock_timestamp() + make_interval(secs => $4) "
            "WHERE client_id = $1 AND id = $2 AND fence = $3 AND lease_until IS NOT NULL",
            client_of(tx), lease.lane_id, lease.fence, lease_seconds,
        )  # fmt: skip
        if not held:
            raise LeaseLost

    @classmethod
    async def hold(cls, tx: TenantTx, lease: Lease) -> None:
        """Keeps others from claiming the lane until this transaction ends.

        Raises:
            LeaseLost: It was claimed already.
        """
        held = await tx.value(
            "SELECT true FROM lanes WHERE client_id = $1 AND id = $2 AND fence = $3 AND lease_until IS NOT NULL FOR UPDATE",
            client_of(tx), lease.lane_id, lease.fence,
        )  # fmt: skip
        if not held:
            raise LeaseLost

    @classmethod
    async def seconds_to_next(cls, db: Database, queues: Sequence[str]) -> float | None:
        """Seconds until a lane is due; None when none is."""
        [row] = await db.call("SELECT app.seconds_to_next_lane($1) AS seconds", list(queues))
        return None if row["seconds"] is None else float(row["seconds"])

    @classmethod
    async def mind_clock(cls, db: Database, queues: Collection[str]) -> float:
        """Keeps what is due soon due when the database's clock is set back, and what is done from being read.

        Args:
            db: Where lanes are.
            queues: The queues that the caller serves.

        Returns:
            By how many seconds the clock was set back.
        """
        [row] = await db.call("SELECT app.mind_clock($1, $2) AS seconds", TOLERANCE, list(queues))
        return float(row["seconds"])

    @classmethod
    async def pressure(cls, db: Database, queue: str, *, older: float, most: int) -> list[Late]:
        """Clients whose lanes have waited for longer than ``older`` seconds; counted up to ``most``."""
        rows = await db.call("SELECT * FROM app.lane_pressure($1, $2, $3)", queue, older, most)
        return [Late(**dict(row)) for row in rows]

    @classmethod
    async def backlog(cls, tx: DirectoryTx) -> dict[str, tuple[int, float]]:
        """For each queue: how many lanes are due, and for how many seconds the oldest has been."""
        rows = await tx.all("SELECT queue, lanes, oldest FROM app.lane_backlog()")
        return {row["queue"]: (int(row["lanes"]), float(row["oldest"])) for row in rows}
