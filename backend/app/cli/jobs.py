"""Parked jobs: what failed for good, and trying it again."""

from uuid import UUID

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.models.audit import AuditEntry
from app.models.job import Job, JobRef


def every(slug: str | None) -> list[JobRef]:
    """Parked jobs, newest first."""

    async def work(here: Installation) -> list[JobRef]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return await Job.parked(tx)

    return with_services(work)


def replay(slug: str | None, job_id: UUID) -> None:
    """Puts a parked job back on its lane."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            await Job.replay(tx, job_id)
            await AuditEntry.add(tx, "cli", "job.replayed", str(job_id))
        await here.finish()

    with_services(work, embedder=True)
