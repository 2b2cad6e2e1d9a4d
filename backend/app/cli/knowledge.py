"""Teaching files, listing and searching what was taught."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import Progress
from app.models.knowledge_base import KnowledgeDocument
from app.services.ai.nlu_service import language_of
from app.services.orchestrator import library
from app.utils.media import media_type

_SHOWN = (
    "document_id",
    "title",
    "text",
    "language",
    "score",
    "question",
    "dense",
    "lexical",
    "url",
)
_SETTLED = ("ready", "failed")


def add(files: Sequence[Path], slug: str | None, seconds: float) -> list[dict[str, Any]]:
    """Teaches files and waits until they are learned, or for so long; gives what became of each."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        client = await choose_client(here.services, slug)
        ids = [await _add(here, client.id, path) for path in files]
        async with here.at_work():
            return await _until_learned(here, client.id, ids, seconds)

    return with_services(work, embedder=True)


async def _add(here: Installation, client_id: UUID, path: Path) -> UUID:
    content = await asyncio.to_thread(path.read_bytes)
    async with here.services.db.tenant(client_id) as tx:
        return await library.add(
            tx, content, filename=path.name, media_type=media_type(path), actor="cli"
        )


async def _until_learned(
    here: Installation, client_id: UUID, ids: Sequence[UUID], seconds: float
) -> list[dict[str, Any]]:
    progress = Progress()
    ends = time.monotonic() + seconds
    while True:
        async with here.services.db.tenant(client_id) as tx:
            found = [await KnowledgeDocument.get(tx, document_id) for document_id in ids]
        if all(d.status in _SETTLED for d in found) or time.monotonic() > ends:
            progress.clear()
            return [_shown(document) for document in found]
        progress.at("Learning", sum(document.progress for document in found) / len(found))
        await asyncio.sleep(0.2)


def every(slug: str | None) -> list[dict[str, Any]]:
    """What was taught, newest first."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return [_shown(document) for document in await KnowledgeDocument.all(tx)]

    return with_services(work)


def search(query: str, slug: str | None, limit: int) -> list[dict[str, Any]]:
    """The passages that a question would be answered from."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        client = await choose_client(here.services, slug)
        language = language_of(query) or "ar"
        found = await here.services.retriever.retrieve(client.id, query, language, limit=limit)
        return [{name: getattr(passage, name) for name in _SHOWN} for passage in found]

    return with_services(work, embedder=True)


def _shown(document: KnowledgeDocument) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "media_type": document.media_type,
        "status": document.status,
        "progress": document.progress,
        "passages": document.chunk_count,
        "error": document.error,
        "doubtful_pages": document.doubtful_pages,
        "updated_at": document.updated_at,
    }
