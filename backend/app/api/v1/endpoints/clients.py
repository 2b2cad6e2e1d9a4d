"""Clients: the businesses that rent the service."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response

from app.api import etags
from app.api.deps import READERS, OwnTxDep, ServicesDep, TenantTxDep, require
from app.api.etags import IfMatch
from app.core.security import Principal, Role, Scope, hash_password
from app.models.client import Client
from app.schemas.clients import (
    ClientIn,
    ClientOut,
    ClientSummary,
    NewClientIn,
)
from app.schemas.processing import RecordOut
from app.services.orchestrator import clients, configuration
from app.services.orchestrator.processing import record

router = APIRouter(prefix="/v1/clients", tags=["clients"])

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.CLIENT_WRITE)]
OwnerReadsDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.CLIENT_READ)]
StaffDep = Annotated[Principal, require(*READERS, scope=Scope.CLIENT_READ)]
PlatformDep = Annotated[Principal, require(Role.PLATFORM, scope=Scope.PLATFORM)]


@router.get("/me")
async def read_mine(tx: TenantTxDep, _: StaffDep, response: Response) -> ClientOut:
    """The client whose credential this is."""
    return _shown(await Client.mine(tx), response)


@router.put("/me")
async def configure(
    given: ClientIn, tx: TenantTxDep, owner: OwnerDep, seen: IfMatch, response: Response
) -> ClientOut:
    """Replaces name and settings, and puts them in use at once; see `/v1/assistant` for drafts."""
    version = (await Client.mine(tx)).version
    etags.require(seen, etags.published(version))
    await configuration.publish(tx, given.name, given.settings, actor=owner.subject, over=version)
    return _shown(await Client.mine(tx), response)


@router.get("/me/record")
async def read_record(tx: OwnTxDep, _: OwnerReadsDep, services: ServicesDep) -> RecordOut:
    """The record of processing: what is processed of whom, who gets it, and for how long, as things are now."""
    return RecordOut.model_validate(await record(tx, services.surroundings))


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


def _shown(client: Client, response: Response) -> ClientOut:
    response.headers["ETag"] = etags.published(client.version)
    return ClientOut(
        id=client.id,
        name=client.name,
        slug=client.slug,
        version=client.version,
        is_active=client.is_active,
        suspended_for=client.suspended_for,
        settings=client.assistant,
    )
