"""Jobs: work that must happen is a row in the transaction of its cause, on a lane (``models/lane.py``)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import (
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Mapped,
    mapped_column,
    text,
)
from app.models.lane import Lane, Lease
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

ERROR = SealedColumn("jobs", "error", "id")


@dataclass(frozen=True, slots=True)
class JobRef:
    """A job as people see it: ``payload`` says what it is about, by ids."""

    id: UUID
    lane_id: UUID
    kind: str
    payload: dict[str, Any]
    state: str
    attempts: int
    error: str | None
    due_at: datetime
    created_at: datetime


class Job(Created, TenantRow):
    """Work after commit. It is deleted when done; a parked job keeps its error, sealed, until somebody acts.

    The payload holds ids alone.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "ix_jobs_pending",
            "lane_id",
            "id",
            "client_id",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_jobs_parked", "client_id", "id", postgresql_where=text("state = 'parked'")),
    )

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    lane_id: Mapped[UUID]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default=text("'pending'"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    error: Mapped[bytes | None] = mapped_column(LargeBinary)
    code: Mapped[str | None]
    due_at: Mapped[datetime]
    resends: Mapped[int] = mapped_column(Integer, server_default=text("0"))

    @classmethod
    async def add(
        cls,
        tx: TenantTx,
        *,
        lane_id: UUID,
        queue: str,
        kind: str,
        payload: dict[str, Any],
        delay: float = 0.0,
    ) -> UUID:
        """Puts a job at the end of a lane and wakes the workers at commit."""
        job_id = uuid7()
        await tx.run(_ADD, client_of(tx), job_id, lane_id, queue, kind, payload, delay)
        return job_id

    @classmethod
    async def bury(
        cls,
        tx: TenantTx,
        *,
        lane_id: UUID,
        queue: str,
        kind: str,
        payload: dict[str, Any],
        error: str,
        attempts: int,
    ) -> UUID:
        """Parks work that failed elsewhere, on a lane that has nothing else to do: for people to look at, and to replay."""
        job_id = uuid7()
        await tx.run(
            _BURY,
            client_of(tx),
            job_id,
            lane_id,
            queue,
            kind,
            payload,
            ERROR.put(tx, error, job_id),
            error.partition(":")[0],
            attempts,
        )
        return job_id

    @classmethod
    async def settle(cls, tx: TenantTx, lease: Lease) -> None:
        """The job is done; the lane is free for its next one.

        Raises:
            LeaseLost: Another worker holds the lane.
        """
        await Lane.hold(tx, lease)
        await tx.run(_DONE, client_of(tx), lease.lane_id, lease.job_id)

    @classmethod
    async def retry(cls, tx: TenantTx, lease: Lease, *, delay: float, error: str) -> None:
        """The job failed and is tried again after ``delay`` seconds; the lane waits for it.

        Raises:
            LeaseLost: Another worker holds the lane.
        """
        await cls._free(
            tx, lease,
            "UPDATE jobs SET due_at = clock_timestamp() + make_interval(secs => $3), error = $4, code = $5 "
            "WHERE client_id = $1 AND id = $2",
            delay, ERROR.put(tx, error, lease.job_id), error.partition(":")[0],
        )  # fmt: skip

    @classmethod
    async def postpone(cls, tx: TenantTx, lease: Lease, *, delay: float) -> None:
        """The job waits for something outside; that isn't an attempt.

        Raises:
            LeaseLost: Another worker holds the lane.
        """
        await cls._free(
            tx, lease,
            "UPDATE jobs SET due_at = clock_timestamp() + make_interval(secs => $3), attempts = 0 "
            "WHERE client_id = $1 AND id = $2",
            delay,
        )  # fmt: skip

    @classmethod
    async def give_back(cls, tx: TenantTx, lease: Lease) -> None:
        """The worker stops in the middle of the job; that isn't an attempt, and another one may begin at once.

        Raises:
            LeaseLost: Another worker holds the lane.
        """
        await cls._free(
            tx,
            lease,
            "UPDATE jobs SET due_at = clock_timestamp(), attempts = greatest(attempts - 1, 0) "
            "WHERE client_id = $1 AND id = $2",
        )

    @classmethod
    async def settle_with_older(cls, tx: TenantTx, lease: Lease) -> None:
        """The job is done, and so are those of its kind on its lane that a later one carries along.

        Raises:
            LeaseLost: Another worker holds the lane.
        """
        await Lane.hold(tx, lease)
        await tx.run(_OLDER, client_of(tx), lease.lane_id, lease.kind)
        await tx.run(_DONE, client_of(tx), lease.lane_id, lease.job_id)

    @classmethod
    async def park(cls, tx: TenantTx, lease: Lease, *, error: str) -> None:
        """The job failed for good: it is kept with its error, and the lane goes on.

        Raises:
            LeaseLost: Another worker holds the lane.
        """
        await cls._free(
            tx,
            lease,
            "UPDATE jobs SET state = 'parked', error = $3, code = $4 WHERE client_id = $1 AND id = $2",
            ERROR.put(tx, error, lease.job_id),
            error.partition(":")[0],
        )

    @classmethod
    async def _free(cls, tx: TenantTx, lease: Lease, change: str, *args: object) -> None:
        await Lane.hold(tx, lease)
        await tx.run(change, client_of(tx), lease.job_id, *args)
        await tx.run(_NEXT, client_of(tx), lease.lane_id)

    @classmethod
    async def hurry(cls, tx: TenantTx, lane_id: UUID) -> None:
        """Makes a waiting lane due now: what its first job waited for has come."""
        await tx.run(
            "SELECT FROM lanes WHERE client_id = $1 AND id = $2 FOR UPDATE", client_of(tx), lane_id
        )  # Lane first, then job, as workers lock them.
        await tx.run(
            "WITH first AS (UPDATE jobs SET due_at = clock_timestamp() WHERE client_id = $1 AND id = ("
            "SELECT f.id FROM app.first_job($1, $2) f) RETURNING due_at), "
            "woken AS (SELECT pg_notify('wafaa_lanes', 'hurry')) "
            "UPDATE lanes SET due_at = first.due_at FROM first, woken WHERE client_id = $1 AND lanes.id = $2",
            client_of(tx), lane_id,
        )  # fmt: skip

    @classmethod
    async def age(cls, tx: TenantTx, job_id: UUID) -> float:
        """For how many seconds there has been a job."""
        seconds = await tx.value(
            "SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM jobs "
            "WHERE client_id = $1 AND id = $2",
            client_of(tx), job_id,
        )  # fmt: skip
        return float(seconds or 0.0)

    @classmethod
    async def resent(cls, tx: TenantTx, job_id: UUID) -> int:
        """Counts that what a job sends is sent again; gives how often that has been."""
        return int(
            await tx.value(
                "UPDATE jobs SET resends = resends + 1 WHERE client_id = $1 AND id = $2 RETURNING resends",
                client_of(tx), job_id,
            )
        )  # fmt: skip

    @classmethod
    async def of_lane(cls, tx: TenantTx, lane_id: UUID) -> list[JobRef]:
        """What a lane still has before it, in order, and what is parked of it."""
        return await cls._refs(tx, "lane_id = $2 ORDER BY id", lane_id)

    @classmethod
    async def _refs(cls, tx: TenantTx, condition: str, argument: object) -> list[JobRef]:
        rows = await tx.all(
            "SELECT id, lane_id, kind, payload, state, attempts, error, due_at, created_at FROM jobs "
            f"WHERE client_id = $1 AND {condition}",
            client_of(tx), argument,
        )  # fmt: skip
        return [JobRef(**{**row, "error": ERROR.get(tx, row["error"], row["id"])}) for row in rows]


_ADD = """
WITH job AS (
  INSERT INTO jobs (client_id, id, lane_id, kind, payload, due_at)
  VALUES ($1, $2, $3, $5, $6, clock_timestamp() + make_interval(secs => $7)) RETURNING due_at
), woken AS (SELECT pg_notify('wafaa_lanes', $4))
INSERT INTO lanes (client_id, id, queue, due_at) SELECT $1, $3, $4, due_at FROM job, woken
ON CONFLICT (client_id, id) DO UPDATE SET due_at = coalesce(lanes.due_at, excluded.due_at)
"""

_BURY = """
WITH lane AS (INSERT INTO lanes (client_id, id, queue) VALUES ($1, $3, $4) ON CONFLICT DO NOTHING)
INSERT INTO jobs (client_id, id, lane_id, kind, payload, state, error, code, attempts, due_at)
VALUES ($1, $2, $3, $5, $6, 'parked', $7, $8, $9, clock_timestamp())
"""

_FIRST_DUE = "due_at = (SELECT f.due_at FROM app.first_job($1, $2) f)"
# The notification lets idle workers look at the lane's next job at once.
_OLDER = """
DELETE FROM jobs WHERE client_id = $1 AND lane_id = $2 AND kind = $3 AND state = 'pending' AND id < (
  SELECT id FROM jobs WHERE client_id = $1 AND lane_id = $2 AND kind = $3 AND state = 'pending' ORDER BY id DESC LIMIT 1)
"""
_NEXT = f"""
WITH woken AS (SELECT pg_notify('wafaa_lanes', 'next'))
UPDATE lanes SET lease_until = NULL, {_FIRST_DUE} FROM woken WHERE client_id = $1 AND id = $2
"""
# Both at once: a statement doesn't see what its other parts change, so the job that is done is left out by its id. The
# lane must be held by a statement before: what was added while this one waited for it would be overlooked.
_DONE = """
WITH done AS (DELETE FROM jobs WHERE client_id = $1 AND id = $3),
woken AS (SELECT pg_notify('wafaa_lanes', 'next'))
UPDATE lanes SET lease_until = NULL, due_at = (SELECT f.due_at FROM app.first_job($1, $2, $3) f)
FROM woken WHERE client_id = $1 AND id = $2
"""
