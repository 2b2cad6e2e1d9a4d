"""Connecting channels: an account is checked, sealed, and its platform id claimed for its client."""

import secrets
from dataclasses import replace
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


async def reconnect(
    tx: TenantTx,
    channels: Channels,
    account: ChannelAccount,
    name: str,
    fields: dict[str, Any],
    *,
    actor: str,
) -> None:
    """Gives a connected account another name and other fields; the platform's id of it stays.

    Raises:
        InvalidInput: A field is missing or wrong; its pointer says which.
    """
    channels.build(account.kind, fields)
    changed = replace(account, name=name, fields=fields)
    await ChannelConfig.change(tx, changed)
    if account.kind == "web":
        await ChannelConfig.allow_origins(tx, account.id, list(channels.origins(fields)))
    await AuditEntry.add(tx, actor, "channel.changed", str(account.id), {"kind": account.kind})


async def disconnect(tx: TenantTx, account: ChannelAccount, *, actor: str) -> None:
    """Stops an account: nothing comes in on it or goes out. What was said on it stays."""
    await ChannelConfig.stop(tx, account.id)
    await AuditEntry.add(tx, actor, "channel.disconnected", str(account.id), {"kind": account.kind})


def secrets_of(channels: Channels, kind: str) -> frozenset[str]:
    """The fields of a channel's form that are secrets."""
    return frozenset(
        name
        for name, told in channels.form(kind).get("properties", {}).items()
        if any(one.get("writeOnly") for one in (told, *told.get("anyOf", ())))
    )


def as_part(channels: Channels, slug: str, account: ChannelAccount) -> dict[str, Any]:
    """An account as a file says it: secrets by the environment variables that will hold them."""
    fields = {n: v for n, v in account.fields.items() if v is not None}
    secret = secrets_of(channels, account.kind)
    prefix = f"{slug}_{account.kind}".upper().replace("-", "_")
    return {
        "kind": account.kind,
        "name": account.name,
        "config": {n: v for n, v in fields.items() if n not in secret},
        "secrets": {n: f"{prefix}_{n.upper()}" for n in fields if n in secret},
    }
