"""What an installation has kept of each contact's words, for the checker."""

import json
from collections import defaultdict
from uuid import UUID

from app.bootstrap import bootstrap
from app.core.config import Settings
from app.core.multi_tenant import TenantTx
from app.models.client import Client
from app.models.contact import Contact
from app.models.message import Message

_SAID = """
SELECT c.contact_id, m.* FROM messages m JOIN conversations c ON c.client_id = m.client_id AND c.id = m.conversation_id
WHERE m.client_id = app.current_client() AND m.author = 'contact' ORDER BY m.conversation_id, m.seq
"""


async def kept(settings: Settings, slug: str) -> list[str]:
    """One line of history a contact: the platform's ids of their messages, in the order of their conversation."""
    services = bootstrap(settings)
    try:
        async with services.db.directory() as tx:
            client = await Client.find(tx, slug)
        async with services.db.tenant(client.id) as tx:
            return [
                json.dumps({"record": "Kept", "addresses": addresses, "ids": ids})
                for addresses, ids in await _by_contact(tx)
            ]
    finally:
        await services.close()


async def _by_contact(tx: TenantTx) -> list[tuple[list[str], list[str | None]]]:
    said: dict[UUID, list[str | None]] = defaultdict(list)
    for row in map(dict, await tx.all(_SAID)):
        contact = row.pop("contact_id")
        said[contact].append(Message.opened(tx, row).platform_message_id)
    return [(await Contact.addresses(tx, contact), ids) for contact, ids in said.items()]
