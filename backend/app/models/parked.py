"""Work that failed for good: found by what is known of it, looked at, and tried again, one or many."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import Row, TenantTx, client_of
from app.models.job import ERROR, JobRef

MOST = 1_000


@dataclass(frozen=True, slots=True)
class ParkedFilter:
    """Which parked jobs are meant; all where nothing is said.

    Attributes:
        kind: What kind of work, such as ``deliver_message``.
        code: The code of the error it ended with.
        since: Made then or later.
        until: Made before.
    """

    kind: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_COLUMNS = "id, lane_id, kind, payload, state, attempts, error, due_at, created_at"
_MEANT = (
    "client_id = $1 AND state = 'parked' AND kind = coalesce($2, kind) "
    "AND ($3::text IS NULL OR code = $3) "
    "AND created_at >= coalesce($4, created_at) AND ($5::timestamptz IS NULL OR created_at < $5)"
)
# Lanes first and in one order, then their jobs, as workers lock them. A lane that is being worked on learns by itself
# what comes next.
_HOLD = (
    "SELECT FROM lanes WHERE client_id = $1 AND id IN (SELECT lane_id FROM jobs WHERE client_id = $1 "
    "AND id = ANY($2::uuid[])) ORDER BY id FOR UPDATE"
)
_REPLAY = (
    "UPDATE jobs SET state = 'pending', attempts = 0, error = NULL, code = NULL, due_at = clock_timestamp() "
    "WHERE client_id = $1 AND id = ANY($2::uuid[]) AND state = 'parked' RETURNING lane_id"
)
_WAKE = (
    "WITH woken AS (SELECT pg_notify('wafaa_lanes', 'replay')) UPDATE lanes l SET due_at = ("
    "SELECT f.due_at FROM app.first_job($1, l.id) f) "
    "FROM woken WHERE l.client_id = $1 AND l.id = ANY($2::uuid[])"
)


async def find(tx: TenantTx, meant: ParkedFilter, limit: int = 100) -> list[JobRef]:
    """Parked jobs, newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM jobs WHERE {_MEANT} ORDER BY id DESC LIMIT $6",
        client_of(tx), meant.kind, meant.code, meant.since, meant.until, limit,
    )  # fmt: skip
    return [_shown(tx, row) for row in rows]


async def get(tx: TenantTx, job_id: UUID) -> JobRef:
    """One job, whether it is parked or on its lane again.

    Raises:
        NotFound: There is none, or it is done.
    """
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM jobs WHERE client_id = $1 AND id = $2", client_of(tx), job_id
    )
    if row is None:
        raise NotFound
    return _shown(tx, row)


def _shown(tx: TenantTx, row: Row) -> JobRef:
    return JobRef(**{**row, "error": ERROR.get(tx, row["error"], row["id"])})


async def replay(tx: TenantTx, job_id: UUID) -> bool:
    """Puts a parked job back on its lane; tells whether it was parked. Again is no more than once.

    Raises:
        NotFound: There is no such job, or it is done.
    """
    await get(tx, job_id)
    return bool(await _replay(tx, [job_id]))


async def replay_all(tx: TenantTx, meant: ParkedFilter, limit: int = MOST) -> int:
    """Puts the oldest parked jobs that are meant back on their lanes; tells how many."""
    rows = await tx.all(
        f"SELECT id FROM jobs WHERE {_MEANT} ORDER BY id LIMIT $6",
        client_of(tx), meant.kind, meant.code, meant.since, meant.until, limit,
    )  # fmt: skip
    return await _replay(tx, [row["id"] for row in rows])


async def _replay(tx: TenantTx, job_ids: list[UUID]) -> int:
    await tx.run(_HOLD, client_of(tx), job_ids)
    lanes = [row["lane_id"] for row in await tx.all(_REPLAY, client_of(tx), job_ids)]
    await tx.run(_WAKE, client_of(tx), lanes)
    return len(lanes)
