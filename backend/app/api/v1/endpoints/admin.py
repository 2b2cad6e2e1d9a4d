"""What needs a person's eye: jobs that failed for good, events that weren't processed, what it cost."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.deps import ServicesDep, TenantTxDep, require
from app.api.once import OnceRoute
from app.core.multi_tenant import Row
from app.core.security import Principal, Role, Scope
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.inbound_event import InboundEvent
from app.models.job import Job
from app.models.usage import UsageRecord
from app.schemas.admin import AuditOut, KeptEventOut, QuotaOut, UsageOut
from app.schemas.conversations import JobOut
from app.services.ai.prices import Prices

router = APIRouter(prefix="/v1", tags=["admin"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.ADMIN)]
Days = Annotated[int, Query(ge=1, le=366)]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/jobs/parked")
async def parked_jobs(tx: TenantTxDep, _: OwnerDep, limit: Limit = 100) -> list[JobOut]:
    """Work that failed for good, newest first."""
    return [JobOut.model_validate(job) for job in await Job.parked(tx, limit)]


@router.post("/jobs/{job_id}/replay", status_code=202)
async def replay_job(job_id: UUID, tx: TenantTxDep, owner: OwnerDep) -> dict[str, Any]:
    """Tries parked work again. What is done already isn't done twice."""
    await Job.replay(tx, job_id)
    await AuditEntry.add(tx, owner.subject, "job.replayed", str(job_id))
    return {}


@router.get("/inbound-events")
async def kept_events(tx: TenantTxDep, _: OwnerDep, limit: Limit = 100) -> list[KeptEventOut]:
    """What platforms told us that wasn't processed: unparsed, unrouted, quarantined."""
    return [
        KeptEventOut.model_validate(event) for event in await InboundEvent.unprocessed(tx, limit)
    ]


@router.get("/usage")
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


@router.get("/audit")
async def audit(tx: TenantTxDep, _: OwnerDep, limit: Limit = 100) -> list[AuditOut]:
    """Who did what, newest first."""
    return [AuditOut.model_validate(entry) for entry in await AuditEntry.latest(tx, limit)]
