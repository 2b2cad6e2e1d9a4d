"""How a configuration changes: drafted, compared, published, rolled back. The assistant uses what is published."""

from typing import Any

from app.core.errors import NotFound, PreconditionFailed
from app.core.multi_tenant import TenantTx, client_of
from app.models.audit import AuditEntry
from app.models.client import Client, ClientSettings
from app.models.client_version import ClientDraft, ClientVersion
from app.utils.differences import Difference, differences

CHANGED = "Somebody published since. Compare, then save again."


def plain(name: str, settings: ClientSettings) -> dict[str, Any]:
    """A configuration as one plain value."""
    return {"name": name, "settings": settings.model_dump()}


async def publish(
    tx: TenantTx,
    name: str,
    settings: ClientSettings,
    *,
    actor: str,
    note: str | None = None,
    over: int | None = None,
) -> int:
    """Makes a configuration the one in use, and gives its number.

    Raises:
        PreconditionFailed: Another version than ``over`` is in use.
    """
    number = await ClientVersion.publish(tx, name, settings, author=actor, note=note, over=over)
    if number is None:
        raise PreconditionFailed(CHANGED)
    details = {"version": number}
    await AuditEntry.add(tx, actor, "client.configured", str(client_of(tx)), details)
    return number


async def save_draft(tx: TenantTx, name: str, settings: ClientSettings, *, actor: str) -> None:
    """Writes the draft, as compared with what is published now."""
    await ClientDraft.save(tx, (await Client.mine(tx)).version, name, settings, author=actor)
    await AuditEntry.add(tx, actor, "client.drafted", str(client_of(tx)))


async def discard_draft(tx: TenantTx, *, actor: str) -> None:
    """Throws the draft away."""
    await ClientDraft.discard(tx)
    await AuditEntry.add(tx, actor, "client.draft_discarded", str(client_of(tx)))


async def publish_draft(tx: TenantTx, *, actor: str, note: str | None) -> int:
    """Makes the draft the configuration in use.

    Raises:
        NotFound: There is no draft.
        PreconditionFailed: Something was published since it was saved.
    """
    draft = await ClientDraft.find(tx, lock=True)
    if draft is None:
        raise NotFound("There is no draft.")
    number = await publish(tx, draft.name, draft.assistant, actor=actor, note=note, over=draft.base)
    await ClientDraft.discard(tx)
    return number


async def restore(tx: TenantTx, version: int, *, actor: str, over: int | None = None) -> int:
    """Publishes an earlier version again, under a new number: history is never rewritten.

    Raises:
        NotFound: There is no such version.
        PreconditionFailed: Another version than ``over`` is in use.
    """
    old = await ClientVersion.get(tx, version)
    note = f"As version {version}."
    return await publish(tx, old.name, old.assistant, actor=actor, note=note, over=over)


async def compare(tx: TenantTx, before: int, after: int) -> list[Difference]:
    """What changed from one version to another.

    Raises:
        NotFound: One of them doesn't exist.
    """
    old, new = await ClientVersion.get(tx, before), await ClientVersion.get(tx, after)
    return list(differences(plain(old.name, old.assistant), plain(new.name, new.assistant)))
