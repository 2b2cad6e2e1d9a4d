"""Writing a client as a file: what reads back as no difference."""

from typing import Any

from app.core.multi_tenant import TenantTx
from app.models.channel_config import ChannelConfig
from app.models.client import Client
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource
from app.models.staff import Staff
from app.services.orchestrator import accounts
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.tenant_files import without_nothing


async def written(tx: TenantTx, channels: Channels) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A client as its file would say it, and the documents beside: paths and contents."""
    client = await Client.mine(tx)
    files: dict[str, bytes] = {}
    knowledge = []
    for source in await KnowledgeSource.names(tx):
        names = await KnowledgeDocument.of_source(tx, source)
        for name, document in names.items():
            whole = await KnowledgeDocument.get(tx, document.id, original=True)
            files[f"{client.slug}/{source}/{name}"] = whole.original or b""
        if names:
            knowledge.append({"source": source, "paths": [f"{client.slug}/{source}/*"]})
    table = {
        "slug": client.slug,
        "name": client.name,
        "settings": client.assistant.model_dump(),
        "quota": client.allowed.model_dump(),
        "staff": [
            {"email": one.email, "name": one.name, "role": one.role}
            for one in await Staff.all(tx)
            if one.is_active
        ],
        "channels": [
            accounts.as_part(channels, client.slug, account)
            for account in await ChannelConfig.of_kind(tx)
            if account.is_active
        ],
        "knowledge": knowledge,
    }
    found: dict[str, Any] = without_nothing(table)
    return found, files
