"""What `wafaa up` has done before anybody is served: tables, and the demo with all that it teaches."""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.bootstrap import Services, bootstrap
from app.cli.migrating import bring_up
from app.cli.output import say, to_json
from app.cli.seed import Seeded, seed
from app.core.config import Settings
from app.core.observability import configure_logging
from app.models.knowledge_base import KnowledgeDocument

LEARNING_SECONDS = 180.0


def prepare(settings: Settings, *, demo: bool) -> None:
    """Begins when its input ends; tells each step as a line of JSON: ``migrated``, ``learning``, ``done``."""
    configure_logging(json=settings.log_json)
    if not sys.stdin.isatty():
        sys.stdin.read()
    asyncio.run(_prepare(settings.model_copy(update={"pool_size": 5}), demo=demo))


async def _prepare(settings: Settings, *, demo: bool) -> None:
    await bring_up(settings)
    _tell("migrated")
    if not demo:
        return _tell("done", clients=[])
    services = bootstrap(settings)
    try:
        seeded = await seed(services)
        failed = await _until_learned(services, seeded)
    finally:
        await services.close()
    return _tell("done", clients=[one.told() for one in seeded], failed=failed)


async def _until_learned(services: Services, seeded: Sequence[Seeded]) -> list[str]:
    """Waits for the workers to learn what was added; names what they could not."""
    ends = time.monotonic() + LEARNING_SECONDS
    while True:
        documents = [
            document
            for one in seeded
            for document in await _documents(services, one.client_id, one.document_ids)
        ]
        waiting = [d for d in documents if d.status not in ("ready", "failed")]
        if not waiting or time.monotonic() > ends:
            return [d.title for d in documents if d.status != "ready"]
        _tell("learning", part=sum(d.progress for d in documents) / len(documents))
        await asyncio.sleep(0.2)


async def _documents(
    services: Services, client_id: UUID, ids: frozenset[UUID]
) -> list[KnowledgeDocument]:
    async with services.db.tenant(client_id) as tx:
        return [document for document in await KnowledgeDocument.all(tx) if document.id in ids]


def _tell(step: str, **more: Any) -> None:
    say(to_json({"step": step, **more}))
