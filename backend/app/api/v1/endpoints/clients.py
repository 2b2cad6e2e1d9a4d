"""Clients: the businesses that rent the service."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.api import etags, once
from app.api.deps import READERS, OwnTxDep, PlatformDep, ServicesDep, TenantTxDep, require
from app.api.etags import IfMatch
from app.api.once import OnceRoute
from app.core.multi_tenant import TenantTx
from app.core.security import Principal, Role, Scope, hash_password
from app.models.client import Client, new_client_id
from app.models.idempotency import FoundingKey
from app.schemas.clients import (
    ClientIn,
    ClientOut,
    ClientSummary,
    NewClientIn,
)
from app.schemas.processing import RecordOut
from app.services.orchestrator import clients, configuration
from app.services.orchestrator.processing import record

router = APIRouter(prefix="/v1/clients", tags=["clients"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.CLIENT_WRITE)]
OwnerReadsDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.CLIENT_READ)]
StaffDep = Annotated[Principal, require(*READERS, scope=Scope.CLIENT_READ)]


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


@dataclass(frozen=True, slots=True)
class Founding:
    """A client that is to be made: its transaction, what was asked, and the owner's password as it is kept."""

    tx: TenantTx
    asked: NewClientIn
    password_hash: str


async def founding(
    given: NewClientIn, request: Request, services: ServicesDep, platform: PlatformDep
) -> AsyncIterator[Founding]:
    """Opens a transaction in the client that is asked for; hashing comes before, for that takes its time."""
    password_hash = await asyncio.to_thread(hash_password, given.owner.password)
    async with services.db.tenant(new_client_id()) as tx:
        await once.enter(request, services, tx, platform, FoundingKey)
        yield Founding(tx, given, password_hash)


FoundingDep = Annotated[Founding, Depends(founding, scope="function")]


@router.post("", status_code=201)
async def create(new: FoundingDep, services: ServicesDep, platform: PlatformDep) -> ClientSummary:
    """Makes a client with its first owner and a web chat."""
    asked = new.asked
    client = await clients.establish(
        new.tx,
        services.channels,
        name=asked.name,
        slug=asked.slug,
        settings=asked.settings,
        owner=(asked.owner.email, asked.owner.name, new.password_hash),
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
