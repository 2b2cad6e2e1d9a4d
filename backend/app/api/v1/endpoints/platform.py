"""Clients as whoever runs the installation sees them: how they stand, what they use, nothing of what they say."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from app.api.deps import PlatformDep, ServicesDep
from app.api.v1.endpoints.admin import Days, priced
from app.core.errors import InvalidInput
from app.core.multi_tenant import TenantTx
from app.models.client import Client, Quota
from app.models.usage import UsageRecord
from app.schemas.admin import QuotaOut, UsageOut
from app.schemas.clients import ClientState, ResumeIn, SuspendIn
from app.schemas.leaving import ErasureIn, KeepIn
from app.services.orchestrator import clients, erasing

router = APIRouter(prefix="/v1/clients/{slug}", tags=["clients"])

Slug = Annotated[str, Path(min_length=2, max_length=100)]


async def named(
    slug: Slug, services: ServicesDep, platform: PlatformDep
) -> AsyncIterator[TenantTx]:
    """A transaction in the client that platform staff name: the only way to act for a client not one's own."""
    async with services.db.directory() as directory:
        client = await Client.find(directory, slug)
    async with services.db.tenant(client.id) as tx:
        yield tx


NamedTxDep = Annotated[TenantTx, Depends(named, scope="function")]


@router.get("")
async def read(tx: NamedTxDep, _: PlatformDep) -> ClientState:
    """How a client stands: whether it is served, what it may use and has used."""
    return await _state(tx)


@router.post("/suspend")
async def suspend(given: SuspendIn, tx: NamedTxDep, platform: PlatformDep) -> ClientState:
    """Stops serving a client: what it is sent is kept, nobody is answered, its staff only read."""
    await clients.suspend(tx, given.reason, actor=platform.subject)
    return await _state(tx)


@router.post("/resume")
async def resume(_: ResumeIn, tx: NamedTxDep, platform: PlatformDep) -> ClientState:
    """Serves a client again. Who wrote meanwhile waits in its inbox."""
    await clients.resume(tx, actor=platform.subject)
    return await _state(tx)


@router.put("/quota")
async def allow(given: Quota, tx: NamedTxDep, platform: PlatformDep) -> ClientState:
    """Sets what a client may use in a month; what isn't named is unlimited."""
    await clients.allow(tx, given, actor=platform.subject)
    return await _state(tx)


@router.post("/erasure")
async def erase(given: ErasureIn, tx: NamedTxDep, platform: PlatformDep, slug: Slug) -> ClientState:
    """Says that a client leaves: it is suspended now, and erased after some days unless it is kept after all."""
    if given.confirm != slug:
        raise InvalidInput("Say the slug once more, to be sure.", pointer="/confirm")
    await erasing.request(tx, days=given.days, actor=platform.subject)
    return await _state(tx)


@router.post("/keep")
async def keep(_: KeepIn, tx: NamedTxDep, platform: PlatformDep) -> ClientState:
    """Keeps a client that was to be erased."""
    await erasing.keep(tx, actor=platform.subject)
    return await _state(tx)


@router.get("/usage")
async def usage(
    tx: NamedTxDep, _: PlatformDep, services: ServicesDep, days: Days = 31
) -> list[UsageOut]:
    """Answers, tokens and cost of a client by day, model and channel."""
    return priced(await UsageRecord.by_day(tx, days), services.prices)


async def _state(tx: TenantTx) -> ClientState:
    client = await Client.mine(tx)
    return ClientState(
        id=client.id,
        name=client.name,
        slug=client.slug,
        is_active=client.is_active,
        created_at=client.created_at,
        suspended_at=client.suspended_at,
        suspended_for=client.suspended_for,
        erase_at=client.erase_at,
        quota=QuotaOut.model_validate(
            {"allowed": client.allowed, "used": await UsageRecord.this_month(tx)}
        ),
    )
