"""Taking data along, being forgotten, and what contacts agreed to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from app.api.deps import READERS, OwnTxDep, ServicesDep, TenantTxDep, require
from app.api.once import OnceRoute
from app.core.errors import NotFound
from app.core.security import Principal, Role, Scope
from app.models.audit import AuditEntry
from app.models.consent import Consent
from app.models.contact import Contact
from app.models.export import Export
from app.schemas.leaving import (
    ConsentIn,
    ConsentOut,
    EraseContactIn,
    ErasedOut,
    ExportIn,
    ExportOut,
)
from app.services.orchestrator import consents, exporting

router = APIRouter(prefix="/v1", tags=["admin"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.ADMIN)]
AgentDep = Annotated[Principal, require(Role.OWNER, Role.AGENT, scope=Scope.CONVERSATIONS_WRITE)]
ReaderDep = Annotated[Principal, require(*READERS, scope=Scope.CONVERSATIONS_READ)]
Ticket = Annotated[str, Path(max_length=200)]


@router.post("/exports", status_code=202)
async def export(given: ExportIn, owner: OwnerDep, tx: OwnTxDep) -> ExportOut:
    """Begins a copy of everything of the business, or of one contact. A suspended business gets one as well."""
    export_id = await exporting.request(tx, given.contact, actor=owner.subject)
    return _shown(await Export.get(tx, export_id), None)


@router.get("/exports/{export_id}")
async def read_export(
    export_id: UUID, owner: OwnerDep, tx: OwnTxDep, services: ServicesDep
) -> ExportOut:
    """How far a copy is; once it is ready, with a link for five minutes."""
    found = await Export.get(tx, export_id)
    ticket = services.links.ticket(owner.client_id, found.id) if found.ready_at else None
    return _shown(found, f"/v1/exports/files/{ticket}" if ticket else None)


@router.get("/exports/files/{ticket}", response_class=StreamingResponse)
async def fetch(ticket: Ticket, services: ServicesDep) -> StreamingResponse:
    """The copy that a link opens, as a ZIP."""
    client_id, export_id = services.links.read(ticket)
    async with services.db.tenant(client_id) as tx:
        found = await Export.get(tx, export_id)
    if found.ready_at is None:
        raise NotFound
    headers = {
        "Content-Disposition": f'attachment; filename="export-{export_id}.zip"',
        "Content-Length": str(found.size),
        "Cache-Control": "no-store",
    }
    parts = services.exporter.read(client_id, export_id)
    return StreamingResponse(parts, media_type="application/zip", headers=headers)


@router.post("/contacts/{contact_id}/erasure")
async def erase_contact(
    contact_id: UUID, _: EraseContactIn, owner: OwnerDep, services: ServicesDep
) -> ErasedOut:
    """Forgets a contact: what they said and were told, what waits for them, and copies to take along that hold it.

    There is no way back.
    """
    counts = await services.eraser.contact(owner.client_id, contact_id, actor=owner.subject)
    return ErasedOut(erased=counts)


@router.get("/contacts/{contact_id}/consents")
async def read_consents(contact_id: UUID, tx: TenantTxDep, _: ReaderDep) -> list[ConsentOut]:
    """What a contact agreed to or refused, newest first."""
    await Contact.addresses(tx, contact_id)
    return [ConsentOut.model_validate(one) for one in await Consent.of_contact(tx, contact_id)]


@router.post("/contacts/{contact_id}/consents", status_code=201)
async def note_consent(
    contact_id: UUID, given: ConsentIn, tx: TenantTxDep, agent: AgentDep
) -> list[ConsentOut]:
    """Notes what a contact told a colleague about hearing from us unasked; it counts at once."""
    await Contact.addresses(tx, contact_id)
    await consents.note(
        tx, contact_id, granted=given.granted, source="staff", wording=given.wording
    )
    await AuditEntry.add(
        tx, agent.subject, "contact.consent_noted", str(contact_id), {"granted": given.granted}
    )
    return [ConsentOut.model_validate(one) for one in await Consent.of_contact(tx, contact_id)]


def _shown(export: Export, url: str | None) -> ExportOut:
    return ExportOut(
        id=export.id,
        contact_id=export.contact_id,
        state=export.state,
        size=export.size,
        created_at=export.created_at,
        ready_at=export.ready_at,
        url=url,
    )
