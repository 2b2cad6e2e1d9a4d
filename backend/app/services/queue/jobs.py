"""Jobs: work that must happen, as rows; and a leased job while it runs.

A job is a small frozen class with ids in it; its handler is one function elsewhere; ``bootstrap`` shows them all.
A handler settles its job in the same transaction as its last effect, and may run twice: it checks first what is
already done.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self
from uuid import UUID

from app.core.multi_tenant import TenantTx
from app.models.job import Job
from app.models.lane import Lease, LeaseLost

CHAT, INDEXING, NOTIFY, PROACTIVE = "chat", "indexing", "notify", "proactive"


@dataclass(frozen=True, slots=True)
class JobBase:
    """A job's ids. Subclasses name their ``kind`` and ``queue``; every field is a UUID."""

    kind: ClassVar[str]
    queue: ClassVar[str]

    @property
    def lane_id(self) -> UUID:
        """What must not run twice at once with this."""
        raise NotImplementedError

    @property
    def payload(self) -> dict[str, str]:
        """Its ids, as the job's row keeps them."""
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def of(cls, lease: Lease) -> Self:
        """The job that a lease holds."""
        return cls(**{field.name: UUID(lease.payload[field.name]) for field in fields(cls)})


async def enqueue(tx: TenantTx, job: JobBase, *, delay: float = 0.0) -> UUID:
    """Makes work a row in the transaction that makes it necessary."""
    return await Job.add(
        tx, lane_id=job.lane_id, queue=job.queue, kind=job.kind, payload=job.payload, delay=delay
    )


class Work:
    """A leased job while it runs: how long its worker may still begin an effect.

    Attributes:
        lease: What is held.
        lease_seconds: For how long, each time.
        next: The lane's next job, where it is held already.
    """

    def __init__(self, lease: Lease, lease_seconds: float, claimed_at: float) -> None:
        self.lease = lease
        self.lease_seconds = lease_seconds
        self.next: Work | None = None
        self.extend(claimed_at)

    @property
    def client_id(self) -> UUID:
        """Whose job it is."""
        return self.lease.client_id

    def extend(self, renewed_at: float) -> None:
        """Counts from a moment *before* the lease was taken or renewed, by the monotonic clock."""
        self._deadline = renewed_at + self.lease_seconds / 2

    def go_on(
        self, job: JobBase, job_id: UUID, held_at: float, parcel: dict[str, Any] | None
    ) -> None:
        """Goes on with the lane's next job under the same fence: what settled this one has begun that one.

        Args:
            job: The next job.
            job_id: Its row's id.
            held_at: A moment before the lane was held for it, by the monotonic clock.
            parcel: What it sends, where the intent to do so is written.
        """
        lease = replace(
            self.lease, kind=job.kind, job_id=job_id, payload=job.payload, attempts=1, turn=None, parcel=parcel
        )  # fmt: skip
        self.next = Work(lease, self.lease_seconds, held_at)

    def assert_mine(self) -> None:
        """To be called right before an effect that can't be taken back.

        Half the lease is left for the effect itself: a worker that was paused finds out here, not after sending.

        Raises:
            LeaseLost: Too much time has passed; another worker may hold the lane.
        """
        if time.monotonic() >= self._deadline:
            raise LeaseLost


Handler = Callable[[Work], Awaitable[None]]


def typed(job: type[Any], handler: Callable[[Any, Work], Awaitable[None]]) -> Handler:
    """A handler of leases from one of jobs."""

    async def run(work: Work) -> None:
        await handler(job.of(work.lease), work)

    return run
