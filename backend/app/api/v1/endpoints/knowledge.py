"""Knowledge: what the assistant's answers rest on."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Query, UploadFile

from app.api.deps import (
    READERS,
    LanguageDep,
    PrincipalDep,
    ServicesDep,
    TenantTxDep,
    require,
    sheds,
)
from app.api.once import OnceRoute
from app.core import wording
from app.core.security import Principal, Role, Scope
from app.core.shedding import Shed
from app.models.knowledge_base import KnowledgeDocument
from app.schemas.knowledge import AnswerOut, CitationOut, DocumentOut, PassageOut, QuestionIn
from app.services.ai.nlu_service import language_of
from app.services.orchestrator import library

router = APIRouter(prefix="/v1", tags=["knowledge"], route_class=OnceRoute)

MOST_BYTES = library.MOST_BYTES + 64 * 1024
OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.KNOWLEDGE_WRITE)]
StaffDep = Annotated[Principal, require(*READERS, scope=Scope.KNOWLEDGE_READ)]


@router.get("/documents")
async def list_documents(tx: TenantTxDep, _: StaffDep, language: LanguageDep) -> list[DocumentOut]:
    """The client's documents, newest first, with how far their indexing has come."""
    return [_shown(document, language) for document in await KnowledgeDocument.all(tx)]


@router.post(
    "/documents",
    status_code=202,
    max_body_size=MOST_BYTES,
    dependencies=[sheds(Shed.INDEXING)],
)
async def add_document(
    file: Annotated[UploadFile, File()], tx: TenantTxDep, owner: OwnerDep, language: LanguageDep
) -> DocumentOut:
    """Takes a file to be learned: text, Markdown, HTML, PDF, DOCX, or CSV of questions and answers."""
    content = await file.read(library.MOST_BYTES + 1)
    document_id = await library.add(
        tx,
        content,
        filename=file.filename or "",
        media_type=file.content_type or "application/octet-stream",
        actor=owner.subject,
    )
    return _shown(await KnowledgeDocument.get(tx, document_id), language)


@router.get("/documents/{document_id}")
async def read_document(
    document_id: UUID, tx: TenantTxDep, _: StaffDep, language: LanguageDep
) -> DocumentOut:
    """One document."""
    return _shown(await KnowledgeDocument.get(tx, document_id), language)


@router.delete("/documents/{document_id}", status_code=204)
async def remove_document(document_id: UUID, tx: TenantTxDep, owner: OwnerDep) -> None:
    """Forgets a document."""
    await library.remove(tx, document_id, actor=owner.subject)


@router.get("/search")
async def search(
    principal: PrincipalDep,
    _: StaffDep,
    services: ServicesDep,
    q: Annotated[str, Query(min_length=1, max_length=2000)],
    limit: Annotated[int, Query(ge=1, le=20)] = 6,
) -> list[PassageOut]:
    """The passages a question would be answered from."""
    language = language_of(q) or "ar"
    found = await services.retriever.retrieve(principal.client_id, q, language, limit=limit)
    return [PassageOut.model_validate(passage) for passage in found]


@router.post("/answers")
async def ask(
    given: QuestionIn, principal: PrincipalDep, _: StaffDep, services: ServicesDep
) -> AnswerOut:
    """Asks once, outside any conversation."""
    answer = await services.answers.ask(principal.client_id, given.question)
    return AnswerOut(
        answer=answer.text,
        language=answer.language,
        citations=[
            CitationOut(number=c.number, title=c.passage.title, quote=c.quote, url=c.passage.url)
            for c in answer.citations
        ],
        grounded=answer.grounded,
        offer_human=answer.offer_human,
        model=answer.model,
    )


def _shown(document: KnowledgeDocument, language: str) -> DocumentOut:
    return DocumentOut(
        id=document.id,
        title=document.title,
        media_type=document.media_type,
        status=document.status,
        progress=document.progress,
        error=wording.within(document.error, language) if document.error else None,
        doubtful_pages=document.doubtful_pages,
        created_at=document.created_at,
    )
