"""Making clients, and what whoever runs the installation decides about them."""

from app.core.multi_tenant import Database, TenantTx, client_of
from app.models.audit import AuditEntry
from app.models.client import Client, ClientRef, ClientSettings, Quota, new_client_id
from app.models.client_version import ClientVersion
from app.models.staff import Staff
from app.services.orchestrator.accounts import connect
from app.services.orchestrator.channels import Channels


async def create(
    db: Database,
    channels: Channels,
    *,
    name: str,
    slug: str,
    settings: ClientSettings,
    owner: tuple[str, str, str],
    actor: str,
) -> ClientRef:
    """Makes a client as ``establish`` does, in a transaction of its own."""
    async with db.tenant(new_client_id()) as tx:
        return await establish(
            tx, channels, name=name, slug=slug, settings=settings, owner=owner, actor=actor
        )


async def establish(
    tx: TenantTx,
    channels: Channels,
    *,
    name: str,
    slug: str,
    settings: ClientSettings,
    owner: tuple[str, str, str],
    actor: str,
) -> ClientRef:
    """Makes a client with its owner and a web chat, all or nothing.

    Args:
        tx: A transaction in the client that is to be.
        channels: For the web chat.
        name: How the business is called.
        slug: How addresses name it.
        settings: How its assistant behaves.
        owner: E-mail address, name and password hash of its first colleague.
        actor: Who does this.

    Raises:
        Conflict: The slug is taken.
    """
    email, person, password_hash = owner
    client = await Client.add(tx, name, slug, settings)
    await ClientVersion.publish(tx, name, settings, author=actor)
    await Staff.add(tx, email, person, "owner", password_hash)
    await connect(tx, channels, "web", name, {}, actor=actor)
    await AuditEntry.add(tx, actor, "client.created", str(client.id))
    return client


async def suspend(tx: TenantTx, reason: str, *, actor: str) -> None:
    """Stops serving a client. What contacts write is kept, and waits in the inbox."""
    await Client.suspend(tx, reason)
    await AuditEntry.add(tx, actor, "client.suspended", str(client_of(tx)))


async def resume(tx: TenantTx, *, actor: str) -> None:
    """Serves a client again."""
    await Client.resume(tx)
    await AuditEntry.add(tx, actor, "client.resumed", str(client_of(tx)))


async def allow(tx: TenantTx, quota: Quota, *, actor: str) -> None:
    """Sets what a client may use."""
    await Client.allow(tx, quota)
    details = quota.model_dump(exclude_none=True)
    await AuditEntry.add(tx, actor, "client.quota_set", str(client_of(tx)), details)
