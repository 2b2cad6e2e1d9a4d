"""Whom a command is about: which client, which colleague."""

from uuid import UUID

from app.bootstrap import Services
from app.core.errors import InvalidInput, NotFound
from app.core.multi_tenant import TenantTx
from app.demo import DEMO
from app.models.client import Client, ClientRef
from app.models.staff import Staff


async def choose_client(services: Services, slug: str | None) -> ClientRef:
    """The client of that slug; without one the only client, or the demo's first.

    Raises:
        NotFound: There is none of that slug, or none at all.
        InvalidInput: There are several.
    """
    async with services.db.directory() as tx:
        clients = await Client.every(tx)
    return chosen(clients, slug)


def chosen(clients: list[ClientRef], slug: str | None) -> ClientRef:
    """The choice among the clients there are."""
    by_slug = {client.slug: client for client in clients}
    if slug is not None and slug not in by_slug:
        raise NotFound(f"There is no client {slug!r}. There are: {_names(clients)}.")
    if not clients:
        raise NotFound("There are no clients yet. Make one: `wafaa client create --help`.")
    demo = next((by_slug[one.slug] for one in DEMO if one.slug in by_slug), None)
    found = by_slug[slug] if slug is not None else clients[0] if len(clients) == 1 else demo
    if found is None:
        raise InvalidInput(f"Which client? Add --client with one of: {_names(clients)}.")
    return found


def _names(clients: list[ClientRef]) -> str:
    return ", ".join(client.slug for client in clients) or "none"


async def choose_colleague(tx: TenantTx, email: str | None) -> UUID:
    """Who acts: the colleague with that address, else the client's first owner.

    Raises:
        NotFound: There is no such colleague.
    """
    found = await Staff.named(tx, email)
    if found is None:
        raise NotFound(f"No colleague {email or 'is owner'} here. Check --as and --client.")
    return found
