"""Clients' keys: which there are, and new ones."""

from dataclasses import dataclass

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.models.client import Client, ClientRef
from app.models.sealing_anew import rows_left
from app.services.orchestrator import resealing


@dataclass(frozen=True, slots=True)
class KeyState:
    """One client's key.

    Attributes:
        version: The version that seals, or will in a moment.
        under: The key-encryption key that wraps it.
        left: Values that an older version sealed, and that are still to be sealed anew.
    """

    client: str
    version: int
    under: str
    left: int


def every(slug: str | None) -> list[KeyState]:
    """The clients' keys."""

    async def work(here: Installation) -> list[KeyState]:
        return [await _state(here, client) for client in await _chosen(here, slug)]

    return with_services(work)


async def _chosen(here: Installation, slug: str | None) -> list[ClientRef]:
    if slug is not None:
        return [await choose_client(here.services, slug)]
    async with here.services.db.directory() as tx:
        return await Client.every(tx)


async def _state(here: Installation, client: ClientRef) -> KeyState:
    async with here.services.db.tenant(client.id) as tx:
        left = await rows_left(tx)
    newest = (await here.services.keyring.versions(client.id))[-1]
    return KeyState(client.slug, newest.version, newest.under, left)


def rotate(slug: str | None) -> list[KeyState]:
    """New keys for one client or all; their rows are sealed anew by the workers."""

    async def work(here: Installation) -> list[KeyState]:
        services, chosen = here.services, await _chosen(here, slug)
        for client in chosen:
            await resealing.rotate(services.db, services.keyring, client.id, actor="cli")
        return [await _state(here, client) for client in chosen]

    return with_services(work)


def rewrap(*, renew: bool) -> tuple[str | None, int]:
    """Wraps all clients' keys under the newest key-encryption key, after making one where that is wanted."""

    async def work(here: Installation) -> tuple[str | None, int]:
        keyring = here.services.keyring
        under = await keyring.renew_service() if renew else None
        counts = [await keyring.rewrap(client.id) for client in await _chosen(here, None)]
        return under, sum(counts)

    return with_services(work)
