"""What needs a person's eye: jobs that failed for good, events that weren't processed, what it cost."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.deps import ServicesDep, TenantTxDep, require, sheds
from app.api.once import OnceRoute
from app.core.multi_tenant import Row
from app.core.security import Principal, Role, Scope
from app.core.shedding import Shed
from app.models import parked
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.inbound_event import InboundEvent
from app.models.usage import UsageRecord
from app.schemas.admin import AuditOut, KeptEventOut, ParkedIn, QuotaOut, ReplayedOut, UsageOut
from app.schemas.conversations import JobOut
from app.services.ai.prices import Prices

router = APIRouter(prefix="/v1", tags=["admin"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.ADMIN)]
Days = Annotated[int, Query(ge=1, le=366)]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/jobs/parked")
async def parked_jobs(
    tx: TenantTxDep, _: OwnerDep, meant: Annotated[ParkedIn, Query()]
) -> list[JobOut]:
    """Work that failed for good, newest first."""
    return [JobOut.model_validate(job) for job in await parked.find(tx, meant.filter, meant.limit)]


@router.get("/jobs/{job_id}")
async def job(job_id: UUID, tx: TenantTxDep, _: OwnerDep) -> JobOut:
    """One job: what it is about, how often it was tried, and what went wrong."""
    return JobOut.model_validate(await parked.get(tx, job_id))


@router.post("/jobs/{job_id}/replay", status_code=202)
async def replay_job(job_id: UUID, tx: TenantTxDep, owner: OwnerDep) -> ReplayedOut:
    """Tries parked work again. What is done already isn't done twice."""
    replayed = int(await parked.replay(tx, job_id))
    if replayed:
        await AuditEntry.add(tx, owner.subject, "job.replayed", str(job_id))
    return ReplayedOut(replayed=replayed)


@router.post("/replays", status_code=202)
async def replay_jobs(given: ParkedIn, tx: TenantTxDep, owner: OwnerDep) -> ReplayedOut:
    """Tries all parked work that is meant again, the oldest first."""
    replayed = await parked.replay_all(tx, given.filter, given.limit)
    meant = given.model_dump(mode="json", exclude_none=True)
    await AuditEntry.add(tx, owner.subject, "jobs.replayed", str(replayed), meant)
    return ReplayedOut(replayed=replayed)


@router.get("/inbound-events")
async def kept_events(tx: TenantTxDep, _: OwnerDep, limit: Limit = 100) -> list[KeptEventOut]:
    """What platforms told us that wasn't processed: unparsed, unrouted, quarantined, buried."""
    return [
        KeptEventOut.model_validate(event) for event in await InboundEvent.unprocessed(tx, limit)
    ]


@router.get("/usage", dependencies=[sheds(Shed.ANALYTICS)])
async def usage(
    tx: TenantTxDep, _: OwnerDep, services: ServicesDep, days: Days = 31
) -> list[UsageOut]:
    """Answers, tokens and cost by day, model and channel."""
    return priced(await UsageRecord.by_day(tx, days), services.prices)


def priced(rows: Sequence[Row], prices: Prices) -> list[UsageOut]:
    """Usage with what it cost."""
    return [
        UsageOut(
            **row,
            cost_usd=prices.cost(row["model"], row["input_tokens"], row["output_tokens"]),
        )
        for row in rows
    ]


@router.get("/quota")
async def quota(tx: TenantTxDep, _: OwnerDep) -> QuotaOut:
    """What the business may use in a month, and what it has used."""
    return QuotaOut(allowed=(await Client.mine(tx)).allowed, used=await UsageRecord.this_month(tx))


@router.get("/audit", dependencies=[sheds(Shed.ANALYTICS)])
async def audit(tx: TenantTxDep, _: OwnerDep, limit: Limit = 100) -> list[AuditOut]:
    """Who did what, newest first."""
    return [AuditOut.model_validate(entry) for entry in await AuditEntry.latest(tx, limit)]
