"""Keeping things no longer than a client says, in the background and in small steps."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.core.multi_tenant import Database
from app.models import retention
from app.models.client import Client, Retention
from app.models.export import Export
from app.models.retention import BATCH

log = structlog.get_logger(__name__)


class Forgetter:
    """Erases what is older than its client wants it kept."""

    def __init__(self, db: Database) -> None:
        """Takes a database that needs no keys: nothing is opened."""
        self._db = db

    async def all(self) -> None:
        """Looks at every client."""
        async with self._db.directory() as directory:
            clients = await Client.every(directory)
        for client in clients:
            await self.client(client.id)

    async def client(self, client_id: UUID) -> dict[str, int]:
        """Erases what is too old of one client; gives how much that was."""
        async with self._db.tenant(client_id) as tx:
            kept = await Client.rules(tx)
            now: datetime = await tx.value("SELECT now()")
            await Export.drop_old(tx)
        counts = {
            what: await self._forget(client_id, what, now - timedelta(days=days))
            for what, days in _rules(kept)
        }
        if any(counts.values()):
            log.info("old_things_forgotten", client_id=client_id, rows=sum(counts.values()))
        return counts

    async def _forget(self, client_id: UUID, what: str, before: datetime) -> int:
        total = 0
        while True:
            async with self._db.tenant(client_id) as tx:
                gone = await retention.forget(tx, what, before)
            total += gone
            if gone < BATCH:
                return total


def _rules(kept: Retention) -> Iterator[tuple[str, int]]:
    """What is forgotten after how many days; conversations and contacts go with the last of their messages."""
    for what in ("traces", "attachments", "raw_events", "messages"):
        days = getattr(kept, what)
        if days is not None:
            yield what, days
    if kept.messages is not None:
        yield "conversations", kept.messages
        yield "contacts", kept.messages
