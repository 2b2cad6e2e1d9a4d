"""Parked jobs: what failed for good, and trying it again."""

from datetime import UTC, datetime
from uuid import UUID

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.models import parked
from app.models.audit import AuditEntry
from app.models.job import JobRef
from app.models.parked import ParkedFilter


def meant(
    kind: str | None, code: str | None, since: datetime | None, until: datetime | None
) -> ParkedFilter:
    """Which jobs are meant; times are UTC."""
    return ParkedFilter(
        kind, code, since and since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC)
    )


def every(slug: str | None, wanted: ParkedFilter) -> list[JobRef]:
    """Parked jobs, newest first."""

    async def work(here: Installation) -> list[JobRef]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return await parked.find(tx, wanted)

    return with_services(work)


def one(slug: str | None, job_id: UUID) -> JobRef:
    """One job."""

    async def work(here: Installation) -> JobRef:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return await parked.get(tx, job_id)

    return with_services(work)


def replay(slug: str | None, job_id: UUID) -> None:
    """Puts a parked job back on its lane."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            if await parked.replay(tx, job_id):
                await AuditEntry.add(tx, "cli", "job.replayed", str(job_id))
        await here.finish()

    with_services(work, embedder=True)


def replay_all(slug: str | None, wanted: ParkedFilter) -> int:
    """Puts all parked jobs that are meant back on their lanes; tells how many."""

    async def work(here: Installation) -> int:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            count = await parked.replay_all(tx, wanted)
            await AuditEntry.add(tx, "cli", "jobs.replayed", str(count))
        await here.finish()
        return count

    return with_services(work, embedder=True)
