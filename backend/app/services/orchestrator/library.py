"""What a business teaches: files come in, and work to learn them is enqueued."""

import hashlib
from pathlib import PurePath
from uuid import UUID

from app.core.errors import InvalidInput, TooLarge
from app.core.multi_tenant import TenantTx
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.job import Job
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource, Upload
from app.services.knowledge.indexer import Indexer
from app.services.orchestrator.jobs import IndexDocument
from app.services.orchestrator.standing import require_room
from app.services.queue.jobs import Work, enqueue

MOST_BYTES = 20 * 1024 * 1024
UPLOADS = "uploads"


async def add(
    tx: TenantTx,
    content: bytes,
    *,
    filename: str,
    media_type: str,
    actor: str,
    source: str = UPLOADS,
) -> UUID:
    """Keeps a file and enqueues its learning. The same file again costs nothing.

    Raises:
        InvalidInput: The file is empty or has no name.
        TooLarge: It is larger than 20 MB.
        QuotaExceeded: The client may keep no more.
    """
    name = PurePath(filename.replace("\\", "/")).name.replace("\0", "")[:200]
    if not content or not name:
        raise InvalidInput("Send a file with a name and something in it.", pointer="/file")
    if len(content) > MOST_BYTES:
        raise TooLarge("A file may have 20 MB at the most. Split it, or leave pictures out.")
    await require_room(tx, len(content))
    source_id = await KnowledgeSource.named(tx, source)
    digest = hashlib.sha256(content).hexdigest()
    upload = Upload(source_id, name, media_type, content, digest, filename=name)
    document_id = await KnowledgeDocument.put(tx, upload)
    if document_id is None:
        return await KnowledgeDocument.id_of(tx, source_id, name)
    await enqueue(tx, IndexDocument(document_id))
    await AuditEntry.add(tx, actor, "document.added", str(document_id))
    return document_id


async def remove(tx: TenantTx, document_id: UUID, *, actor: str) -> None:
    """Forgets a document; answers no longer rest on it.

    Raises:
        NotFound: There is none.
    """
    await KnowledgeDocument.remove(tx, document_id)
    await Client.knowledge_changed(tx)
    await AuditEntry.add(tx, actor, "document.removed", str(document_id))


class Librarian:
    """Learns documents, one job at a time."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer

    async def index(self, job: IndexDocument, work: Work) -> None:
        """Learns one document; that the job is done is part of the transaction that shows what was learned."""

        async def finish(tx: TenantTx) -> None:
            await Client.knowledge_changed(tx)
            await Job.settle(tx, work.lease)

        await self._indexer.index(work.client_id, job.document_id, finish=finish)
