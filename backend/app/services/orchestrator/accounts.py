"""Connecting channels: an account is checked, sealed, and its platform id claimed for its client."""

import secrets
from typing import Any

from app.core.multi_tenant import TenantTx, client_of
from app.models.audit import AuditEntry
from app.models.channel_config import ChannelAccount, ChannelConfig, new_account_id
from app.services.orchestrator.channels import Channels

EXTERNAL_ID = {"whatsapp": "phone_number_id"}
"""Which field of a channel's form is the platform's id of the account; others get a public key of ours."""


async def connect(
    tx: TenantTx, channels: Channels, kind: str, name: str, fields: dict[str, Any], *, actor: str
) -> ChannelAccount:
    """Connects a channel account.

    Raises:
        NotFound: There is no such channel.
        InvalidInput: A field is missing or wrong; its pointer says which.
        Conflict: The platform's account is connected already.
    """
    channels.build(kind, fields)
    external_id = (
        str(fields[EXTERNAL_ID[kind]]) if kind in EXTERNAL_ID else f"pk_{secrets.token_hex(16)}"
    )
    account = ChannelAccount(client_of(tx), new_account_id(), kind, name, external_id, fields, True)
    await ChannelConfig.add(tx, account)
    if kind == "web":
        await ChannelConfig.allow_origins(tx, account.id, list(channels.origins(fields)))
    await AuditEntry.add(tx, actor, "channel.connected", str(account.id), {"kind": kind})
    return account
