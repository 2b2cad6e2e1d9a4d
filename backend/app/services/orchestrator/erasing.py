"""Being forgotten: a contact at once, a client when its time has come. A receipt without personal data stays."""

from collections import Counter
from uuid import UUID

import orjson
import structlog

from app.core.multi_tenant import Database, TenantTx, cipher_of, client_of
from app.models import erasure
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.contact import Contact
from app.models.export import Export
from app.models.inbound_event import InboundEvent, event_key
from app.services.cache.base import Cache
from app.services.keyring import Keyring
from app.services.knowledge.base import VectorStore, namespace_of

log = structlog.get_logger(__name__)

REASON = "This business is leaving, and will be erased."
DAYS = 30
"""How long a client can be kept after all."""

MOST_EVENTS = 100_000


class Eraser:
    """Erases. Each step may run again: what is gone is gone."""

    def __init__(
        self, db: Database, keyless: Database, keyring: Keyring, cache: Cache, vectors: VectorStore
    ) -> None:
        """Takes what holds something of a client.

        Args:
            db: Opens scopes with the client's key.
            keyless: Opens them without: a client's key goes before its last rows do.
            keyring: Destroys keys.
            cache: Holds sessions and answers.
            vectors: Holds vectors.
        """
        self._db = db
        self._keyless = keyless
        self._keyring = keyring
        self._cache = cache
        self._vectors = vectors

    async def contact(self, client_id: UUID, contact_id: UUID, *, actor: str) -> dict[str, int]:
        """Erases one contact, and tells how much it was.

        Raises:
            NotFound: There is no such contact.
        """
        async with self._db.tenant(client_id) as tx:
            addresses = await Contact.addresses(tx, contact_id)
            conversations = await erasure.conversations_of(tx, [contact_id])
            mentions = await _mentions(tx, addresses)
            counts = await erasure.erase_contacts(tx, [contact_id], conversations)
            counts["exports"] = await Export.drop_holding(tx, contact_id)
            counts["inbound_events"] = await erasure.drop_events(tx, mentions)
            await Client.knowledge_changed(tx)  # Kept answers may repeat what was asked.
            await AuditEntry.add(tx, actor, "contact.erased", str(contact_id), counts)
        await self._forget(client_id, conversations)
        return counts

    async def due(self) -> int:
        """Erases the clients whose time has come; gives how many they were."""
        async with self._keyless.directory() as directory:
            clients = await erasure.due(directory)
        for client_id in clients:
            await self.client(client_id)
        return len(clients)

    async def client(self, client_id: UUID) -> None:
        """Erases a client whose time has come: in bounded steps, its key before the last of them."""
        counts: Counter[str] = Counter()
        while await self._some_contacts(client_id, counts):
            pass
        while await self._some_documents(client_id, counts):
            pass
        await self._cache.forget(f"answer:{client_id}:")
        await self._cache.forget(f"session:{client_id}:")
        await self._keyring.destroy(client_id)
        async with self._keyless.tenant(client_id) as tx:
            await AuditEntry.add(tx, "system", "client.erased", str(client_id), dict(counts))
            await erasure.erase_client(tx)
        log.info("client_erased", client_id=client_id)

    async def _some_contacts(self, client_id: UUID, counts: Counter[str]) -> bool:
        async with self._keyless.tenant(client_id) as tx:
            contacts = await erasure.some_contacts(tx)
            conversations = await erasure.conversations_of(tx, contacts)
            counts.update(await erasure.erase_contacts(tx, contacts, conversations))
        return bool(contacts)

    async def _some_documents(self, client_id: UUID, counts: Counter[str]) -> bool:
        async with self._keyless.tenant(client_id) as tx:
            documents = await erasure.some_documents(tx)
        for document_id in documents:
            await self._vectors.delete(namespace_of(client_id), document_id)
        async with self._keyless.tenant(client_id) as tx:
            counts["documents"] += await erasure.forget_documents(tx, documents)
        return bool(documents)

    async def _forget(self, client_id: UUID, conversations: list[UUID]) -> None:
        for conversation_id in conversations:
            await self._cache.delete(f"session:{client_id}:{conversation_id}")
        await self._cache.forget(f"answer:{client_id}:")


async def request(tx: TenantTx, *, days: float, actor: str) -> None:
    """Says that a client leaves: it is suspended now, and erased after so many days unless it is kept."""
    await Client.suspend(tx, REASON)
    await Client.erase_after(tx, days)
    details = {"days": days}
    await AuditEntry.add(tx, actor, "client.erasure_requested", str(client_of(tx)), details)


async def keep(tx: TenantTx, *, actor: str) -> None:
    """Keeps a client after all, and serves it again."""
    await Client.erase_after(tx, None)
    await Client.resume(tx)
    await AuditEntry.add(tx, actor, "client.kept", str(client_of(tx)))


async def _mentions(tx: TenantTx, addresses: list[str]) -> list[tuple[UUID, bytes]]:
    """Events that were kept unprocessed and name one of these addresses."""
    found = []
    for event in await InboundEvent.unprocessed(tx, MOST_EVENTS):
        text = orjson.dumps([event.event_key, event.raw], default=str).decode()
        if any(address in text for address in addresses):
            found.append((event.account_id, event_key(cipher_of(tx), event.event_key)))
    return found
