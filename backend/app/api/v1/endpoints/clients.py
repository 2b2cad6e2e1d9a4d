"""Clients: the businesses that rent the service."""

import asyncio
from typing import Annotated

from fastapi import APIRouter

from app.api.deps import READERS, ServicesDep, TenantTxDep, require
from app.core.security import Principal, Role, Scope, hash_password
from app.models.audit import AuditEntry
from app.models.client import Client
from app.schemas.clients import (
    ClientIn,
    ClientOut,
    ClientSummary,
    NewClientIn,
)
from app.services.orchestrator import clients

router = APIRouter(prefix="/v1/clients", tags=["clients"])

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.CLIENT_WRITE)]
StaffDep = Annotated[Principal, require(*READERS, scope=Scope.CLIENT_READ)]
PlatformDep = Annotated[Principal, require(Role.PLATFORM, scope=Scope.PLATFORM)]


@router.get("/me")
async def read_mine(tx: TenantTxDep, _: StaffDep) -> ClientOut:
    """The client whose credential this is."""
    return _shown(await Client.mine(tx))


@router.put("/me")
async def configure(given: ClientIn, tx: TenantTxDep, owner: OwnerDep) -> ClientOut:
    """Replaces name and settings."""
    await Client.configure(tx, given.name, given.settings)
    await AuditEntry.add(tx, owner.subject, "client.configured", str(owner.client_id))
    return _shown(await Client.mine(tx))


@router.get("")
async def list_clients(services: ServicesDep, _: PlatformDep) -> list[ClientSummary]:
    """All clients, for whoever runs the installation; nothing of what is theirs."""
    async with services.db.directory() as tx:
        return [ClientSummary.model_validate(client) for client in await Client.every(tx)]


@router.post("", status_code=201)
async def create(given: NewClientIn, services: ServicesDep, platform: PlatformDep) -> ClientSummary:
    """Makes a client with its first owner and a web chat."""
    owner = (
        given.owner.email,
        given.owner.name,
        await asyncio.to_thread(hash_password, given.owner.password),
    )
    client = await clients.create(
        services.db,
        services.channels,
        name=given.name,
        slug=given.slug,
        settings=given.settings,
        owner=owner,
        actor=platform.subject,
    )
    return ClientSummary.model_validate(client)


def _shown(client: Client) -> ClientOut:
    return ClientOut(
        id=client.id,
        name=client.name,
        slug=client.slug,
        is_active=client.is_active,
        suspended_for=client.suspended_for,
        settings=client.assistant,
    )
